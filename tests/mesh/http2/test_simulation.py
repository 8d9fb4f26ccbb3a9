"""Flow control end to end, under every combination of windows, against peers that obey and check it strictly.

Bytes arrive complete and in order; nothing stalls as long as the receiver reads and grants; nobody's window is
overrun; what is queued is bounded by what was granted; every byte is credited; nothing is left behind.
"""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mesh.http2.world import Call, Plan, World

LARGEST = (1 << 31) - 1
WINDOWS = (0, 1, 100, 65_535, 1 << 20, LARGEST)
NEW_WINDOWS = (0, 1, 100, 20_000, 65_535, 1 << 20, LARGEST - (1 << 24))

EVERY = (0, 1, 65_535, 1 << 20, LARGEST)
"""The windows of which every pair is tried, on either side."""

SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


async def play(plan: Plan) -> World:
    world = World(plan)
    await world.run()
    world.check_end()
    return world


def styled(draw: st.DrawFn, number: int, size: st.SearchStrategy[int]) -> Call:
    return Call(
        number,
        request=draw(size),
        answer=draw(size),
        style=draw(st.sampled_from(("after", "both", "early"))),
        request_end=draw(st.sampled_from(("data", "empty", "trailers", "headers"))),
        answer_end=draw(st.sampled_from(("data", "empty", "trailers"))),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Small messages through every combination of windows."""
    clients = draw(st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=2))
    upstreams = draw(st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=2))
    size = st.one_of(st.integers(0, 3), st.integers(0, 3_000))
    return Plan(
        seed=draw(st.integers(0, 1 << 32)),
        calls=[styled(draw, number, size) for number in range(draw(st.integers(1, 12)))],
        client_windows=clients,
        upstream_windows=upstreams,
        connection_window=draw(st.sampled_from((65_535, 65_535, 1 << 20, LARGEST))),
        capacity=draw(st.sampled_from((None, 1_000, 20_000, 262_144))),
        steps=draw(st.sampled_from((0, 300, 1_500))),
        resets=draw(st.booleans()),
        new_windows=draw(st.sampled_from(((), NEW_WINDOWS))),
        stingy=draw(st.booleans()),
    )


@st.composite
def bulk_plans(draw: st.DrawFn) -> Plan:
    """Messages of up to several MiB."""
    wide = st.lists(st.sampled_from((65_535, 1 << 20, LARGEST)), min_size=1, max_size=2)
    size = st.sampled_from((0, 66_000, 300_000, 300_000, 1_000_000, 3_000_000))
    return Plan(
        seed=draw(st.integers(0, 1 << 32)),
        calls=[styled(draw, number, size) for number in range(draw(st.integers(1, 4)))],
        client_windows=draw(wide),
        upstream_windows=draw(wide),
        connection_window=draw(st.sampled_from((65_535, 1 << 20, LARGEST))),
        capacity=draw(st.sampled_from((None, 20_000, 262_144))),
        steps=draw(st.sampled_from((0, 300))),
        resets=draw(st.booleans()),
        new_windows=draw(st.sampled_from(((), (0, 65_535, 300_000)))),
        stingy=draw(st.booleans()),
        bulk=True,
    )


@settings(SLOW, max_examples=400)
@given(plans())
def test_whatever_the_windows_everything_arrives_and_nothing_is_left_behind(plan: Plan) -> None:
    asyncio.run(play(plan))


@settings(SLOW, max_examples=200)
@given(bulk_plans())
def test_large_messages_arrive_whole_and_are_never_held_in_memory(plan: Plan) -> None:
    asyncio.run(play(plan))


@pytest.mark.parametrize("circumstances", ["steady", "changing", "slow", "given up"])
@pytest.mark.parametrize("upstream", EVERY)
@pytest.mark.parametrize("client", EVERY)
def test_every_pair_of_initial_windows(client: int, upstream: int, circumstances: str) -> None:
    """Steady; with windows that change while calls run, below zero too; with readers and sockets that take little and
    grant byte by byte; with calls that either side gives up at any moment."""
    large = 70_000 if min(client, upstream) > 1 else 3_000  # a window of one byte grows by one byte a turn
    sizes = ((0, 0), (1, 2), (3_000, 900), (large, 150), (150, large), (900, 900))
    styles = ("after", "both", "early")
    calls = [Call(number, *size, style=styles[number % 3]) for number, size in enumerate(sizes)]
    slow = circumstances == "slow"
    plan = Plan(
        seed=client % 1_009 + upstream % 1_013,
        calls=calls,
        client_windows=[client],
        upstream_windows=[upstream],
        capacity=2_000 if slow else 262_144,
        steps=400,
        new_windows=NEW_WINDOWS if circumstances == "changing" else (),
        resets=circumstances == "given up",
        stingy=slow,
        bulk=slow,
    )
    asyncio.run(play(plan))


async def test_thousands_of_calls_of_many_clients_share_one_upstream() -> None:
    """Windows from nothing to everything, side by side on the upstream's one connection."""
    calls = [Call(number, 40 + number % 300, 1_000 - number % 900) for number in range(2_000)]
    plan = Plan(
        seed=11, calls=calls, client_windows=[*EVERY, 100], upstream_windows=[20_000], capacity=20_000
    )
    await play(plan)


@pytest.mark.parametrize("windows", [(65_535, 65_535), (100, LARGEST), (LARGEST, 100)], ids=str)
async def test_hundreds_of_calls_at_once_share_one_connection(windows: tuple[int, int]) -> None:
    calls = [Call(number, 200 + 7 * number, 3_000 - 5 * number) for number in range(400)]
    plan = Plan(
        seed=7, calls=calls, client_windows=[windows[0]], upstream_windows=[windows[1]], capacity=20_000
    )
    await play(plan)
