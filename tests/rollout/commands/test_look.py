"""`status` and `history` on a real Consul, as an operator and as a script see them."""

from importlib.metadata import version

from mesh import contract
from rollout.failure import Exit
from tests.rollout.conftest import Site
from tests.rollout.sidecars import sidecar


async def test_the_status_shows_document_endpoints_and_sidecars(site: Site) -> None:
    await site.register("blue", port=9101)
    async with sidecar(site.address, site.service):
        await site.ask(
            "shift", site.service, "blue=90", "green=10", "--key", "x-user-id", "--note", "REC-112"
        )
        text = (await site.run("status", site.service)).stdout
    assert "blue 90 %  green 10 %" in text
    assert "127.0.0.1:9101" in text
    assert "● passing" in text
    assert "films 3" in text
    assert "sidecar-1" in text
    assert "● obeys" in text
    assert f"nobody has registered as green in {site.service}" in text


async def test_the_status_of_a_refused_document_says_why_beside_the_sidecar(site: Site) -> None:
    async with sidecar(site.address, site.service):
        await site.ask("shift", site.service, "blue=100")
        await site.put(b'{"split": {"blue": 100}, "mirorr": []}')
        answer = await site.ask("status", site.service)
        while answer["sidecars"][0]["stand"] == "behind":
            answer = await site.ask("status", site.service)
    assert answer["document"] is None
    assert answer["problems"][0]["path"] == "mirorr"
    assert answer["sidecars"][0]["stand"] == "refuses"
    assert answer["sidecars"][0]["problems"][0]["rule"].endswith("did you mean mirror?")


async def test_the_status_after_consul_lost_the_document_says_who_keeps_it(site: Site) -> None:
    async with sidecar(site.address, site.service):
        await site.ask("shift", site.service, "blue=100")
        await site.consul.delete(contract.traffic_key(site.service))
        text = (await site.run("status", site.service)).stdout
        answer = await site.ask("status", site.service)
    assert "no document in Consul; sidecars keep the last good one" in text
    assert "● keeps it" in text
    assert "refuses" not in text
    assert (answer["revision"], answer["sidecars"][0]["stand"]) == (None, "keeps")


async def test_the_version_is_that_of_the_installed_package(site: Site) -> None:
    result = await site.run("--version")
    assert (result.exit_code, result.stdout) == (Exit.OK, f"verdigris, version {version('verdigris')}\n")


async def test_the_status_of_all_services_names_each(site: Site) -> None:
    await site.put(b'{"split": {"blue": 100}}')
    assert site.service in [each["service"] for each in await site.ask("status")]


async def test_the_status_of_nothing_is_no_error(site: Site) -> None:
    result = await site.run("status", site.service)
    assert result.exit_code == Exit.OK
    assert "no document" in result.stdout
    assert "no endpoints" in result.stdout
    assert "no live sidecar" in result.stdout


async def test_the_history_has_edits_made_in_consul_itself_good_and_bad(site: Site) -> None:
    async with sidecar(site.address, site.service):
        first = await site.put(b'{"split": {"blue": 100}, "note": "by hand"}')
        await site.seen(first)
        bad = await site.put(b'{"split": {"blue": 99}}')
        await site.seen(bad)
        answer = await site.ask("history", site.service)
        text = (await site.run("history", site.service)).stdout
    newest, oldest = answer
    assert (newest["revision"], newest["applied"], newest["current"]) == (bad, False, True)
    assert newest["problems"][0]["rule"] == "must add up to exactly 100"
    assert (oldest["revision"], oldest["applied"], oldest["note"]) == (first, True, "by hand")
    assert "refused" in text
    assert "by hand" in text
    assert f"{bad} ◀" in text


async def test_the_history_is_limited_newest_first(site: Site) -> None:
    async with sidecar(site.address, site.service):
        for percent in (10, 20, 30):
            await site.ask("shift", site.service, f"blue={100 - percent}", f"green={percent}")
    answer = await site.ask("history", site.service, "--limit", "2")
    assert [each["document"]["split"]["green"] for each in answer] == [30, 20]
    assert "and 1 older" in (await site.run("history", site.service, "--limit", "2")).stdout


async def test_the_history_tells_noise_from_shadows(site: Site) -> None:
    async with sidecar(site.address, site.service):
        await site.ask("shift", site.service, "blue=100")
        await site.ask("mirror", site.service, "green=25", "--noise", "10")
        text = (await site.run("history", site.service)).stdout
    assert "green 25  blue 10 noise" in text


async def test_a_history_of_nothing_is_no_error(site: Site) -> None:
    result = await site.run("history", site.service)
    assert result.exit_code == Exit.OK
    assert "No sidecar has seen a document yet" in result.stdout
