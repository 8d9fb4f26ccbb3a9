"""What `mesh.consul` promises, against a real agent; faults that no agent shows come from a socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from mesh import consul_http
from mesh.consul import (
    Answer,
    Consul,
    ConsulAddress,
    ConsulError,
    DeniedError,
    Entry,
    Instance,
    SessionLostError,
    read_token,
)
from tests.consul_agent import ConsulAgent, consul_binary, free_ports

needs_consul = pytest.mark.skipif(consul_binary() is None, reason="consul: not installed; run `make consul`")


@pytest.fixture(scope="module")
def agent() -> Iterator[ConsulAgent]:
    with ConsulAgent() as agent:
        yield agent


@pytest_asyncio.fixture
async def consul(agent: ConsulAgent) -> AsyncIterator[Consul]:
    async with Consul(ConsulAddress.parse(agent.address)) as consul:
        yield consul


# Addresses and tokens


@pytest.mark.parametrize(
    ("text", "host", "port", "scheme"),
    [
        ("127.0.0.1:8500", "127.0.0.1", 8500, "http"),
        ("http://consul.example:80", "consul.example", 80, "http"),
        ("https://consul.example:8501/", "consul.example", 8501, "https"),
        ("[::1]:8500", "::1", 8500, "http"),
    ],
)
def test_an_address_is_read_and_shown_as_a_url(text: str, host: str, port: int, scheme: str) -> None:
    address = ConsulAddress.parse(text)
    assert (address.host, address.port, address.scheme) == (host, port, scheme)
    assert ConsulAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        ":8500",
        "127.0.0.1:0",
        "127.0.0.1:70000",
        "127.0.0.1:http",
        "ftp://127.0.0.1:8500",
        "unix:///run/consul.sock",
        "http://user@127.0.0.1:8500",
        "http://127.0.0.1:8500/v1",
        "http://127.0.0.1:8500?token=x",
    ],
)
def test_a_bad_address_is_refused_with_the_value_and_the_rule(text: str) -> None:
    with pytest.raises(ValueError, match="must be HOST:PORT, http://HOST:PORT") as refused:
        ConsulAddress.parse(text)
    assert repr(text) in str(refused.value)


def test_a_token_file_wins_over_the_environment_and_blank_means_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "blank").write_text("\n")
    environment = {"CONSUL_HTTP_TOKEN": "from-environment"}
    assert read_token(tmp_path / "token", environment) == "from-file"
    assert read_token(None, environment) == "from-environment"
    assert read_token(tmp_path / "blank", environment) is None
    assert read_token(None, {}) is None
    with pytest.raises(FileNotFoundError):
        read_token(tmp_path / "absent", environment)


def test_a_token_is_in_no_repr_of_its_address() -> None:
    assert "secret" not in repr(ConsulAddress.parse("127.0.0.1:8500", token="secret"))


# Keys


@needs_consul
async def test_a_value_comes_back_byte_for_byte_under_a_key_of_any_characters(consul: Consul) -> None:
    key, value = "bytes/ü b?#%/+", bytes(range(256))
    assert await consul.put(key, value)
    found = (await consul.get(key)).value
    assert found is not None
    assert (found.key, found.value, found.session) == (key, value, None)


@needs_consul
async def test_an_empty_value_is_empty_bytes_and_an_absent_key_is_none(consul: Consul) -> None:
    await consul.put("empty/value", b"")
    assert (await consul.get("empty/value")).value == Entry(
        "empty/value", b"", await revision(consul, "empty/value")
    )
    absent = await consul.get("empty/absent")
    assert absent.value is None
    assert absent.index > 0


@needs_consul
async def test_a_prefix_lists_what_is_under_it_in_order_and_nothing_else(consul: Consul) -> None:
    for key in ("list/b", "list/a", "lists"):
        await consul.put(key, key.encode())
    assert [entry.key for entry in (await consul.list("list/")).value] == ["list/a", "list/b"]
    assert (await consul.list("list/nothing/")).value == ()


@needs_consul
async def test_folders_are_what_has_keys_under_it_by_name(consul: Consul) -> None:
    for key in ("folders/", "folders/b/", "folders/a/one", "folders/a/two/three", "folders/plain"):
        await consul.put(key, b"value")
    assert await consul.folders("folders/") == ("a", "b")
    assert await consul.folders("folders/nothing/") == ()


@needs_consul
async def test_check_and_set_writes_only_over_the_revision_it_saw(consul: Consul) -> None:
    assert await consul.put("cas/key", b"first", cas=0)
    assert not await consul.put("cas/key", b"again", cas=0)
    seen = await revision(consul, "cas/key")
    assert await consul.put("cas/key", b"second", cas=seen)
    assert not await consul.put("cas/key", b"late", cas=seen)
    assert not await consul.delete("cas/key", cas=seen)
    assert (await consul.get("cas/key")).value == Entry(
        "cas/key", b"second", await revision(consul, "cas/key")
    )
    assert await consul.delete("cas/key", cas=await revision(consul, "cas/key"))
    assert (await consul.get("cas/key")).value is None


@needs_consul
async def test_deleting_is_recursive_on_request_and_no_error_when_absent(consul: Consul) -> None:
    await consul.put("tree/a", b"1")
    await consul.put("tree/b/c", b"2")
    assert await consul.delete("tree/absent")
    assert await consul.delete("tree/", recurse=True)
    assert (await consul.list("tree/")).value == ()


async def test_check_and_set_and_a_lock_in_one_write_are_refused_before_asking() -> None:
    async with Consul(ConsulAddress("127.0.0.1", 1)) as consul:
        with pytest.raises(ValueError, match="cas or acquire"):
            await consul.put("key", b"", cas=0, acquire="session")


# Blocking queries


@needs_consul
async def test_a_question_with_an_index_waits_for_the_next_write(consul: Consul) -> None:
    await consul.put("wait/key", b"before")
    before = await consul.get("wait/key")
    question = asyncio.create_task(consul.get("wait/key", index=before.index, wait=60))
    async with asyncio.timeout(10):
        await consul.put("wait/other", b"not asked about")
        assert not question.done()
        await consul.put("wait/key", b"after")
        after = await question
    assert after.index > before.index
    assert after.value is not None
    assert after.value.value == b"after"


@needs_consul
async def test_a_wait_in_which_nothing_happens_ends_with_the_same_answer(consul: Consul) -> None:
    await consul.put("quiet/key", b"value")
    before = await consul.get("quiet/key")
    started = time.monotonic()
    assert await consul.get("quiet/key", index=before.index, wait=0.2) == before
    assert 0.2 <= time.monotonic() - started < 5


@needs_consul
async def test_an_index_without_a_wait_does_not_wait(consul: Consul) -> None:
    """Consul itself would hold such a question for five minutes."""
    await consul.put("now/key", b"value")
    before = await consul.get("now/key")
    async with asyncio.timeout(5):
        assert await consul.get("now/key", index=before.index) == before


@needs_consul
async def test_a_waiting_question_can_be_cancelled_and_the_client_goes_on(consul: Consul) -> None:
    before = await consul.get("cancel/key")
    question = asyncio.create_task(consul.get("cancel/key", index=before.index, wait=60))
    await consul.get("cancel/key")
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    assert await consul.put("cancel/key", b"value")


# Instances


async def register(consul: Consul, id: str, *, service: str, check: str | None, passing: bool = True) -> None:
    await consul.register(
        id=id,
        service=service,
        address="127.0.0.1",
        port=1234,
        tags=("blue", "verdigris"),
        meta={"model": "m", "model_version": "3"},
        grpc_check=check,
        initially_passing=passing,
    )


@needs_consul
async def test_an_instance_is_found_as_it_was_registered_passing_from_the_first_moment(
    consul: Consul,
) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"  # the check fails, but only at its first interval
    await register(consul, "one-1", service="one", check=nobody)
    [found] = (await consul.instances("one")).value
    assert (found.id, found.address, found.port, found.passing) == ("one-1", "127.0.0.1", 1234, True)
    assert found.tags == ("blue", "verdigris")
    assert found.meta == {"model": "m", "model_version": "3"}


@needs_consul
async def test_an_instance_that_fails_its_check_is_listed_as_not_passing(consul: Consul) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    await register(consul, "bad-2", service="bad", check=nobody, passing=False)
    await register(consul, "bad-1", service="bad", check=None)
    found = (await consul.instances("bad")).value
    assert [(instance.id, instance.passing) for instance in found] == [("bad-1", True), ("bad-2", False)]


@needs_consul
async def test_an_instance_without_an_address_is_at_its_node(agent: ConsulAgent, consul: Consul) -> None:
    """Anything may be registered by anybody: the splitter asks for nothing but a colour tag."""
    await put_json(agent, "/v1/agent/service/register", {"Name": "bare", "Port": 9, "Tags": ["green"]})
    [found] = (await consul.instances("bare")).value
    assert (found.address, found.tags, found.meta, found.passing) == ("127.0.0.1", ("green",), {}, True)


@needs_consul
async def test_a_waiting_question_sees_an_instance_come_and_go(consul: Consul) -> None:
    nobody = await consul.instances("comes")
    assert nobody.value == ()
    question = asyncio.create_task(consul.instances("comes", index=nobody.index, wait=60))
    async with asyncio.timeout(10):
        await register(consul, "comes-1", service="comes", check=None)
        come = await question
        assert [instance.id for instance in come.value] == ["comes-1"]
        await consul.deregister("comes-1")
        assert (await consul.instances("comes", index=come.index, wait=60)).value == ()


@needs_consul
async def test_taking_out_an_unknown_instance_is_no_error(consul: Consul) -> None:
    await consul.deregister("never-registered")


@needs_consul
async def test_an_agent_that_restarts_keeps_registrations_with_its_data_and_loses_them_without() -> None:
    """Why an instance has to watch that it is still registered."""
    async with ConsulAgent() as agent, Consul(ConsulAddress.parse(agent.address)) as consul:
        await register(consul, "kept-1", service="kept", check=None)
        await asyncio.to_thread(agent.restart, forget=False)
        assert [instance.id for instance in await settled(consul, "kept")] == ["kept-1"]
        await asyncio.to_thread(agent.restart)
        assert (await consul.instances("kept")).value == ()


async def settled(consul: Consul, service: str) -> tuple[Instance, ...]:
    """The service's instances, once the agent has told the catalog of them."""
    answer = await consul.instances(service)
    async with asyncio.timeout(10):
        while not answer.value:
            answer = await consul.instances(service, index=answer.index, wait=5)
    return answer.value


# Sessions


@needs_consul
async def test_a_key_held_by_a_session_vanishes_with_it_and_can_be_taken_at_once(consul: Consul) -> None:
    first = await consul.create_session(name="first", ttl=10)
    assert await consul.put("session/key", b"1", acquire=first)
    second = await consul.create_session(name="second", ttl=10)
    assert not await consul.put("session/key", b"2", acquire=second)
    held = (await consul.get("session/key")).value
    assert held is not None
    assert (held.value, held.session) == (b"1", first)
    await consul.renew_session(first)
    await consul.destroy_session(first)
    await consul.destroy_session(first)
    assert (await consul.get("session/key")).value is None
    assert await consul.put("session/key", b"2", acquire=second)


@needs_consul
async def test_renewing_a_session_that_is_gone_says_so(consul: Consul) -> None:
    session = await consul.create_session(name="gone", ttl=10)
    await consul.destroy_session(session)
    with pytest.raises(SessionLostError, match=f"renew session {session}"):
        await consul.renew_session(session)


@pytest.mark.parametrize("ttl", [0, 9.9, 86_401])
async def test_a_session_time_that_consul_refuses_is_refused_here_with_the_rule(ttl: float) -> None:
    async with Consul(ConsulAddress("127.0.0.1", 1)) as consul:
        with pytest.raises(ValueError, match="must be from 10 to 86400 seconds"):
            await consul.create_session(name="s", ttl=ttl)


# Failures


@needs_consul
async def test_what_consul_refuses_is_an_error_with_address_question_and_reason(
    agent: ConsulAgent, consul: Consul
) -> None:
    with pytest.raises(ConsulError) as refused:
        await consul.put("too/large", b"x" * 600_000)
    assert f"http://{agent.address}: put too/large: 413" in str(refused.value)


async def test_an_agent_that_is_not_there_is_an_error_that_says_so() -> None:
    port = free_ports(1)[0]
    async with Consul(ConsulAddress("127.0.0.1", port)) as consul:
        with pytest.raises(
            ConsulError, match=f"127.0.0.1:{port}: get key: cannot connect: Connection refused"
        ):
            await consul.get("key")


@needs_consul
async def test_the_client_survives_a_restart_of_its_agent() -> None:
    async with ConsulAgent() as agent, Consul(ConsulAddress.parse(agent.address)) as consul:
        await consul.put("key", b"value")
        question = asyncio.create_task(consul.get("key", index=(await consul.get("key")).index, wait=60))
        await consul.get("key")
        await asyncio.to_thread(agent.kill)
        with pytest.raises(ConsulError, match="get key"):
            await question
        with pytest.raises(ConsulError, match="cannot connect"):
            await consul.get("key")
        await asyncio.to_thread(agent.start)
        assert (await consul.get("key")).value is None


@needs_consul
async def test_without_the_right_token_a_write_is_denied_and_with_it_it_is_done() -> None:
    hcl = 'acl { enabled = true, default_policy = "deny", tokens { master = "the-root-token" } }'
    async with ConsulAgent(hcl=hcl) as agent:
        async with Consul(ConsulAddress.parse(agent.address)) as stranger:
            with pytest.raises(DeniedError, match="put key: Permission denied"):
                await stranger.put("key", b"value")
        async with Consul(ConsulAddress.parse(agent.address, token="the-root-token")) as root:
            assert await root.put("key", b"value")


Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def impostor(reply: Reply) -> AsyncIterator[Consul]:
    """A client of something on a socket that is no Consul agent."""
    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Consul(ConsulAddress("127.0.0.1", port, token="the-token")) as consul:
        yield consul


def saying(status: str, body: str, heard: list[str] | None = None) -> Reply:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(request.decode())
        lines = [f"HTTP/1.1 {status}", "X-Consul-Index: 7", f"Content-Length: {len(body)}"]
        writer.write("\r\n".join([*lines, "", body]).encode())
        writer.close()
        await writer.wait_closed()

    return reply


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("200 OK", "<html>hello</html>"),
        ("200 OK", '{"Key": "no list"}'),
        ("200 OK", '[{"Key": "k"}]'),
        ("200 OK", '[{"Key": "k", "ModifyIndex": 1, "Value": "abc"}]'),
        ("200 OK", '["text"]'),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", ""),
        ("500 Internal Server Error", "No cluster leader"),
        ("429 Too Many Requests", "slow down"),
    ],
)
async def test_an_answer_that_is_no_answer_is_an_error_and_never_another_exception(
    status: str, body: str
) -> None:
    async with impostor(saying(status, body)) as consul:
        with pytest.raises(ConsulError, match="list key"):
            await consul.list("key")


async def test_the_token_goes_into_the_header_and_neither_into_the_url_nor_into_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does the environment's token replace the one the address has, as py-consul would have it."""
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "another-token")
    heard: list[str] = []
    async with impostor(saying("403 Forbidden", "Permission denied", heard)) as consul:
        with pytest.raises(DeniedError) as denied:
            await consul.get("key")
    [request] = heard
    assert request.startswith("GET /v1/kv/key HTTP/1.1\r\n")
    assert "X-Consul-Token: the-token\r\n" in request
    assert "the-token" not in str(denied.value)


async def test_a_silent_agent_ends_the_question_after_its_wait_and_a_margin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consul_http, "ANSWER_WITHIN", 0.1)
    hold = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.close()

    async with impostor(silence) as consul:
        started = time.monotonic()
        with pytest.raises(ConsulError, match=r"get key: no answer in 0\.2\d* s"):
            await consul.get("key", index=1, wait=0.16)
        assert time.monotonic() - started >= 0.16
        hold.set()


@needs_consul
async def test_closing_the_client_ends_the_questions_that_wait(agent: ConsulAgent) -> None:
    consul = Consul(ConsulAddress.parse(agent.address))
    absent = await consul.get("closing/key")
    question = asyncio.create_task(consul.get("closing/key", index=absent.index, wait=60))
    await consul.get("closing/key")
    await consul.close()
    async with asyncio.timeout(5):
        with pytest.raises(ConsulError, match="get closing/key"):
            await question


async def test_a_closed_client_refuses_and_closing_twice_is_no_error() -> None:
    consul = Consul(ConsulAddress("127.0.0.1", 1))
    await consul.close()
    await consul.close()
    with pytest.raises(ConsulError, match="this client is closed"):
        await consul.get("key")


def test_a_client_can_be_made_before_any_event_loop_runs() -> None:
    assert repr(Consul(ConsulAddress("::1", 8500))) == "Consul('http://[::1]:8500')"


async def revision(consul: Consul, key: str) -> int:
    answer: Answer[Entry | None] = await consul.get(key)
    assert answer.value is not None
    return answer.value.revision


async def put_json(agent: ConsulAgent, path: str, body: object) -> None:
    """Ask the agent's HTTP API directly, as somebody else's program would."""
    async with aiohttp.ClientSession() as session, session.put(f"{agent.url}{path}", json=body) as answer:
        assert answer.status == 200, await answer.text()
