"""Waiting for the sidecars: who obeys, who refuses, who is silent, and for how long at most."""

import json
import time

from mesh import contract
from rollout.convergence import Convergence, converge
from rollout.status import Stand
from tests.rollout.conftest import Site
from tests.rollout.sidecars import contrary, sidecar

DOCUMENT = b'{"split": {"blue": 100}}'
OTHER = b'{"split": {"green": 100}}'


async def wait(site: Site, revision: int, *, within: float = 10) -> Convergence:
    return await converge(site.consul, site.service, revision, since=time.monotonic(), within=within)


def ids(found: Convergence, stand: Stand) -> list[str]:
    return [each.id for each in found.of(stand)]


async def test_nobody_alive_is_complete_at_once(site: Site) -> None:
    found = await wait(site, await site.put(DOCUMENT))
    assert found.complete
    assert found.stands == ()


async def test_it_returns_when_the_last_sidecar_obeys(site: Site) -> None:
    async with sidecar(site.address, site.service, id="a"), sidecar(site.address, site.service, id="b"):
        found = await wait(site, await site.put(DOCUMENT))
    assert found.complete
    assert ids(found, Stand.OBEYS) == ["a", "b"]
    assert 0 < found.after < 10


async def test_a_refusal_is_an_answer_and_not_waited_for(site: Site) -> None:
    async with (
        sidecar(site.address, site.service, id="a"),
        sidecar(site.address, site.service, id="b", opinion=contrary),
    ):
        found = await wait(site, await site.put(DOCUMENT), within=60)
    assert not found.complete
    assert ids(found, Stand.REFUSES) == ["b"]
    assert found.of(Stand.REFUSES)[0].problems[0].rule == "is too new for me"


async def test_a_silent_sidecar_is_named_when_time_is_up(site: Site) -> None:
    async with (
        sidecar(site.address, site.service, id="a"),
        sidecar(site.address, site.service, id="b", deaf=True),
    ):
        found = await wait(site, await site.put(DOCUMENT), within=0.3)
    assert not found.complete
    assert ids(found, Stand.BEHIND) == ["b"]
    assert found.after >= 0.3


async def test_a_sidecar_that_dies_is_not_waited_for(site: Site) -> None:
    """Its status key goes with its session."""
    async with sidecar(site.address, site.service, id="b", deaf=True):
        revision = await site.put(DOCUMENT)
    assert (await wait(site, revision)).complete


async def test_a_revision_that_somebody_replaced_is_not_waited_for(site: Site) -> None:
    """A sidecar may never see a revision that stood for a millisecond only."""
    replaced = await site.put(DOCUMENT)
    now = await site.put(OTHER)
    async with sidecar(site.address, site.service):
        found = await wait(site, replaced, within=60)
    assert found.replaced == now
    assert not found.complete


async def test_a_sidecar_that_counts_by_an_older_consul_is_waited_for(site: Site) -> None:
    """Its revision is higher than the new one, but it is not the new one."""
    revision = await site.put(DOCUMENT)
    session = await site.consul.create_session(name="old", ttl=10)
    key = f"{contract.status_prefix(site.service)}old"
    await site.consul.put(key, json.dumps({"sidecar": "old", "revision": 10**6}).encode(), acquire=session)
    assert ids(await wait(site, revision, within=0.2), Stand.BEHIND) == ["old"]
