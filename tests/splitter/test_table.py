"""What `splitter.table` promises: a document and the endpoints of the moment, in the form that calls read."""

import json
from time import perf_counter_ns

import hpack
import pytest

from mesh import contract, traffic
from splitter.ejection import FIRST
from splitter.endpoint import Endpoint
from splitter.pool import Pool
from splitter.table import NOBODY, Table, Target, build


def pool(color: str, port: int = 1) -> Pool:
    return Pool(Endpoint(color, "127.0.0.1", port))


class Busy(Pool):
    """A pool with so many calls in flight."""

    def __init__(self, color: str, in_flight: int) -> None:
        super().__init__(Endpoint(color, "127.0.0.1", in_flight))
        self._in_flight = in_flight

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def load(self) -> int:
        return self._in_flight

    @property
    def connected(self) -> bool:
        return True


def table(
    document: str = '{"split": {"blue": 90, "green": 10}}',
    *pools: Pool,
    shadows: tuple[Pool, ...] = (),
    previous: Table | None = None,
) -> Table:
    return build(
        service="recommender",
        revision=7,
        traffic=traffic.parse(document.encode()),
        has_document=True,
        pools=pools or (pool("blue"), pool("green")),
        shadow_pools=shadows,
        previous=previous,
    )


class TestTargets:
    async def test_each_color_that_has_endpoints_is_a_target_with_all_of_them(self) -> None:
        one, two, three = pool("blue", 1), pool("blue", 2), pool("green", 3)
        made = table('{"split": {"blue": 90, "green": 5, "red": 5}}', one, two, three)
        assert {color: target.pools for color, target in made.targets.items()} == {
            "blue": (one, two),
            "green": (three,),
        }
        assert {pick.color for pick in (made.picker.pick(None) for _ in range(100)) if pick} == {
            "blue",
            "green",
        }

    async def test_the_less_loaded_of_two_endpoints_is_chosen(self) -> None:
        busy, idle = Busy("blue", 5), Busy("blue", 2)
        assert {Target("blue", (busy, idle)).choose() for _ in range(100)} == {idle}

    async def test_of_three_the_most_loaded_is_never_chosen_and_both_others_are(self) -> None:
        """Two different ones are drawn."""
        pools = [Busy("blue", load) for load in (1, 2, 3)]
        assert {Target("blue", pools).choose() for _ in range(200)} == set(pools[:2])

    async def test_those_that_are_equally_loaded_are_chosen_equally_often(self) -> None:
        pools = [Busy("blue", 0) for _ in range(3)]
        chosen = [Target("blue", pools).choose() for _ in range(3_000)]
        assert all(800 < chosen.count(pool) < 1_200 for pool in pools)

    async def test_one_that_calls_would_have_to_wait_for_is_chosen_last(self) -> None:
        unconnected, busy = pool("blue"), Busy("blue", 1_000)
        assert {Target("blue", (unconnected, busy)).choose() for _ in range(50)} == {busy}

    async def test_another_endpoint_is_another(self) -> None:
        failed, other = Busy("blue", 0), Busy("blue", 1_000)
        both = Target("blue", (failed, other))
        assert {both.other(failed) for _ in range(50)} == {other}
        assert Target("blue", (failed,)).other(failed) is None

    async def test_apart_from_an_endpoint_is_another_wherever_there_is_another(self) -> None:
        """However busy the other is: a pool of the primary's own endpoint is not what is asked for."""
        one, other = Busy("blue", 0), Busy("blue", 1_000)
        both = Target("blue", (one, other))
        assert {both.apart(Endpoint("blue", "127.0.0.1", 0)) for _ in range(50)} == {other}
        assert {both.apart(Endpoint("blue", "127.0.0.1", 7)) for _ in range(50)} == {one}
        assert Target("blue", (one,)).apart(one.endpoint) is one
        assert Target("blue", ()).apart(one.endpoint) is None

    async def test_apart_from_an_endpoint_does_not_spoil_its_probe(self) -> None:
        """One that is left out is only ever tried by a probe: to go elsewhere with it would leave it out for longer."""
        early, good = Busy("blue", 1), Busy("blue", 9)
        early.ejection.eject(now=perf_counter_ns() - 2 * FIRST)
        assert Target("blue", (early, good)).apart(early.endpoint) is early

    async def test_one_that_is_ejected_is_left_out_but_for_one_call_that_probes_it(self) -> None:
        bad, good = Busy("blue", 0), Busy("blue", 9)
        bad.ejection.eject(now=perf_counter_ns())
        target = Target("blue", (bad, good))
        assert {target.choose() for _ in range(50)} == {good}
        early = Busy("blue", 0)
        early.ejection.eject(now=perf_counter_ns() - 2 * FIRST)
        target = Target("blue", (early, good))
        assert target.other(good) is None, "a call that has failed once is no probe"
        chosen = [target.choose() for _ in range(50)]
        assert (chosen[0], set(chosen[1:])) == (early, {good})

    async def test_if_all_are_ejected_all_are_used(self) -> None:
        pools = [Busy("blue", 0), Busy("blue", 0)]
        for each in pools:
            each.ejection.eject(now=perf_counter_ns())
        target = Target("blue", pools)
        assert {target.choose() for _ in range(100)} == set(pools)

    async def test_nobody_has_no_endpoint(self) -> None:
        assert NOBODY.choose() is None

    async def test_the_mark_is_the_field_that_tells_the_client_its_color(self) -> None:
        assert hpack.Decoder().decode(Target("blue", ()).mark, raw=True) == [(b"x-verdigris-color", b"blue")]


class TestMirrors:
    async def test_a_shadow_has_its_color_s_endpoints_its_share_and_its_own_deadline(self) -> None:
        shadow = pool("green", 9)
        document = (
            '{"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 12.5, "timeout": "1500ms"}]}'
        )
        (rule,) = table(document, shadows=(shadow,)).mirrors
        assert (rule.color, rule.target.pools, rule.sampler.weight, rule.timeout_ns) == (
            "green",
            (shadow,),
            1_250,
            1_500_000_000,
        )
        assert hpack.Decoder().decode(rule.timeout_field, raw=True) == [(b"grpc-timeout", b"1500m")]

    @pytest.mark.parametrize(
        ("timeout", "on_the_wire"), [("1ms", b"1m"), ("10m", b"600000m"), ("2s", b"2000m")]
    )
    async def test_every_deadline_a_document_may_have_fits_grpc_s_8_digits(
        self, timeout: str, on_the_wire: bytes
    ) -> None:
        mirror = {"color": "green", "percent": 1, "timeout": timeout}
        (rule,) = table(json.dumps({"split": {"blue": 100}, "mirror": [mirror]})).mirrors
        assert hpack.Decoder().decode(rule.timeout_field, raw=True) == [(b"grpc-timeout", on_the_wire)]

    async def test_a_shadow_of_0_percent_is_none(self) -> None:
        assert table('{"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 0}]}').mirrors == ()

    async def test_the_exact_counter_goes_on_when_the_endpoints_change(self) -> None:
        document = '{"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 50}]}'
        before = table(document)
        assert [before.mirrors[0].sampler.take() for _ in range(3)] == [False, True, False]
        after = table(document, previous=before)
        assert after.mirrors[0].sampler.take()
        other = table(document.replace("50", "25"), previous=after)
        assert [other.mirrors[0].sampler.take() for _ in range(4)] == [False, False, False, True]

    async def test_so_does_the_counter_of_the_pairs_that_are_recorded(self) -> None:
        document = '{"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 50}], "record": {"percent": 50}}'
        before = table(document)
        assert [before.mirrors[0].recorded.take() for _ in range(3)] == [False, True, False]
        after = table(document.replace('"percent": 50}]', '"percent": 25}]'), previous=before)
        assert after.mirrors[0].recorded.take()

    async def test_noise_and_a_shadow_of_the_same_share_go_on_each_where_it_stood(self) -> None:
        mirror = [{"color": "blue", "percent": 50}, {"color": "blue", "percent": 50, "as": "noise"}]
        document = json.dumps({"split": {"blue": 100}, "mirror": mirror})
        before = table(document)
        shadow, noise = before.mirrors
        assert (shadow.noise, noise.noise) == (False, True)
        assert not shadow.sampler.take()
        document = json.dumps({"split": {"blue": 100}, "mirror": mirror[::-1]})
        noise, shadow = table(document, previous=before).mirrors
        assert (noise.role, noise.sampler.take()) == ("noise", False)
        assert (shadow.role, shadow.sampler.take()) == ("shadow", True)


class TestTheDocument:
    async def test_a_table_goes_on_dealing_where_the_one_before_stood(self) -> None:
        undisturbed = table()
        colors = []
        made = table()
        for _ in range(40):
            pick = made.picker.pick(None)
            assert pick is not None
            colors.append(pick.color)
            made = table(previous=made)
        assert colors == [undisturbed.picker.pick(None)[0] for _ in range(40)]  # type: ignore[index]

    async def test_without_a_document_calls_say_that_they_went_to_the_default(self) -> None:
        made = build(
            service="recommender",
            revision=0,
            traffic=traffic.default("blue"),
            has_document=False,
            pools=(pool("blue"),),
        )
        pick = made.picker.pick(None)
        assert pick is not None
        assert (pick.color, pick.reason, made.key_name) == ("blue", contract.REASON_DEFAULT, None)

    async def test_the_key_is_named_as_it_stands_on_the_wire(self) -> None:
        made = table('{"split": {"blue": 100}, "key": {"metadata": "x-user-id", "salt": "a"}}')
        assert (made.key_name, made.picker.salt) == (b"x-user-id", b"a")

    async def test_only_listed_methods_are_safe(self) -> None:
        made = table('{"split": {"blue": 100}, "methods": {"safe": ["/a.S/Read", "/b.T/*"]}}')
        for _ in range(2):
            assert made.is_safe(b"/a.S/Read")
            assert made.is_safe(b"/b.T/Anything")
            assert not made.is_safe(b"/a.S/ReadMore")
            assert not made.is_safe(b"/a.S/Write")
            assert not made.is_safe(b"/b.TT/Anything")
            assert not made.is_safe(b"/inference.GRPCInferenceService/ModelInfer")
            assert not made.is_safe(b"\xff\xfe")

    async def test_the_methods_of_open_inference_are_safe_where_the_document_lists_none(self) -> None:
        made = table()
        for method in contract.SAFE_METHODS:
            assert made.is_safe(method.encode())
        for name in (b"RepositoryModelLoad", b"RepositoryModelUnload", b"SystemSharedMemoryRegister"):
            assert not made.is_safe(b"/inference.GRPCInferenceService/" + name)

    async def test_a_client_that_invents_methods_does_not_grow_what_is_remembered_of_them(self) -> None:
        made = table()
        for number in range(3_000):
            assert not made.is_safe(b"/a.S/" + b"x" * number)
        assert sum(map(len, made._safe)) <= 1_024 * 256
