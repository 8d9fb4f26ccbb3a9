"""What is stored of a call and of its shadow: of every kind of call, as it was meant, and nothing it should not."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from shadow.messages.framing import split
from shadow.pair import Outcome
from shadow.store.values import Stored
from tests.e2e.backends.scripted import OPTIONS
from tests.e2e.harness import Mesh, Splitter
from tests.e2e.harness.client import SAFE, Client
from tests.e2e.harness.scripted import identity, method
from tests.e2e.harness.shadows import accounted, settled, stored, watched
from tests.until import until

BACKENDS = "tests.e2e.backends"
ALL = {"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 100}], "methods": SAFE}
NAMED = (("x-id", identity()),)
LONG = b"a" * 4000
TOKEN = "Bearer 4f1c-who-reads-this-becomes-me"


async def begin(mesh: Mesh, store: Path, *green: str, document: dict[str, Any] = ALL) -> Splitter:
    """Blue and green, `green` being what green is besides, and a splitter that keeps pairs of them."""
    await mesh.backend("blue", lambda port: module("scripted", port), ready="ready")
    await mesh.backend("green", lambda port: module(green[0], port, *green[1:]), ready="ready")
    splitter = await mesh.splitter("--store", str(store))
    await mesh.put(document)
    return splitter


def module(name: str, port: int, *flags: str) -> list[str]:
    return [sys.executable, "-m", f"{BACKENDS}.{name}", str(port), *flags]


async def talk(channel: grpc.aio.Channel, name: str, *messages: bytes, **more: Any) -> list[bytes]:
    """A call of many messages, each way as the method has it."""

    async def sent() -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    call = channel.stream_stream(method(name))(sent(), timeout=10, **more)
    return [message async for message in call]


async def kept(mesh: Mesh, splitter: Splitter, store: Path, *, calls: int) -> list[Stored]:
    """The pairs of so many calls, each of which has one."""
    found = await settled(splitter)
    assert found.mirrored == sum(found.became.values()) == calls
    assert accounted(store) == found.became
    return stored(mesh, store)


def told(pair: Stored) -> dict[str, tuple[bool, float, str]]:
    """What its comparison says, by output."""
    assert pair.comparison is not None
    return {each.output: (each.agrees, each.score, each.detail) for each in pair.comparison.differences}


def messages(body: bytes | None, encoding: str = "") -> Sequence[bytes]:
    assert body is not None
    found = split(body, encoding)
    assert not found.fault
    return found.messages


async def test_of_each_kind_of_call_both_answers_are_stored_and_compared_message_by_message(
    mesh: Mesh, tmp_path: Path
) -> None:
    store = tmp_path / "shadow.db"
    splitter = await begin(mesh, store, "unlike")
    async with Client(splitter.address) as client:
        assert await client.channel.unary_unary(method("Once"))(b"one", timeout=10) == b"one"
        assert await talk(client.channel, "Count", b"a", b"bb", b"ccc") == [b"[3, 6]"]
        assert len(await talk(client.channel, "Pour", b"[3, 10]", metadata=NAMED)) == 3
        assert await talk(client.channel, "Echo", b"first", b"odd", b"last") == [b"first", b"odd", b"last"]
    pairs = await kept(mesh, splitter, store, calls=4)
    by_method = {each.pair.method: each for each in pairs}
    once, count, pour, echo = (by_method[method(name)] for name in ("Once", "Count", "Pour", "Echo"))
    assert all(agrees for pair in (once, count) for agrees, _, _ in told(pair).values())
    assert told(pour)["messages"] == (False, 2 / 3, "2 instead of 3")
    assert told(pour)["answer"][0], "those that both have are alike"
    agrees, score, detail = told(echo)["answer"]
    assert (agrees, score) == (False, 2 / 3)
    assert detail.startswith("message 2: ")
    assert told(echo)["messages"][0], "as many as there should be"
    assert messages(count.pair.request) == (b"a", b"bb", b"ccc")
    assert messages(echo.pair.primary.body) == (b"first", b"odd", b"last")
    assert messages(echo.pair.shadow.body) == (b"first", b"even", b"last")


async def test_messages_are_compared_as_they_are_without_their_compression(
    mesh: Mesh, tmp_path: Path
) -> None:
    store = tmp_path / "shadow.db"
    splitter = await begin(mesh, store, "unlike", "gzip")
    gzip = {"compression": grpc.Compression.Gzip}
    async with Client(splitter.address) as client:
        assert await talk(client.channel, "Echo", LONG, LONG, **gzip) == [LONG, LONG]
        assert await talk(client.channel, "Echo", LONG, b"odd" + LONG, **gzip) == [LONG, b"odd" + LONG]
    alike, unlike = await kept(mesh, splitter, store, calls=2)
    assert alike.pair.encoding == alike.pair.shadow.encoding == "gzip"
    assert alike.pair.request is not None
    assert len(alike.pair.request) < 200, "it came compressed"
    assert messages(alike.pair.request, "gzip") == (LONG, LONG)
    assert messages(alike.pair.primary.body, "none, it has no flag") == (LONG, LONG)
    assert told(alike)["answer"][0]
    agrees, score, detail = told(unlike)["answer"]
    assert (agrees, score) == (False, 0.5)
    assert detail.startswith("message 2: 4004 bytes instead of 4003, the first other one at 0")


async def test_a_call_that_its_client_gave_up_is_kept_with_that_reason(mesh: Mesh, tmp_path: Path) -> None:
    store = tmp_path / "shadow.db"
    splitter = await begin(mesh, store, "scripted")
    name, green = identity(), mesh.backends["green"].address
    async with Client(splitter.address) as client, grpc.aio.insecure_channel(green, options=OPTIONS) as other:
        await talk(other, "Release", name.encode())  # so green answers, and blue does not
        call = client.channel.unary_unary(method("Swallow"))(b"x", metadata=(("x-id", name),), timeout=20)
        await watched(splitter, lambda found: found.completed > 0)
        call.cancel()
        (pair,) = await kept(mesh, splitter, store, calls=1)
    assert (pair.pair.outcome, pair.pair.reason) == (Outcome.DROPPED, "canceled")
    assert pair.pair.canceled
    assert (pair.pair.primary.status, pair.pair.shadow.status) == ("CANCELLED", "OK")


async def test_a_body_over_the_largest_is_left_out_and_the_pair_is_too_large(
    mesh: Mesh, tmp_path: Path
) -> None:
    store = tmp_path / "shadow.db"
    document = {**ALL, "record": {"largest": "1KiB"}}
    splitter = await begin(mesh, store, "scripted", document=document)
    async with Client(splitter.address) as client:
        assert (
            await talk(client.channel, "Pour", b"[4, 1000]", metadata=NAMED) != []
        )  # each message fits, all do not
        assert await talk(client.channel, "Count", b"x" * 1025) == [b"[1, 1025]"]
        assert await talk(client.channel, "Count", b"x" * 1019) == [b"[1, 1019]"]  # and 5 bytes of prefix
    pour, large, fits = await kept(mesh, splitter, store, calls=3)
    assert [each.pair.reason for each in (pour, large, fits)] == ["too_large", "too_large", ""]
    assert pour.pair.request is not None
    assert (pour.pair.primary.body, pour.pair.shadow.body, large.pair.request) == (None, None, None)
    assert fits.pair.outcome is Outcome.COMPARED


async def test_with_payloads_none_nothing_of_a_call_is_in_the_file_and_credentials_never(
    mesh: Mesh, tmp_path: Path
) -> None:
    """Answers that differ in JSON, because a difference is told by quoting both."""
    store, secret = tmp_path / "shadow.db", b'{"who": "odd-one-4711"}'
    metadata = (("authorization", TOKEN), ("x-user-id", "somebody-7"))
    nothing = {**ALL, "record": {"payloads": "none"}}
    splitter = await begin(mesh, store, "unlike", document=nothing)
    async with Client(splitter.address) as client:
        await talk(client.channel, "Echo", secret, metadata=metadata)
        (bare,) = await kept(mesh, splitter, store, calls=1)
        assert told(bare)["answer"][:2] == (False, 0.0), "compared nevertheless"
        assert (bare.pair.request, bare.pair.primary.body, bare.pair.metadata) == (None, None, ())
        assert not any(found(store, each) for each in (b"-one-4711", b"somebody-7", TOKEN.encode()))
        await mesh.put({**ALL, "record": {"payloads": "all"}})
        await talk(client.channel, "Echo", secret, metadata=metadata)
    _, full = await kept(mesh, splitter, store, calls=2)
    assert messages(full.pair.request) == (secret,)
    assert found(store, b"-one-4711"), "so it would have been seen above"
    assert dict(full.pair.metadata) == {"x-user-id": "somebody-7"}
    assert not found(store, TOKEN.encode())


def found(store: Path, what: bytes) -> bool:
    """In the file, or in what SQLite keeps beside it."""
    return any(what in each.read_bytes() for each in store.parent.glob(store.name + "*"))


async def test_each_pair_has_the_revision_that_decided_it_and_is_read_by_what_held_then(
    mesh: Mesh, tmp_path: Path
) -> None:
    """While calls pass, blue and green change places; in the end the document names a comparator nobody has."""
    store = tmp_path / "shadow.db"
    splitter = await begin(mesh, store, "scripted")
    revisions = {"blue": (await splitter.table())["revision"]}
    colors: list[str] = []
    async with Client(splitter.address) as client:

        async def calls(last: str) -> None:
            while not colors or colors[-1] != last:
                colors.append(await client.color())

        calling = asyncio.create_task(calls("green"))
        await until(lambda: len(colors) >= 20)
        swapped = {**ALL, "split": {"green": 100}, "mirror": [{"color": "blue", "percent": 100}]}
        revisions["green"] = await mesh.put(swapped)
        await calling
        pairs = await kept(mesh, splitter, store, calls=len(colors))
        assert [each.pair.primary.color for each in pairs] == colors
        assert all(each.pair.revision == revisions[each.pair.primary.color] for each in pairs)
        strange = await mesh.put({**ALL, "compare": {"comparator": "nowhere"}})
        assert await client.color() == "blue"
        pair = (await kept(mesh, splitter, store, calls=len(colors) + 1))[-1]
    await splitter.process.line(r"ERROR recorder .*'nowhere'")
    assert (pair.pair.revision, pair.pair.outcome, pair.pair.reason) == (
        strange,
        Outcome.DROPPED,
        "incomparable",
    )
    assert messages(pair.pair.request) == (b"hello",)
    assert json.loads(await splitter.get("/table"))["revision"] == strange
