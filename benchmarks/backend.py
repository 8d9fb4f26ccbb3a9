"""The backend of every peer: nghttpd (Debian: nghttp2-server) as a fast echo of gRPC messages."""

from contextlib import ExitStack
from pathlib import Path

from benchmarks.process import HOST, Process
from tests.consul_agent import free_ports


def start(directory: Path, stack: ExitStack) -> int:
    """The port of an echo that answers any gRPC call with its own request and status OK."""
    port = free_ports(1)[0]
    argv = ["nghttpd", "--no-tls", "--echo-upload", "--trailer", "grpc-status: 0", "-a", HOST, str(port)]
    stack.enter_context(Process(argv, port=port, log=directory / "backend.log"))
    return port
