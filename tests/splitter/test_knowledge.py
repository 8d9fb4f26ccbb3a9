"""What `splitter.knowledge` promises: Consul may fail in any way, and what it last said in health holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mesh.consul import Answer, Consul, ConsulAddress, ConsulError, Entry, Instance
from mesh.follow import Script
from splitter import knowledge as module
from splitter.knowledge import Knowledge
from splitter.lastgood import LastGood
from splitter.record import Recorder
from tests.splitter.rig import Pair, Rig, pair
from tests.splitter.sight import Clock, color_of, instances
from tests.splitter.wire import Exchange

DOWN = ConsulError("Consul at http://127.0.0.1:8500: get: cannot connect")
GREEN = {"split": {"blue": 0, "green": 100}}
BAD = {"split": {"blue": 90, "green": 9.99}, "mirrors": []}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


BLUE = Instance("b1", "127.0.0.1", 1, ("blue",), {}, True)
GREEN_INSTANCE = Instance("g1", "127.0.0.1", 2, ("green",), {}, True)


@asynccontextmanager
async def hanging() -> AsyncIterator[ConsulAddress]:
    """Something that accepts connections, and never answers."""
    over = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        yield ConsulAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        over.set()
        server.close()


class TestConsulsFailures:
    async def test_a_document_that_vanishes_with_consul_s_data_stays(self) -> None:
        async with pair(GREEN) as at:
            at.rig.knowledge.on_document(None, True)
            assert await color_of(at) == "green"
            assert at.rig.control.revision == 1
            assert at.rig.control.warnings == (
                "the traffic document has vanished with a failure of Consul; the last good one stays",
            )
            at.rig.put({"split": {"blue": 100}})
            assert (await color_of(at), at.rig.control.warnings) == ("blue", ())

    async def test_a_document_that_is_missing_soon_after_a_failure_stays_and_later_was_deleted(
        self, clock: Clock
    ) -> None:
        async with pair(GREEN) as at:
            at.rig.knowledge.on_consul_error(DOWN)
            clock.now += module.UNSURE - 1
            at.rig.knowledge.on_document(None, False)
            assert await color_of(at) == "green"
            clock.now += 2
            at.rig.knowledge.on_document(None, False)
            assert await color_of(at) == "blue"

    async def test_instances_that_vanish_with_consul_s_data_serve_on(self) -> None:
        async with pair(GREEN) as at:
            at.rig.knowledge.on_instances((), True)
            assert [await color_of(at) for _ in range(3)] == ["green"] * 3
            assert len(instances(at.rig)) == 2

    async def test_so_do_instances_that_are_missing_soon_after_a_failure(self) -> None:
        async with pair(GREEN) as at:
            at.rig.knowledge.on_consul_error(DOWN)
            at.rig.knowledge.on_instances((), False)
            assert await color_of(at) == "green"

    async def test_an_empty_list_is_no_deregistration_but_may_be_a_token_without_rights(self) -> None:
        """Without `service:read` Consul answers 200 and an empty list."""
        async with pair(GREEN) as at:
            at.rig.knowledge.on_instances((), False)
            assert await color_of(at) == "green"
            assert len(at.rig.control.warnings) == 2
            assert all("is no longer listed by Consul" in warning for warning in at.rig.control.warnings)
            at.rig.register()
            assert at.rig.control.warnings == ()

    async def test_what_consul_lost_is_forgotten_after_a_while_though_it_says_nothing_new(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("splitter.instances.MEMORY", 0.01)
        monkeypatch.setattr(module, "MEMORY", -0.98)
        async with pair(GREEN) as at:
            (blue,) = (each for each in instances(at.rig) if "blue" in each.tags)
            at.rig.knowledge.on_instances((blue,), True)
            assert len(instances(at.rig)) == 2
            await at.rig.news.until(lambda: len(instances(at.rig)) == 1)
            assert await color_of(at) == "blue"

    async def test_instances_that_somebody_takes_out_are_gone_at_once(self) -> None:
        async with pair(GREEN) as at:
            at.rig.deregister(at.green)
            assert await color_of(at) == "blue"
            assert len(instances(at.rig)) == 1

    async def test_what_consul_lists_again_after_a_failure_can_be_taken_out_again(self, clock: Clock) -> None:
        async with pair(GREEN) as at:
            at.rig.knowledge.on_consul_error(DOWN)
            at.rig.register()  # lists both
            clock.now += 1
            at.rig.deregister(at.green)
            assert await color_of(at) == "blue"

    async def test_what_consul_lost_and_what_refuses_connections_is_gone(self) -> None:
        async with pair(GREEN) as at:
            at.rig.knowledge.on_instances((), True)
            at.green.die()
            await at.rig.news.until(lambda: len(instances(at.rig)) == 1)
            assert await color_of(at) == "blue"
            kept, gone = at.rig.control.warnings
            assert "no longer listed" in kept
            assert gone == "no instance of colour green is registered"

    async def test_one_timer_waits_for_what_is_remembered_however_often_consul_speaks(self) -> None:
        timers: list[float] = []

        class Loop(asyncio.SelectorEventLoop):
            def call_later(self, delay: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
                timers.append(delay)
                return super().call_later(delay, *rest, **more)

        def told_often() -> None:
            async def tell() -> None:
                knowledge = Knowledge(
                    default_color="blue", last_good=LastGood(None, "films"), publish=lambda facts: None
                )
                knowledge.on_instances((BLUE, GREEN_INSTANCE), False)
                knowledge.on_instances((BLUE,), True)
                for number in range(100):
                    knowledge.on_instances((replace(BLUE, meta={"n": str(number)}),), False)
                assert len(knowledge.facts.instances) == 2

            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.run(tell())

        await asyncio.to_thread(told_often)
        assert [delay for delay in timers if delay > 1] == [module.MEMORY + 1]

    async def test_a_question_that_consul_holds_for_longer_than_it_may_is_no_answer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It accepts, and hangs: nothing breaks but the time limit (the wait, a sixteenth of it, and a margin)."""
        monkeypatch.setattr("mesh.consul_http.ANSWER_WITHIN", 0.05)
        async with hanging() as address, Consul(address) as consul, Rig() as rig:
            ask = rig.knowledge.watched("document", partial(consul.get, "verdigris/films/traffic"))
            with pytest.raises(ConsulError, match="no answer in"):
                await ask(index=7, wait=0.1)
            assert not rig.knowledge.consul_up

    async def test_a_consul_that_hangs_is_noticed_by_the_status_long_before_the_questions_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They may be held for five minutes; the session is renewed every few seconds."""
        monkeypatch.setattr("mesh.consul_http.ANSWER_WITHIN", 0.05)
        answers: asyncio.Queue[bool] = asyncio.Queue()
        async with hanging() as address, Consul(address) as consul:
            recorder = Recorder(
                consul, service="films", sidecar="h-1", status=dict, on_answer=answers.put_nowait
            )
            running = asyncio.create_task(recorder.run())
            recorder.on_news()
            async with asyncio.timeout(10):
                assert await answers.get() is False
            running.cancel()
            await asyncio.wait((running,))

    async def test_whether_consul_answers_is_known_also_when_it_has_nothing_new(self) -> None:
        async with Rig() as rig:
            knowledge = rig.knowledge
            asked = knowledge.watched("document", Script(Answer(1, None), DOWN, Answer(1, None)))
            await asked(index=None, wait=0)
            assert knowledge.consul_up
            with pytest.raises(ConsulError):
                await asked(index=1, wait=0)
            assert not knowledge.consul_up
            await asked(index=1, wait=0)
            assert knowledge.consul_up


class TestARestartWhileConsulIsDown:
    async def test_the_last_good_document_and_the_last_known_instances_serve(self, tmp_path: Path) -> None:
        async with pair(GREEN, folder=tmp_path) as before:
            before.rig.put(BAD)
            async with Rig(folder=tmp_path) as rig:
                assert not rig.control.ready.is_set()
                rig.knowledge.on_consul_error(DOWN)
                assert rig.control.ready.is_set()
                at = Pair(rig, before.blue, before.green, await rig.client())
                call = at.client.call()
                await served_by_green(before, call)
                assert (rig.control.revision, rig.control.warnings) == (
                    1,
                    ("Consul has not answered yet; the last good document on disk is applied",),
                )
                rig.knowledge.on_document(Entry("traffic", b'{"split": {"blue": 100}}', 9), False)
                assert (rig.control.revision, rig.control.warnings) == (9, ())

    async def test_with_nothing_on_disk_it_waits_for_consul(self, tmp_path: Path) -> None:
        async with Rig(folder=tmp_path) as rig:
            rig.knowledge.on_consul_error(DOWN)
            assert not rig.control.ready.is_set()

    @pytest.mark.parametrize("document", ['"not one"', '"{\\"split\\": {\\"blue\\": 99}}"', "5", "[]"])
    async def test_a_file_that_holds_no_good_document_is_as_good_as_none(
        self, tmp_path: Path, document: str
    ) -> None:
        """Written by an older release with other rules, or edited."""
        file = tmp_path / "recommender.json"
        file.write_text(f'{{"document": {document}, "revision": 3, "instances": []}}')
        async with Rig(folder=tmp_path) as rig:
            rig.knowledge.on_consul_error(DOWN)
            assert not rig.control.ready.is_set()
            rig.knowledge.on_document(None, False)
            rig.knowledge.on_instances((), False)
            assert rig.control.ready.is_set()

    async def test_without_instances_on_disk_it_waits_for_consul_too(self, tmp_path: Path) -> None:
        file = tmp_path / "recommender.json"
        file.write_text('{"document": "{\\"split\\": {\\"blue\\": 100}}", "revision": 3, "instances": []}')
        async with Rig(folder=tmp_path) as rig:
            rig.knowledge.on_consul_error(DOWN)
            assert (rig.control.revision, rig.control.ready.is_set()) == (3, False)

    async def test_an_answer_that_came_is_not_replaced_by_what_is_on_disk(self, tmp_path: Path) -> None:
        async with pair(GREEN, folder=tmp_path) as at:
            at.rig.put({"split": {"blue": 100}})
            at.rig.knowledge.on_consul_error(DOWN)
            assert (await color_of(at), at.rig.control.warnings) == ("blue", ())


async def served_by_green(at: Pair, call: Exchange) -> None:
    request = await at.green.request()
    request.answer()
    assert (await call.end()).status == 0


async def test_what_is_on_disk_outlives_a_start_in_which_only_the_instances_are_answered(
    tmp_path: Path,
) -> None:
    """The instances come first, then the document's question fails: the cut-over on disk still holds."""
    async with pair(GREEN, folder=tmp_path) as before:
        known = tuple(before.rig.control.endpoints.instances.values())
        async with Rig(folder=tmp_path) as rig:
            rig.knowledge.on_instances(known, False)
            rig.knowledge.on_consul_error(DOWN)
            assert [(share.color, share.weight) for share in rig.control.traffic.split if share.weight] == [
                ("green", 10_000)
            ]
            assert rig.control.ready.is_set()
