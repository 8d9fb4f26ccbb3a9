"""Ports of this machine: whether one is free, and some that are."""

import socket
from collections.abc import Mapping
from typing import Final

from rollout.failure import Exit, Failure

LOOPBACK: Final = "127.0.0.1"


def free(count: int) -> list[int]:
    """Different ports that nobody listens on now, all held until all are found."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def demand(wanted: Mapping[str, int]) -> None:
    """Failure that names each taken port and the option that moves it; 0 is any free port, so never taken."""
    taken = [(option, port) for option, port in wanted.items() if port and not _is_free(port)]
    if taken:
        what = ", ".join(f"{port} ({option})" for option, port in taken)
        options = " ".join(f"{option} {free(1)[0]}" for option, _ in taken)
        raise Failure(
            Exit.FAILED,
            f"somebody on this machine listens already on {what}",
            hint=f"Stop that program, or take other ports: verdigris up {options}",
        )


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a recent connection's rest is no listener
        try:
            tried.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
