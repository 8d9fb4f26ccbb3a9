"""HAProxy: the fastest proxy that routes calls."""

from benchmarks.peers.site import SPLIT, Site, Target, first_line, program
from benchmarks.process import HOST


class HAProxy:
    """HTTP/2 on both sides, one thread, two weighted servers."""

    name = "haproxy"

    def missing(self) -> str | None:
        return None if program("haproxy") else "no command haproxy (make system-deps)"

    def version(self) -> str:
        return first_line(str(program("haproxy")), "-v").split()[2]

    def start(self, site: Site) -> Target:
        port = site.port()
        servers = "\n".join(
            f"  server {color} {HOST}:{site.backend} proto h2 weight {weight}"
            for color, weight in SPLIT.items()
        )
        config = site.write(
            "haproxy.cfg",
            f"""global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind {HOST}:{port} proto h2
  default_backend echo
backend echo
  balance roundrobin
{servers}
""",
        )
        return site.run(self.name, [str(program("haproxy")), "-db", "-f", config], port=port)
