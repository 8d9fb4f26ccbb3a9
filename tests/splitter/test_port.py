"""What `splitter.port` promises: one address for our processes, and for nobody else's."""

import socket
from collections.abc import Iterator

import pytest

from mesh.address import Address
from splitter.port import Bound, owned, ready, reserved, shared

ANY = Address("127.0.0.1", 0)


@pytest.fixture
def held() -> Iterator[tuple[Bound, ...]]:
    with reserved(ANY) as addresses:
        yield addresses


def listeners(addresses: tuple[Bound, ...], count: int) -> list[socket.socket]:
    made = [ours for _ in range(count) for ours in shared(addresses)]
    for each in made:
        each.listen()
    return made


def test_any_free_port_is_one_that_is_known_from_then_on(held: tuple[Bound, ...]) -> None:
    ((family, (host, port)),) = held
    assert (family, host) == (socket.AF_INET, "127.0.0.1")
    assert port > 0


def test_several_processes_may_listen_and_share_the_clients(held: tuple[Bound, ...]) -> None:
    listening = listeners(held, 3)
    try:
        reached = set()
        for _ in range(200):
            with socket.create_connection(held[0][1]):
                for number, each in enumerate(listening):
                    each.setblocking(False)
                    try:
                        each.accept()[0].close()
                    except BlockingIOError:
                        continue
                    reached.add(number)
        assert reached == {0, 1, 2}
    finally:
        for each in listening:
            each.close()


def test_while_nobody_listens_connections_are_refused_and_not_kept_waiting(held: tuple[Bound, ...]) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(held[0][1])


@pytest.mark.parametrize("listening", [0, 1], ids=["reserved", "in use"])
def test_nobody_else_gets_it_though_all_would_share(held: tuple[Bound, ...], listening: int) -> None:
    made = listeners(held, listening)
    address = Address("127.0.0.1", held[0][1][1])
    try:
        with pytest.raises(OSError, match=r"--listen '127.0.0.1:\d+': .*in use"), reserved(address):
            pass
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                stranger.bind(held[0][1])
    finally:
        for each in made:
            each.close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="--listen") as refused:
            reserved(Address("127.0.0.1", port)).__enter__()
    assert str(refused.value) == (f"--listen '127.0.0.1:{port}': cannot listen there: address already in use")


def test_a_worker_that_does_not_get_it_says_which() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = taken.getsockname()
        with pytest.raises(OSError, match=f"^--listen '127.0.0.1:{where[1]}': cannot listen there: "):
            next(shared(((socket.AF_INET, where),)))


def test_what_goes_wrong_while_it_is_held_is_no_fault_of_the_address() -> None:
    with pytest.raises(OSError, match=r"^\[Errno 28\] full$"), reserved(ANY):
        raise OSError(28, "full")


def test_the_next_supervisor_gets_the_port_that_draining_workers_only_talk_on() -> None:
    with reserved(ANY) as addresses:
        (listening,) = listeners(addresses, 1)
        client = socket.create_connection(addresses[0][1])
        accepted, _ = listening.accept()
        listening.close()
    with client, accepted, reserved(Address("127.0.0.1", addresses[0][1][1])) as again:
        assert again[0][1] == addresses[0][1]


def test_what_is_owned_takes_no_connection_before_it_listens_and_then_all() -> None:
    with owned(ANY) as sockets:
        (ours,) = sockets
        where = ours.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)
        _listen(sockets)
        with socket.create_connection(where):
            pass


@pytest.mark.parametrize("listening", [False, True], ids=["owned", "in use"])
@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT], ids=["address", "port"])
def test_what_is_owned_is_shared_with_nobody(listening: bool, option: int) -> None:
    with owned(ANY) as sockets, socket.socket() as stranger:
        if listening:
            _listen(sockets)
        stranger.setsockopt(socket.SOL_SOCKET, option, 1)
        with pytest.raises(OSError, match="in use"):
            stranger.bind(sockets[0].getsockname())


def test_the_next_process_gets_the_port_that_a_draining_one_only_talks_on() -> None:
    with owned(ANY) as sockets:
        where = sockets[0].getsockname()
        _listen(sockets)
        client = socket.create_connection(where)
        accepted, _ = sockets[0].accept()
    with client, accepted, owned(Address("127.0.0.1", where[1])) as again:
        assert again[0].getsockname() == where
        _listen(again)


def _listen(sockets: tuple[socket.socket, ...]) -> None:
    for each in ready(sockets):
        each.listen()


def test_a_family_that_is_not_enabled_is_left_out_unless_it_is_the_only_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`localhost` where IPv6 is off; 192.0.2.1 (RFC 5737) is no address of this host."""
    absent, there = (
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("192.0.2.1", "127.0.0.1")
    )
    found = [absent, there]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with owned(Address("localhost", 0)) as sockets:
        assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1"]
    found.pop()
    with pytest.raises(OSError, match="cannot assign requested address"), owned(Address("localhost", 0)):
        pass


def test_an_address_may_be_of_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("needs IPv6")
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("needs IPv6 on the loopback interface")
    with reserved(Address("::1", 0)) as addresses:
        (listening,) = listeners(addresses, 1)
        with listening, socket.create_connection(addresses[0][1][:2]):
            pass
