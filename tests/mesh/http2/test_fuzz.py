"""Whatever peers say, nothing raises, nothing is an error of ours, peers that keep the rules hear only legal HTTP/2,
and nothing is left behind. A short slice, always the same; `make fuzz` goes on for as long as it is told.
"""

import asyncio
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.http2 import frames as f
from mesh.http2.frames import PREFACE
from tests.mesh.http2.fuzzing.author import write
from tests.mesh.http2.fuzzing.chance import ByteChance
from tests.mesh.http2.fuzzing.script import Script, Step
from tests.mesh.http2.fuzzing.shrink import failure, fewest
from tests.mesh.http2.fuzzing.stage import no_internal_error, play
from tests.mesh.http2.relay import Front, Upstream
from tests.mesh.http2.wire import Wire
from tools import fuzz

FOUND = sorted((Path(__file__).parent / "fuzzing" / "found").glob("*.jsonl"))
ROUNDS_PER_TEST = 12


@pytest.mark.parametrize("first", range(0, 10 * ROUNDS_PER_TEST, ROUNDS_PER_TEST))
def test_whatever_anybody_says_nothing_raises_and_nothing_is_left_behind(first: int) -> None:
    """Some 50 000 frames in all, to a relay and to the splitter's switch, from clients, upstreams or both."""
    for seed in range(first, first + ROUNDS_PER_TEST):
        wrong = failure(write(Random(seed)))
        assert wrong is None, f"make fuzz ARGS='--rounds 1 --seed {seed}' shortens it: {wrong}"


def test_what_went_wrong_once_does_so_no_more() -> None:
    wrong = {path.name: failure(Script.parse(path.read_text())) for path in FOUND}
    assert not any(wrong.values()), wrong


async def random_bytes(words: list[bytes], opening: bytes, connection: Front | Upstream) -> None:
    wire = Wire(connection)
    wire.say(opening)
    for each in words:
        wire.say(each)
    await asyncio.sleep(0)
    wire.take()
    wire.cut_off()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not connection.streams


OPENINGS = (b"", PREFACE, PREFACE + f.settings({}), PREFACE + f.settings({}) + f.SETTINGS_ACK)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=80), max_size=6), st.sampled_from(OPENINGS), st.booleans())
def test_random_bytes_never_raise(words: list[bytes], opening: bytes, serves: bool) -> None:
    async def run() -> None:
        back = Upstream()
        if serves:
            await random_bytes(words, opening, Front(lambda call: back))
        else:
            await random_bytes(words, opening.removeprefix(PREFACE), back)

    with no_internal_error():
        asyncio.run(run())


# The tools that do this


def test_a_script_is_the_same_after_it_was_kept_as_text() -> None:
    script = write(Random(3))
    assert script.frames > 100
    assert Script.parse(script.text()) == script
    assert write(Random(3)) == script


def test_any_bytes_write_a_script() -> None:
    for size in (0, 1, 50, 3_000):
        data = Random(size).randbytes(size)
        script = write(ByteChance(data))
        assert script == write(ByteChance(data))
        play(script)
    assert len(write(ByteChance(b"")).steps) < 10


def test_a_failing_script_is_named_by_what_fails() -> None:
    script = Script("relay", "clients", 1, 1, (0, 0), None, (Step("say", "nobody", b""),))
    assert "KeyError" in (failure(script) or "")


def test_the_command_counts_its_frames_and_says_how_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--frames", "300", "--seed", "5"]) == 0
    assert "nothing raised, nothing leaked" in capsys.readouterr().err


def test_the_fewest_items_that_still_fail_are_found() -> None:
    assert fewest(range(100), lambda kept: 7 in kept and 93 in kept) == [7, 93]
    assert fewest(range(5), lambda kept: True) == []
