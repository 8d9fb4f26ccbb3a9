"""What `splitter.control` promises: what Consul says becomes what calls obey, and nothing it says breaks them."""

import logging
from typing import Any

import pytest

from mesh.consul import ConsulError, Instance
from splitter import control as module
from tests.splitter.rig import Pair, Rig, pair
from tests.splitter.sight import Clock, color_of

DOWN = ConsulError("Consul at http://127.0.0.1:8500: get: cannot connect")
GREEN = {"split": {"blue": 0, "green": 100}}
BAD = {"split": {"blue": 90, "green": 9.99}, "mirrors": []}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class TestADocument:
    async def test_the_next_call_on_an_open_connection_obeys_it(self) -> None:
        async with pair() as at:
            for _ in range(3):
                at.rig.put({"split": {"blue": 100, "green": 0}})
                assert await color_of(at) == "blue"
                at.rig.put(GREEN)
                assert await color_of(at) == "green"

    async def test_a_call_in_flight_finishes_where_it_began(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            call = at.client.call(body=b"one", end=False)
            request = await at.blue.request()
            at.rig.put({"split": {"green": 100}})
            assert await color_of(at) == "green"
            call.send(b"two", end=True)
            await request.end()
            request.answer(b"from blue")
            assert (await call.end()).data == b"from blue"
            await request.peer.gone()

    async def test_a_call_that_waits_for_a_color_that_the_document_drops_goes_where_it_says(self) -> None:
        async with pair() as at:
            red = await at.rig.endpoint("red", acknowledges=False)
            at.rig.put({"split": {"red": 100}})
            await red.connection()
            call = at.client.call()
            await at.client.sync()
            at.rig.put({"split": {"green": 100}})
            (await at.green.request()).answer()
            assert (await call.end()).status == 0

    async def test_without_one_everything_goes_to_the_default_color(self) -> None:
        async with Rig() as rig:
            blue, green = await rig.endpoint("blue"), await rig.endpoint("green")
            rig.knowledge.on_document(None, False)
            await rig.connected(blue)
            assert (rig.control.revision, rig.control.facts.refused) == (0, None)
            at = Pair(rig, blue, green, await rig.client())
            assert [await color_of(at) for _ in range(3)] == ["blue"] * 3
            assert rig.counted() == {("blue", "default", "OK"): 3}

    async def test_a_deleted_one_gives_way_to_the_default(self) -> None:
        async with pair(GREEN) as at:
            at.rig.knowledge.on_document(None, False)
            assert await color_of(at) == "blue"
            assert at.rig.control.revision == 0

    async def test_every_revision_that_was_seen_is_told_for_the_history(self) -> None:
        async with pair(GREEN) as at:
            at.rig.put(BAD)
            at.rig.put(b"{}")
            seen = [(each.revision, bool(each.refused)) for each in at.rig.seen]
            assert seen == [(1, False), (2, True), (3, True)]


class TestABadDocument:
    async def test_it_changes_nothing_says_why_and_the_next_good_one_is_applied(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with pair(GREEN) as at:
            applied_at = at.rig.control.applied_at
            bad = at.rig.put(BAD)
            assert await color_of(at) == "green"
            said = at.rig.control.describe()
            assert (said["revision"], said["applied_at"]) == (1, applied_at)
            assert said["error"] == {
                "revision": bad,
                "problems": [
                    {
                        "path": "mirrors",
                        "value": "[]",
                        "rule": "is no field of the document; did you mean mirror?",
                    },
                    {
                        "path": "split",
                        "value": "90 + 9.99 = 99.99",
                        "rule": "must add up to exactly 100",
                    },
                ],
            }
            assert "revision 2 of the traffic document is refused" in caplog.text
            assert "split: must add up to exactly 100 (found 90 + 9.99 = 99.99)" in caplog.text
            at.rig.put({"split": {"blue": 100, "green": 0}})
            assert await color_of(at) == "blue"
            said = at.rig.control.describe()
            assert (said["revision"], said["error"]) == (3, None)

    @pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{", b"\xff\xfe", b"\0" * 1_000, b"[" * 100_000])
    async def test_whatever_its_bytes(self, raw: bytes) -> None:
        async with pair(GREEN) as at:
            at.rig.put(raw)
            assert at.rig.control.facts.refused is not None
            assert await color_of(at) == "green"

    async def test_endpoints_do_not_wait_for_a_good_one(self) -> None:
        async with pair(GREEN) as at:
            at.rig.put(BAD)
            at.rig.deregister(at.green)
            assert await color_of(at) == "blue"
            again = await at.rig.endpoint("green")
            await at.rig.connected(again)
            assert await color_of(at) == "green"
            assert at.rig.control.facts.refused is not None

    async def test_a_sidecar_that_starts_with_one_serves_the_default(self) -> None:
        async with Rig() as rig:
            rig.put(BAD)
            assert not rig.control.ready.is_set()
            blue = await rig.endpoint("blue")
            assert rig.control.ready.is_set()
            await rig.connected(blue)
            assert await color_of(Pair(rig, blue, blue, await rig.client())) == "blue"

    async def test_the_refusal_stays_in_the_status_until_another_revision(self) -> None:
        async with pair(GREEN) as at:
            at.rig.put(BAD)
            at.rig.register(at.blue)
            at.rig.knowledge.on_consul_error(DOWN)
            assert at.rig.control.describe()["error"]["revision"] == 2


class TestHealth:
    async def test_an_instance_that_does_not_pass_gets_no_calls_and_its_color_a_warning(self) -> None:
        async with pair(GREEN) as at:
            at.rig.register(at.green, passing=False)
            assert await color_of(at) == "blue"
            assert at.rig.counted() == {("blue", "redistributed", "OK"): 1}
            assert at.rig.control.warnings == (
                "colour green has no healthy endpoint; its share is redistributed",
            )
            at.rig.register(at.green)
            assert (await color_of(at), at.rig.control.warnings) == ("green", ())

    async def test_if_none_passes_all_that_accept_connections_are_used(self) -> None:
        """Panic: checks that all fail at once say more of the checks than of the endpoints."""
        async with pair({"split": {"blue": 50, "green": 50}}) as at:
            at.rig.register(at.blue, at.green, passing=False)
            assert {await color_of(at) for _ in range(4)} == {"blue", "green"}
            assert at.rig.control.warnings == (
                "no instance passes its health checks: all that accept connections are used",
            )
            at.rig.register(at.blue, passing=True)
            assert {await color_of(at) for _ in range(4)} == {"blue"}

    async def test_panic_ends_where_nothing_accepts_connections(self) -> None:
        async with pair({"split": {"blue": 100}}) as at:
            at.rig.register(at.blue, passing=False)
            at.blue.die()
            await at.rig.news.until(lambda: not at.rig.control.endpoints.reachable())
            call = await at.client.call().end()
            assert (call.status, call.message.partition(" (")[0]) == (
                14,
                "no healthy endpoint of service recommender for blue",
            )

    async def test_an_endpoint_that_refuses_connections_is_left_out_until_it_accepts(self) -> None:
        async with pair(GREEN) as at:
            at.green.die()
            await at.rig.news.until(lambda: "green" not in at.rig.switch.table.targets)
            assert await color_of(at) == "blue"
            await at.green.listen()
            await at.rig.news.until(lambda: "green" in at.rig.switch.table.targets)
            assert await color_of(at) == "green"

    async def test_a_color_that_nobody_has_registered_is_a_warning_and_not_a_black_hole(self) -> None:
        mirror = {"mirror": [{"color": "black", "percent": 1}]}
        async with pair({"split": {"blue": 50, "red": 50}} | mirror) as at:
            assert [await color_of(at) for _ in range(4)] == ["blue"] * 4
            assert at.rig.control.warnings == (
                "no instance of colour black is registered",
                "no instance of colour red is registered",
            )

    async def test_an_instance_belongs_to_each_color_among_its_tags(self) -> None:
        async with pair({"split": {"green": 100}}) as at:
            both = Instance(
                "both", "127.0.0.1", at.blue.port, ("v1.2", "green", "blue", "verdigris"), {}, True
            )
            at.rig.knowledge.on_instances((both,), False)
            assert (await color_of(at), at.rig.control.endpoints.counts()) == (
                "blue",  # the backend of that name: it serves both
                {"blue": {"registered": 1, "healthy": 1}, "green": {"registered": 1, "healthy": 1}},
            )


async def test_what_it_logs_at_a_good_edit_is_the_revision_and_what_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with Rig() as rig:
        rig.put({"split": {"blue": 90, "green": 10}, "key": {"metadata": "x-user-id"}, "note": "as\nasked"})
        rig.knowledge.on_document(None, False)
    told = [each.getMessage() for each in caplog.records if each.name == "splitter.control"]
    assert told == [
        "revision 1 is applied: blue 90, green 10; key x-user-id; note: as",
        "the default, for there is no document, is applied: blue 100",
    ]


async def test_the_status_says_what_an_operator_asks(clock: Clock) -> None:
    async with Rig() as rig:
        clock.now = 5.0
        rig.put({"split": {"blue": 100}})
        said: dict[str, Any] = rig.control.describe()
        assert said == {
            "service": "recommender",
            "revision": 1,
            "applied_at": 1_700_000_005.0,
            "warnings": ["no instance of colour blue is registered"],
            "error": None,
        }
