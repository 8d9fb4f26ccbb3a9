"""HAProxy: the fastest proxy that routes calls. It mirrors only to an agent and exports no OTLP: no such peers."""

from dataclasses import replace

from benchmarks import certificate
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
        return self._run(site, "proto h2")

    def _run(self, site: Site, bind: str) -> Target:
        port = site.port()
        servers = "\n".join(
            f"  server {color} {HOST}:{site.backend} proto h2 weight {weight}"
            for color, weight in SPLIT.items()
        )
        config = site.write(
            f"{self.name}.cfg",
            f"""global
  nbthread 1
  maxconn 4000
  tune.h2.max-concurrent-streams 1024
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind {HOST}:{port} {bind}
  default_backend echo
backend echo
  balance roundrobin
{servers}
""",
        )
        return site.run(self.name, [str(program("haproxy")), "-db", "-f", config], port=port)


class HAProxyWithTLS(HAProxy):
    """TLS towards the client; the backend is spoken to in plain text."""

    name = "haproxy-tls"

    def missing(self) -> str | None:
        return super().missing() or certificate.missing()

    def start(self, site: Site) -> Target:
        own = certificate.certificate(site.directory)
        return replace(self._run(site, f"ssl crt {own.both} alpn h2"), certificate=own.certificate)
