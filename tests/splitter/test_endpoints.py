"""What `splitter.endpoints` promises: one pool for each endpoint that is named."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from mesh.consul import Instance
from splitter.endpoint import Endpoint
from splitter.endpoints import Endpoints, colors_of

BLUE = Instance("b1", "127.0.0.1", 1, ("blue", "verdigris"), {}, True)
GREEN = Instance("g1", "127.0.0.1", 2, ("green", "verdigris"), {}, True)


@pytest_asyncio.fixture
async def endpoints() -> AsyncIterator[Endpoints]:
    """Endpoints whose pools never get to connect: nothing awaits here."""
    async with asyncio.TaskGroup() as group:
        made = Endpoints(group, on_change=lambda: None)
        made.learn([BLUE, GREEN])
        yield made
        made.want(())
        made.let_go()


def test_a_color_is_a_tag_that_looks_like_one_and_is_not_our_mark() -> None:
    tags = ("verdigris", "blue", "v1.2", "Green", "green-2", "1st", "")
    assert colors_of(replace(BLUE, tags=tags)) == ("blue", "green-2")


async def test_only_wanted_colors_have_pools(endpoints: Endpoints) -> None:
    endpoints.want(["green"])
    assert set(endpoints.pools) == {Endpoint("green", "127.0.0.1", 2)}
    pool = endpoints.pools[Endpoint("green", "127.0.0.1", 2)]
    endpoints.want(["blue", "green"])
    assert endpoints.pools[pool.endpoint] is pool, "a wish that holds changes nothing"
    endpoints.want(["blue"])
    assert not pool.retired
    endpoints.let_go()
    assert pool.retired


async def test_an_instance_that_does_not_pass_is_not_available_but_reachable(endpoints: Endpoints) -> None:
    endpoints.learn([BLUE, replace(GREEN, passing=False)])
    endpoints.want(["blue", "green"])
    assert [pool.endpoint.color for pool in endpoints.available()] == ["blue"]
    assert {pool.endpoint.color for pool in endpoints.reachable()} == {"blue", "green"}


async def test_one_address_registered_twice_is_one_endpoint_that_passes_if_either_does(
    endpoints: Endpoints,
) -> None:
    endpoints.learn([BLUE, replace(BLUE, id="b2", passing=False)])
    endpoints.want(["blue"])
    assert len(endpoints.pools) == 1
    assert len(endpoints.available()) == 1
    assert endpoints.counts() == {"blue": {"registered": 2, "healthy": 1}}
