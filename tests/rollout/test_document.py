"""The document in a real Consul: read as it stands, written only over what was read."""

import asyncio

import pytest

from mesh import contract
from mesh.traffic import Share, default, to_json
from rollout import document
from rollout.failure import Exit, Failure
from tests.rollout.conftest import Site


async def test_no_document_is_revision_0(site: Site) -> None:
    current = await document.read(site.consul, site.service)
    assert (current.exists, current.revision, current.traffic) == (False, 0, None)


async def test_a_document_is_read_with_its_revision(site: Site) -> None:
    revision = await site.put(b'{"split": {"green": 100}}\n')
    current = await document.read(site.consul, site.service)
    assert current.revision == revision
    assert current.traffic
    assert current.traffic.split == (Share("green", 10_000),)


async def test_a_bad_document_is_read_with_its_problems(site: Site) -> None:
    await site.put(b"{}")
    current = await document.read(site.consul, site.service)
    assert current.exists
    assert current.traffic is None
    assert current.problems[0].path == "split"


async def test_a_write_returns_the_revision_that_readers_see(site: Site) -> None:
    current = await document.read(site.consul, site.service)
    written = await document.write(site.consul, current, to_json(default("blue")))
    assert (await document.read(site.consul, site.service)).revision == written.revision


async def test_of_two_operators_one_wins_and_the_other_is_told(site: Site) -> None:
    """The message says which revision came between, and what it says."""
    await site.put(b'{"split": {"blue": 100}}')
    one = other = await document.read(site.consul, site.service)
    await document.write(site.consul, one, b'{"split": {"blue": 50, "green": 50}, "note": "mine"}')
    with pytest.raises(Failure, match="nothing was written: somebody else changed") as conflict:
        await document.write(site.consul, other, to_json(default("green")))
    now = await document.read(site.consul, site.service)
    assert conflict.value.code is Exit.CONFLICT
    assert f"revision {other.revision} → revision {now.revision}" in conflict.value.message
    assert conflict.value.details == ("it now says: blue 50, green 50; note: mine",)


async def test_ten_operators_at_once_write_one_after_the_other_or_not_at_all(site: Site) -> None:
    """Every write that reports success was made over exactly what it had read."""
    await site.put(b'{"split": {"blue": 100}}')
    current = await document.read(site.consul, site.service)
    raws = [f'{{"split": {{"blue": 100}}, "note": "{number}"}}'.encode() for number in range(10)]
    writes = (document.write(site.consul, current, raw) for raw in raws)
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(isinstance(each, document.Written) for each in outcomes) == 1
    assert sum(isinstance(each, Failure) and each.code is Exit.CONFLICT for each in outcomes) == 9


async def test_a_document_that_was_deleted_meanwhile_is_a_conflict(site: Site) -> None:
    await site.put(b'{"split": {"blue": 100}}')
    current = await document.read(site.consul, site.service)
    await site.consul.delete(contract.traffic_key(site.service))
    with pytest.raises(Failure, match="deleted") as conflict:
        await document.write(site.consul, current, to_json(default("green")))
    assert conflict.value.details == ("the document is gone",)


async def test_a_document_that_appeared_meanwhile_is_a_conflict(site: Site) -> None:
    current = await document.read(site.consul, site.service)
    await site.put(b"{}")
    with pytest.raises(Failure, match="no document → revision") as conflict:
        await document.write(site.consul, current, to_json(default("green")))
    assert conflict.value.details[0] == "it is invalid:"


async def test_an_invalid_document_is_edited_only_by_force(site: Site) -> None:
    await site.put(b"{}")
    current = await document.read(site.consul, site.service)
    assert document.usable(current, force=True) is None
    with pytest.raises(Failure, match="invalid") as failure:
        document.usable(current, force=False)
    assert failure.value.code is Exit.INVALID
    assert "split: is required" in failure.value.details[0]
