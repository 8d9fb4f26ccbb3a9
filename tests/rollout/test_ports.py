"""Ports: free ones, and a clear word about those that are taken."""

import socket

import pytest

from rollout import ports
from rollout.failure import Exit, Failure


def test_free_ports_are_different_and_free() -> None:
    found = ports.free(5)
    assert len(set(found)) == 5
    ports.demand({f"--{port}": port for port in found})


def test_a_taken_port_is_named_with_its_option_and_a_way_out() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Failure, match=rf"{port} \(--consul-port\)") as failure:
            ports.demand({"--consul-port": port, "--port": 0})
    assert failure.value.code is Exit.FAILED
    assert "verdigris up --consul-port" in failure.value.hint


def test_a_port_that_was_just_left_is_free() -> None:
    """Connections that rest in TIME_WAIT do not keep a second `up` from starting."""
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address), server.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)
    ports.demand({"--port": address[1]})
