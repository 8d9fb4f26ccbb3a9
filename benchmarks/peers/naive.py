"""The relay of benchmarks/naive_relay.py."""

import sys

import grpc

from benchmarks.peers.site import Site, Target
from benchmarks.process import HOST


class NaiveRelay:
    """A relay on grpc.aio and uvloop: what a first attempt in Python costs."""

    name = "naive"

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return f"grpc.aio {grpc.__version__}, Python {sys.version.split()[0]}"

    def start(self, site: Site) -> Target:
        port = site.port()
        argv = [sys.executable, "-m", "benchmarks.naive_relay", str(port), f"{HOST}:{site.backend}"]
        return site.run(self.name, argv, port=port)
