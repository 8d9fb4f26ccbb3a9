"""How tests speak to the scripted backend (`tests/e2e/backends/scripted.py`)."""

import itertools
import os
import sys

import grpc.aio

from tests.e2e.backends.scripted import SERVICE
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.route import Site

_ids = itertools.count(1)


def scripted_site(mesh: Mesh) -> Site:
    """A scripted backend of each colour."""
    command = [sys.executable, "-m", "tests.e2e.backends.scripted"]
    return Site.alike(mesh, lambda port: [*command, str(port)], ready="ready")


def method(name: str) -> str:
    """The full name of one of its methods."""
    return f"/{SERVICE}/{name}"


def identity() -> str:
    """A new name for a call that another call asks the backend about."""
    return f"{os.getpid()}-{next(_ids)}"


async def ask(channel: grpc.aio.Channel, name: str, request: bytes = b"", **more: object) -> bytes:
    """One small unary call."""
    answer: bytes = await channel.unary_unary(method(name))(request, timeout=20, **more)
    return answer
