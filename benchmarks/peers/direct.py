"""No proxy."""

from benchmarks.peers.site import Site, Target, first_line


class Direct:
    """No proxy: what the backend and the load generator cost by themselves."""

    name = "direct"

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return first_line("nghttpd", "--version")

    def start(self, site: Site) -> Target:
        return Target(site.backend, None)
