"""What the splitter promises of endpoints that fail: left out while others serve, tried again, and told about."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from mesh.http2 import frames
from splitter.ejection import FAILURES
from splitter.pool import Pool
from tests.splitter.rig import UNSAFE, Backend, Client, Rig

UNAVAILABLE = 14


@dataclass(frozen=True)
class Two:
    """A colour with an endpoint that fails everything, and one that serves."""

    rig: Rig
    bad: Backend
    good: Backend
    client: Client

    @property
    def pool(self) -> Pool:
        return self.rig.control.endpoints.pools[self.bad.endpoint]

    async def call(self, *, fail: int = UNAVAILABLE) -> Backend:
        """One call of a method that is not sent again: who got it."""
        call = self.client.call(UNSAFE)
        backend, request = await self.rig.request()
        if backend is self.good:
            request.answer()
        else:
            request.refuse(fail)
        await call.end()
        return backend

    async def eject(self) -> None:
        while not self.pool.ejection.ejected:
            await self.call()
        await self.client.sync()


@asynccontextmanager
async def two() -> AsyncIterator[Two]:
    async with Rig() as rig:
        bad, good = await rig.endpoint("blue"), await rig.endpoint("blue")
        rig.put({"split": {"blue": 100}})
        await rig.connected(bad, good)
        yield Two(rig, bad, good, await rig.client())


async def test_an_endpoint_that_fails_seven_times_in_a_row_gets_no_more_calls() -> None:
    """It answers at once, so the choice of the less loaded would prefer it."""
    async with two() as at:
        await at.eject()
        assert at.pool.ejection.failures == FAILURES
        assert {await at.call() for _ in range(20)} == {at.good}
        assert at.rig.observer.ejections == {"blue": 1}
        rows = {row["port"]: row for row in at.rig.control.endpoints.describe()}
        assert (rows[at.bad.port]["ejected"], rows[at.good.port]["ejected"]) == (True, False)


async def test_one_real_call_probes_it_and_its_success_restores_it() -> None:
    async with two() as at:
        await at.eject()
        at.pool.ejection._probe_at = 0
        probe, request = at.client.call(UNSAFE), await at.bad.request()
        assert {await at.call() for _ in range(10)} == {at.good}
        request.answer()
        await probe.end()
        await at.client.sync()
        assert not at.pool.ejection.ejected
        assert at.bad in [await at.call() for _ in range(40)]


async def test_who_is_left_out_is_a_warning_in_the_status_and_its_return_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "splitter.control")
    async with two() as at:
        assert at.rig.control.describe()["warnings"] == []
        await at.eject()
        name = f"blue 127.0.0.1:{at.bad.port}"
        assert at.rig.control.describe()["warnings"] == [
            f"{name} is left out of primary calls for a while, because those that it got have failed"
        ]
        caplog.clear()
        at.pool.ejection._probe_at = 0
        probe, request = at.client.call(UNSAFE), await at.bad.request()
        request.answer()
        await probe.end()
        await at.client.sync()
        assert at.rig.control.describe()["warnings"] == []
        told = [
            (each.levelname, each.getMessage()) for each in caplog.records if each.name == "splitter.control"
        ]
        assert told == [("INFO", f"{name} gets primary calls again: its probe was answered")]


async def test_one_that_left_while_it_was_left_out_did_not_return(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "splitter.control")
    async with two() as at:
        await at.eject()
        at.rig.deregister(at.bad)
        assert at.rig.control.describe()["warnings"] == []
        assert "again" not in caplog.text


async def test_a_probe_that_fails_ejects_it_for_longer() -> None:
    async with two() as at:
        await at.eject()
        at.pool.ejection._probe_at = 0
        assert await at.call() is at.bad
        assert at.pool.ejection._wait == 2_000_000_000
        assert {await at.call() for _ in range(10)} == {at.good}
        assert at.rig.observer.ejections == {"blue": 2}


async def test_the_last_endpoint_of_a_color_is_never_left_out() -> None:
    async with two() as at:
        at.rig.deregister(at.good)
        assert [await at.call() for _ in range(20)] == [at.bad] * 20
        assert at.rig.observer.ejections == {}


async def test_an_ejected_endpoint_is_used_when_the_others_are_gone() -> None:
    async with two() as at:
        await at.eject()
        at.good.die()
        await at.rig.news.until(lambda: not at.rig.control.endpoints.pools[at.good.endpoint].usable)
        assert await at.call() is at.bad


async def test_an_answer_that_is_the_call_s_own_fault_says_nothing_against_the_endpoint() -> None:
    async with two() as at:
        for status in (3, 5, 7, 8, 9, 16):
            for _ in range(10):
                await at.call(fail=status)
        assert at.rig.observer.ejections == {}


async def test_deadlines_that_pass_without_an_answer_count() -> None:
    async with two() as at:
        for _ in range(100):
            if at.pool.ejection.ejected:
                break
            call = at.client.call(UNSAFE, (b"grpc-timeout", b"1m"))
            backend, request = await at.rig.request()
            if backend is at.good:
                request.answer()
                await call.end()
                continue
            (serving,) = [stream for each in at.rig.switch.clients for stream in each.streams.values()]
            while not serving.is_late():  # type: ignore[attr-defined]
                await at.client.sync()
            call.cancel()
            await request.until(lambda each: each.reset == frames.CANCEL)
        assert at.pool.ejection.ejected


async def test_clients_that_change_their_minds_do_not() -> None:
    async with two() as at:
        for _ in range(40):
            call = at.client.call(UNSAFE, (b"grpc-timeout", b"10S"))
            _, request = await at.rig.request()
            call.cancel()
            await request.until(lambda each: each.reset == frames.CANCEL)
        assert at.rig.observer.ejections == {}


async def test_a_lost_connection_counts_once_however_many_calls_were_on_it() -> None:
    async with two() as at:
        calls = [at.client.call(UNSAFE) for _ in range(40)]
        requests = [await at.rig.request() for _ in calls]
        assert {backend for backend, _ in requests} == {at.bad, at.good}
        at.bad.peers[0].cut()
        for backend, request in requests:
            if backend is at.good:
                request.answer()
        for call in calls:
            await call.end()
        assert at.pool.ejection.failures == 1


async def test_an_endpoint_that_is_the_sidecar_itself_is_not_used_and_said_so() -> None:
    async with Rig(token=0xC0FFEE) as rig:
        rig.put({"split": {"blue": 100}})
        rig.register_itself("blue")
        await rig.news.until(lambda: any("itself" in warning for warning in rig.control.warnings))
        client = await rig.client()
        assert (await client.call().end()).status == UNAVAILABLE
        assert rig.observer.faults["upstream", "loop"] >= 1
