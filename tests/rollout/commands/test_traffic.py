"""`shift`, `mirror` and `rollback` on a real Consul, as an operator sees them."""

import json
import re
from typing import Any

import pytest

from mesh import contract
from mesh.consul import Consul, ConsulAddress, ConsulError
from mesh.traffic import Share, Traffic
from rollout import operate
from rollout.failure import Exit, Failure
from rollout.operate import Terms
from tests.rollout.conftest import Site
from tests.rollout.sidecars import contrary, sidecar

RICH = b"""{"split": {"blue": 100}, "key": {"metadata": "x-user-id", "salt": "v3"},
            "mirror": [{"color": "green", "percent": 25, "timeout": "2s"}],
            "overrides": [{"metadata": {"x-try": "1"}, "color": "green"}],
            "methods": {"safe": ["/a.B/*"]}, "fallback": false, "note": "REC-112"}"""


async def test_a_shift_writes_and_waits_until_the_sidecars_obey(site: Site) -> None:
    async with sidecar(site.address, site.service), sidecar(site.address, site.service, id="two"):
        result = await site.run("shift", site.service, "blue=90", "green=10", "--key", "x-user-id")
    assert result.exit_code == Exit.OK
    assert "2/2 sidecars obey revision" in result.stdout
    assert await site.document() == {"split": {"blue": 90, "green": 10}, "key": {"metadata": "x-user-id"}}


async def test_a_shift_keeps_the_rest_of_the_document(site: Site) -> None:
    await site.put(RICH)
    await site.ask("shift", site.service, "blue=90", "green=10")
    document = await site.document()
    assert document.pop("split") == {"blue": 90, "green": 10}
    assert document == {
        "key": {"metadata": "x-user-id", "salt": "v3"},
        "mirror": [{"color": "green", "percent": 25, "timeout": "2s"}],
        "overrides": [{"metadata": {"x-try": "1"}, "color": "green"}],
        "methods": {"safe": ["/a.B/*"]},
        "fallback": False,
        "note": "REC-112",
    }


async def test_key_salt_and_note_change_on_request(site: Site) -> None:
    await site.put(RICH)
    await site.ask("shift", site.service, "blue=100", "--salt", "v4", "--note", "again")
    assert (await site.document())["key"] == {"metadata": "x-user-id", "salt": "v4"}
    assert (await site.document())["note"] == "again"
    await site.ask("shift", site.service, "blue=100", "--no-key")
    assert "key" not in await site.document()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["blue=90"], "must add up to exactly 100"),
        (["blue=90", "green=10.001"], "steps of 0.01"),
        (["blue"], "COLOR=PERCENT"),
        (["blue=100", "--salt", "x"], "add --key"),
        (["blue=100", "--no-key", "--key", "a"], "--no-key takes the key away"),
        (["blue=100", "--key", "X-User"], "no metadata name"),
        (["blue=100", "--note", "\x1b[2J"], "control characters"),
        (["verdigris=100"], "no colour"),
    ],
)
async def test_a_shift_against_the_rules_is_a_usage_error_and_writes_nothing(
    site: Site, words: list[str], reason: str
) -> None:
    result = await site.run("shift", site.service, *words)
    assert result.exit_code == Exit.USAGE
    assert reason in " ".join(result.stderr.split())
    assert await site.document() is None


async def test_a_mirror_sets_changes_and_takes_out_shadows(site: Site) -> None:
    await site.put(b'{"split": {"blue": 100}}')
    await site.ask("mirror", site.service, "green=25", "--timeout", "2s")
    assert (await site.document())["mirror"] == [{"color": "green", "percent": 25, "timeout": "2s"}]
    await site.ask("mirror", site.service, "green=50", "red=0.5")
    assert [each["timeout"] for each in (await site.document())["mirror"]] == ["2s", "10s"]
    await site.ask("mirror", site.service, "green=0")
    assert [each["color"] for each in (await site.document())["mirror"]] == ["red"]
    await site.ask("mirror", site.service, "--off")
    assert "mirror" not in await site.document()


async def test_noise_is_set_beside_shadows_and_told_in_words(site: Site) -> None:
    """Of the colour that serves most, unless one is named."""
    await site.put(b'{"split": {"blue": 90, "green": 10}}')
    result = await site.run("mirror", site.service, "green=100", "--noise", "10", "--timeout", "2s")
    assert result.exit_code == Exit.OK
    assert "shadow green 100 %, noise 10 %" in result.stdout
    assert re.search(r"noise +blue 10 %, within 2 s", result.stdout)
    assert (await site.document())["mirror"] == [
        {"color": "green", "percent": 100, "timeout": "2s"},
        {"color": "blue", "percent": 10, "timeout": "2s", "as": "noise"},
    ]
    await site.ask("mirror", site.service, "--noise", "blue=0", "--noise", "green=5")
    assert [(each["color"], each.get("as")) for each in (await site.document())["mirror"]] == [
        ("green", None),
        ("green", "noise"),
    ]
    await site.ask("mirror", site.service, "green", "--off")
    assert "mirror" not in await site.document()


async def test_what_an_edit_does_not_change_stays_what_is_said_of_shadows_too(site: Site) -> None:
    said = {
        "record": {"payloads": "differing"},
        "compare": {"outputs": {"items": {"as": "ranking", "overlap": 80}}},
        "criteria": {"scores": {"items": 60}, "p99": "off"},
    }
    await site.put(json.dumps({"split": {"blue": 100}} | said).encode())
    await site.ask("shift", site.service, "blue=90", "green=10")
    assert await site.document() == {"split": {"blue": 90, "green": 10}} | said
    status = await site.run("status", site.service)
    for line in (
        r"record +payloads only of those that differ",
        r"compare +items as ranking, overlap at least 80 %",
        r"ready if +items at least 60 %, p99 whatever it is",
    ):
        assert re.search(line, status.stdout)


async def test_one_shadow_of_two_is_taken_out_by_name(site: Site) -> None:
    await site.put(b'{"split": {"blue": 100}}')
    await site.ask("mirror", site.service, "green=50", "red=0.5")
    await site.ask("mirror", site.service, "green", "--off")
    assert [each["color"] for each in (await site.document())["mirror"]] == ["red"]


async def test_a_mirror_without_a_document_starts_from_the_default_colour(site: Site) -> None:
    """That is what the splitters do without one, so nothing else changes."""
    await site.register("blue")
    await site.ask("mirror", site.service, "green=25")
    assert (await site.document())["split"] == {"blue": 100}


@pytest.mark.parametrize("edit", [("shift", "green=100"), ("mirror", "green=25")])
async def test_a_service_that_nobody_knows_is_a_usage_error_that_writes_nothing_unless_forced(
    site: Site, edit: tuple[str, str]
) -> None:
    command, share = edit
    others, folder = f"{site.service}-known", f"{contract.KEY_ROOT}/"  # as the web interface makes one
    key = contract.traffic_key(others)
    await site.consul.put(key, b'{"split": {"blue": 100}}')
    await site.consul.put(folder, b"")
    result = await site.run(command, site.service, share)
    await site.consul.delete(key)
    await site.consul.delete(folder)
    assert result.exit_code == Exit.USAGE
    said = " ".join(result.stderr.split())
    assert f"nothing is known of {site.service}: it has no document, no model server and no sidecar" in said
    assert re.search(rf"Consul knows (\w[^ ]*, )*{others}[,.]", said)
    assert "--force" in said
    assert await site.document() is None
    assert (await site.run(command, site.service, share, "--force")).exit_code == Exit.OK
    assert await site.document() is not None


async def test_a_service_with_a_model_server_a_sidecar_or_a_document_is_known(site: Site) -> None:
    await site.register("blue")
    assert (await site.run("shift", site.service, "blue=100")).exit_code == Exit.OK
    await site.consul.deregister(f"{site.service}-blue")
    assert (await site.run("shift", site.service, "green=100")).exit_code == Exit.OK
    await site.consul.delete(contract.traffic_key(site.service))
    async with sidecar(site.address, site.service):
        assert (await site.run("shift", site.service, "blue=100")).exit_code == Exit.OK


async def test_a_mirror_of_nothing_is_a_usage_error(site: Site) -> None:
    assert (await site.run("mirror", site.service)).exit_code == Exit.USAGE
    assert (await site.run("mirror", site.service, "green=5", "--timeout", "2")).exit_code == Exit.USAGE
    assert (await site.run("mirror", site.service, "--noise", "all")).exit_code == Exit.USAGE
    assert (await site.run("mirror", site.service, "--off", "--noise", "5")).exit_code == Exit.USAGE


async def test_off_with_a_share_is_a_usage_error_and_not_a_success_that_did_nothing(site: Site) -> None:
    await site.register("green")
    await site.ask("mirror", site.service, "green=50")
    result = await site.run("mirror", site.service, "--off", "green=100")
    assert result.exit_code == Exit.USAGE
    assert "--off takes colours, and 'green=100' is none" in result.stderr
    assert [each["color"] for each in (await site.document())["mirror"]] == ["green"]


async def test_a_wait_that_is_no_number_is_a_usage_error(site: Site) -> None:
    for wait in ("nan", "inf", "0", "soon"):
        result = await site.run("shift", site.service, "blue=100", "--wait", wait)
        assert result.exit_code == Exit.USAGE
    assert await site.document() is None


@pytest.mark.parametrize("fails", ["get", "list"])
async def test_a_consul_that_fails_after_the_write_does_not_hide_the_write(site: Site, fails: str) -> None:
    """Where the revision is read, or where the sidecars are waited for."""

    class Failing(Consul):
        written = False

        async def put(self, *words: Any, **how: Any) -> bool:
            self.written = await super().put(*words, **how)
            return self.written

        async def get(self, *words: Any, **how: Any) -> Any:
            if self.written and fails == "get":
                raise ConsulError("Consul at nowhere: get: refused")
            return await super().get(*words, **how)

        async def list(self, *words: Any, **how: Any) -> Any:
            raise ConsulError("Consul at nowhere: list: refused")

    await site.register("blue")
    async with Failing(ConsulAddress.parse(site.address)) as consul:
        with pytest.raises(Failure) as failure:
            await operate.apply(
                consul, site.service, lambda before: Traffic((Share("blue", 10_000),)), did="", terms=Terms()
            )
    assert failure.value.code is Exit.UNREACHABLE
    assert failure.value.message.startswith("the document was written, ")
    assert failure.value.message.endswith(f"{fails}: refused")
    assert await site.document() == {"split": {"blue": 100}}


async def test_colours_that_nobody_serves_are_a_warning(site: Site) -> None:
    await site.register("blue")
    answer = await site.ask("shift", site.service, "blue=90", "red=10")
    assert answer["warnings"] == [f"nobody has registered as red in {site.service}"]


async def test_an_invalid_document_is_not_edited_without_force(site: Site) -> None:
    await site.put(b'{"split": {"blue": 90}}')
    result = await site.run("shift", site.service, "blue=100")
    assert result.exit_code == Exit.INVALID
    assert "must add up to exactly 100" in result.stderr
    forced = await site.ask("shift", site.service, "blue=100", "--force")
    assert forced["document"] == {"split": {"blue": 100}}


async def test_an_edit_for_another_revision_is_a_conflict(site: Site) -> None:
    revision = await site.put(b'{"split": {"blue": 100}}')
    words = ("shift", site.service, "green=100", "--if-revision")
    result = await site.run(*words, str(revision - 1))
    assert result.exit_code == Exit.CONFLICT
    assert f"the document is at revision {revision}, not {revision - 1}" in result.stderr
    assert (await site.run(*words, str(revision))).exit_code == Exit.OK


async def test_an_edit_that_a_sidecar_refuses_is_written_and_says_so(site: Site) -> None:
    async with (
        sidecar(site.address, site.service),
        sidecar(site.address, site.service, id="b", opinion=contrary),
    ):
        result = await site.run("shift", site.service, "blue=100")
    assert result.exit_code == Exit.NOT_OBEYED
    assert "1/2 sidecars obey" in result.stdout
    assert "b refuses it" in result.stdout
    assert "is too new for me" in result.stdout


async def test_an_edit_that_a_sidecar_does_not_hear_says_so(site: Site) -> None:
    async with sidecar(site.address, site.service, deaf=True):
        result = await site.run("shift", site.service, "blue=100", "--wait", "0.2")
        assert result.exit_code == Exit.NOT_OBEYED
        assert "sidecar-1 still applies revision none" in result.stdout
        assert (await site.run("shift", site.service, "green=100", "--no-wait")).exit_code == Exit.OK


async def test_an_edit_without_sidecars_is_no_error(site: Site) -> None:
    await site.register("blue")
    result = await site.run("shift", site.service, "blue=100")
    assert result.exit_code == Exit.OK
    assert "no sidecar is running" in result.stdout


async def test_a_rollback_writes_the_previous_document_again(site: Site) -> None:
    async with sidecar(site.address, site.service):
        for shares in (["blue=100"], ["blue=90", "green=10"], ["blue=0", "green=100"]):
            await site.ask("shift", site.service, *shares)
        back = await site.ask("rollback", site.service)
        assert back["document"]["split"] == {"blue": 90, "green": 10}
        assert back["convergence"]["obeyed"] == ["sidecar-1"]
        first = (await site.ask("history", site.service))[-1]["revision"]
        again = await site.ask("rollback", site.service, "--to", str(first))
        assert again["document"]["split"] == {"blue": 100}


async def test_a_rollback_mends_a_broken_edit_of_the_key(site: Site) -> None:
    """Somebody broke the document in Consul's own UI; what is in force goes back into the key."""
    async with sidecar(site.address, site.service):
        await site.ask("shift", site.service, "blue=100")
        await site.put(b'{"split": {"blue": 100}')
        back = await site.ask("rollback", site.service)
    assert back["document"] == {"split": {"blue": 100}}


async def test_a_rollback_without_a_history_says_so(site: Site) -> None:
    result = await site.run("rollback", site.service)
    assert result.exit_code == Exit.FAILED
    assert "nothing to roll back to" in result.stderr


async def test_what_is_no_service_name_is_refused(site: Site) -> None:
    assert (await site.run("shift", "a/b", "blue=100")).exit_code == Exit.USAGE
    assert (await site.run("status", "a/b")).exit_code == Exit.USAGE


async def test_a_consul_that_does_not_answer_has_an_exit_code_of_its_own(site: Site) -> None:
    result = await site.run("shift", site.service, "blue=100", "--consul-addr", "127.0.0.1:1")
    assert result.exit_code == Exit.UNREACHABLE
    assert "127.0.0.1:1" in result.stderr
    assert "--consul-addr" in result.stderr


async def test_an_address_that_is_none_is_a_usage_error(site: Site) -> None:
    result = await site.run("status", "--consul-addr", "nowhere")
    assert result.exit_code == Exit.USAGE
    assert "HOST:PORT" in result.stderr


async def test_the_address_comes_from_consuls_own_variable_too(site: Site) -> None:
    env = {"VERDIGRIS_CONSUL_ADDR": None, "CONSUL_HTTP_ADDR": f"http://{site.address}"}
    assert (await site.run("status", site.service, env=env)).exit_code == Exit.OK


async def test_errors_are_json_on_request(site: Site) -> None:
    answer = await site.ask("rollback", site.service)
    assert answer["error"]["code"] == Exit.FAILED
    assert answer["error"]["kind"] == "failed"
