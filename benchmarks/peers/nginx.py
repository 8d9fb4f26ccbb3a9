"""nginx with grpc_pass."""

import os

from benchmarks.peers.site import SPLIT, Site, Target, first_line, program
from benchmarks.process import HOST


class Nginx:
    """grpc_pass, one worker; nginx sends one call at a time on an upstream connection, so it keeps many."""

    name = "nginx"

    def missing(self) -> str | None:
        return None if program("nginx") else "no command nginx (make system-deps)"

    def version(self) -> str:
        return first_line(str(program("nginx")), "-v").split("/")[-1]

    def start(self, site: Site) -> Target:
        port = site.port()
        kept = "keepalive 64; keepalive_requests 1000000000;"
        upstreams = "\n".join(
            f"  upstream {color} {{ server {HOST}:{site.backend}; {kept} }}" for color in SPLIT
        )
        temporary = "\n".join(
            f"  {kind}_temp_path {site.directory}/nginx-{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""
        config = site.write(
            "nginx.conf",
            f"""daemon off; worker_processes 1; {user}
pid {site.directory}/nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
{temporary}
{upstreams}
  split_clients $request_id $color {{ {SPLIT["green"]}% green; * blue; }}
  server {{
    listen {HOST}:{port} http2;
    http2_max_concurrent_streams 1024; keepalive_requests 1000000000;
    client_max_body_size 0; client_body_buffer_size 128k;
    location / {{ grpc_pass grpc://$color; }}
  }}
}}
""",
        )
        argv = [str(program("nginx")), "-e", "stderr", "-p", str(site.directory), "-c", config]
        return site.run(self.name, argv, port=port)
