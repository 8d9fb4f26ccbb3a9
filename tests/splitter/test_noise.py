"""A mirror of role noise: copies of what a colour serves, to itself, to see how much it disagrees with itself."""

from typing import Any

from mesh import contract
from tests.splitter.rig import SAFE, Backend, Pair, Rig, pair
from tests.splitter.wire import Exchange

NOISE = {"color": "blue", "percent": 100, "as": "noise"}
SHADOW = {"color": "green", "percent": 100}


def noisy(**document: Any) -> dict[str, Any]:
    return {"split": {"blue": 100, "green": 0}, "mirror": [NOISE], **document}


def is_copy(exchange: Exchange) -> bool:
    """What the model is told: it is a shadow, of whatever role."""
    return exchange.fields.get(b"x-verdigris-role") == b"shadow"


async def served(at: Pair, by: Backend | None = None) -> tuple[Backend, Backend]:
    """One call with its copy: who got the original and who the copy, of all or of one."""
    call = at.client.call()
    found = [await at.rig.request() if by is None else (by, await by.request()) for _ in range(2)]
    ((original, first),) = [each for each in found if not is_copy(each[1])]
    ((copied, copy),) = [each for each in found if is_copy(each[1])]
    copy.answer(b"again")
    first.answer(b"once")
    assert (await call.end()).data == b"once"
    await at.rig.news.until(lambda: not at.rig.switch.mirrors.active)
    return original, copied


def ended(rig: Rig) -> dict[tuple[str, str], int]:
    """Shadows that were answered, by colour and role."""
    found = rig.switch.mirrors.outcomes
    return {
        (color, role): count for (color, role, outcome, _), count in found.items() if outcome == "completed"
    }


class TestWhere:
    async def test_the_copy_goes_to_another_endpoint_of_the_color(self) -> None:
        """To the same one, it would only show that one instance agrees with itself."""
        async with pair(noisy()) as at:
            second = await at.rig.endpoint("blue")
            await at.rig.connected(at.blue, second)
            for _ in range(20):
                original, copied = await served(at)
                assert {original, copied} == {at.blue, second}
            assert ended(at.rig) == {("blue", "noise"): 20}

    async def test_the_only_endpoint_of_a_color_gets_its_own_copy(self) -> None:
        """Over connections of its own, as any shadow."""
        async with pair(noisy()) as at:
            assert await served(at, at.blue) == (at.blue, at.blue)
            assert await at.green.quiet()
            assert len(at.blue.open) == 2

    async def test_what_another_color_serves_is_not_copied(self) -> None:
        """Or the answers of two models would be compared as if they were one."""
        async with pair(noisy(split={"blue": 0, "green": 100})) as at:
            call = at.client.call()
            (await at.green.request()).answer()
            await call.end()
            assert await at.blue.quiet()
            assert at.rig.switch.mirrors.started == {}

    async def test_a_color_that_has_no_endpoint_for_shadows_is_counted_as_noise(self) -> None:
        async with pair(noisy()) as at:
            for pool in at.rig.control.shadow_endpoints.pools.values():
                pool.retire()
            call = at.client.call()
            (await at.blue.request()).answer()
            await call.end()
            assert at.rig.switch.mirrors.outcomes == {("blue", "noise", "dropped", "no_endpoint"): 1}


class TestBesideShadows:
    async def test_each_counts_its_own_share_of_what_it_may_copy(self) -> None:
        """Half of the calls that blue serves to blue again, and a quarter of the same to green."""
        mirror = [NOISE | {"percent": 50}, SHADOW | {"percent": 25}]
        async with pair(noisy(mirror=mirror)) as at:
            for _ in range(16):
                call = at.client.call()
                await at.rig.request()
                call.cancel()
                await at.client.sync()
            assert at.rig.switch.mirrors.started == {("blue", "noise"): 8, ("green", "shadow"): 4}

    async def test_a_color_that_is_both_gets_each_call_once(self) -> None:
        """As noise what it serves, as a shadow what others serve."""
        both = [{"color": "green", "percent": 100}, {"color": "green", "percent": 100, "as": "noise"}]
        async with pair({"split": {"blue": 50, "green": 50}, "mirror": both}) as at:
            assert sorted([await served(at) for _ in range(2)], key=lambda each: each[0].color) == [
                (at.blue, at.green),
                (at.green, at.green),
            ]
            assert ended(at.rig) == {("green", "shadow"): 1, ("green", "noise"): 1}


async def test_a_copy_that_another_sidecar_made_is_not_copied_again() -> None:
    """Its mark does not tell the roles apart, and need not."""
    async with pair(noisy()) as at:
        call = at.client.call(SAFE, (contract.HEADER_ROLE.encode(), b"shadow"))
        (await at.blue.request()).answer()
        await call.end()
        assert await at.blue.quiet()
        assert at.rig.switch.mirrors.started == {}
