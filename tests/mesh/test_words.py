"""Small phrases: a document in a line, and times with a unit that suits them."""

from dataclasses import replace

import pytest

from mesh import words
from mesh.contract import ROLE_NOISE
from mesh.shadowing import DIFFERING, IGNORED, NONE, RANKING, Compare, Criteria, OutputRule, Record
from mesh.traffic import Key, Mirror, Override, Share, Traffic, default


def test_a_document_is_told_in_one_line() -> None:
    traffic = Traffic(
        split=(Share("blue", 6667), Share("green", 3333)),
        key=Key("x-user-id", "v3"),
        mirror=(Mirror("green", 50, 2.0), Mirror("blue", 1000, role=ROLE_NOISE)),
        overrides=(Override((("a", "b"),), "green"),),
        fallback=False,
        note="REC-112\nand more",
    )
    assert words.told(traffic) == (
        "blue 66.67, green 33.33; key x-user-id salt v3; shadow green 0.5 within 2 s, noise blue 10 within 10 s; "
        "1 override; no fallback; note: REC-112"
    )
    assert words.told(default("blue")) == "blue 100"
    safe = replace(default("blue"), safe=("/a.B/*", "/c.D/Get"))
    assert words.told(safe) == "blue 100; safe /a.B/*, /c.D/Get"
    assert words.told(replace(safe, safe=())) == "blue 100; safe none"


def test_what_it_says_of_its_shadows_is_told_in_words_and_only_that() -> None:
    traffic = replace(
        default("blue"),
        record=Record(5000, DIFFERING, 65_536),
        compare=Compare(
            (
                ("items", OutputRule(RANKING, top=20, overlap=0.8)),
                ("scores", OutputRule(rtol=0.01, atol=0.0)),
                ("took", OutputRule(IGNORED)),
            ),
            "films",
        ),
        criteria=Criteria(
            agreement=0.95,
            scores=(("items", 0.6),),
            errors=0.01,
            p50=1.5,
            p99=None,
            pairs=1000,
            confidence=0.99,
        ),
    )
    assert words.told(traffic) == (
        "blue 100; record 50 % of the pairs, payloads only of those that differ, messages up to 64KiB; "
        "compare items as ranking, top 20, overlap at least 80 %; scores, rtol 0.01, atol 0; took ignored; "
        "by the comparator films; ready if agreement at least 95 %, items at least 60 %, errors at most 1 % more, "
        "p50 at most × 1.5, p99 whatever it is, 1000 pairs at least, 99 % sure"
    )
    assert (
        words.told(replace(default("blue"), record=Record(payloads=NONE))) == "blue 100; record no payloads"
    )


def test_nothing_in_a_document_makes_a_log_or_a_terminal_obey() -> None:
    told = words.told(replace(default("blue"), key=Key("x", "\x1b[2J\n"), note="\x1b]0;gone"))
    assert told == r"blue 100; key x salt \u001b[2J\u000a; note: \u001b]0;gone"
    outputs = Compare((("\x1b[2J", OutputRule(IGNORED)),))
    assert words.told(replace(default("blue"), compare=outputs)) == r"blue 100; compare \u001b[2J ignored"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 µs"),
        (0.000085, "85 µs"),
        (0.0009996, "1 ms"),
        (0.0032, "3.2 ms"),
        (0.038, "38 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (2, "2 s"),
        (119, "119 s"),
        (300, "5 min"),
        (7200, "2 h"),
        (172_800, "2 days"),
    ],
)
def test_a_duration_has_a_unit_that_suits_it(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_what_was_a_moment_ago_is_just_now() -> None:
    assert words.ago(0.3) == "just now"
    assert words.ago(-0.2) == "just now"
    assert words.ago(12.4) == "12 s ago"
