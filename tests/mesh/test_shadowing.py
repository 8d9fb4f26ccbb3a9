"""What a traffic document says of its shadows: which answers are kept, how they are compared, and who is ready."""

import json

import pytest

from mesh.contract import ROLE_NOISE, ROLE_SHADOW
from mesh.shadowing import (
    ALL,
    DIFFERING,
    IGNORED,
    NONE,
    RANKING,
    VALUES,
    Compare,
    Criteria,
    OutputRule,
    Record,
)
from mesh.traffic import GRAIN, Mirror, Share, Traffic, parse, to_json


def test_what_a_document_says_of_its_shadows_is_what_it_means() -> None:
    """Every field of recording, comparing and judging, as the README shows them."""
    traffic = parse(
        b"""{
          "split": {"blue": 100},
          "mirror": [{"color": "green", "percent": 100}, {"color": "blue", "percent": 10, "as": "noise"}],
          "record": {"percent": 12.5, "payloads": "differing", "largest": "64KiB"},
          "compare": {
            "outputs": {
              "scores": {"as": "values", "rtol": 1e-3, "atol": 0},
              "items": {"as": "ranking", "top": 20, "overlap": 80},
              "took": {"as": "ignored"}
            },
            "comparator": "films"
          },
          "criteria": {"agreement": 99.5, "scores": {"items": 60}, "errors": 1, "p50": 1.5, "p99": "off",
                       "pairs": 1000, "confidence": 99}
        }"""
    )
    assert traffic.mirror == (Mirror("green", GRAIN), Mirror("blue", 1000, role=ROLE_NOISE))
    assert traffic.record == Record(1250, DIFFERING, 65536)
    assert traffic.compare == Compare(
        outputs=(
            ("scores", OutputRule(VALUES, rtol=0.001, atol=0.0)),
            ("items", OutputRule(RANKING, top=20, overlap=0.8)),
            ("took", OutputRule(IGNORED)),
        ),
        comparator="films",
    )
    assert traffic.criteria == Criteria(
        agreement=0.995, scores=(("items", 0.6),), errors=0.01, p50=1.5, p99=None, pairs=1000, confidence=0.99
    )


def test_what_a_document_does_not_say_of_its_shadows_has_its_default() -> None:
    """An object without fields says nothing either, and a role may be spelled out."""
    plain = parse(b'{"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 1}]}')
    assert (plain.record, plain.compare, plain.criteria) == (Record(), Compare(), Criteria())
    empty = b"""{"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 1, "as": "shadow"}],
                 "record": {}, "compare": {"outputs": {}}, "criteria": {"scores": {}}}"""
    assert parse(empty) == plain
    assert plain.record.payloads == ALL


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("500B", 500), ("64KiB", 65_536), ("1.5KiB", 1536), ("1MiB", 1 << 20), ("4MiB", 4 << 20)],
)
def test_sizes_are_read_with_their_unit(text: str, size: int) -> None:
    """Bytes, and binary multiples of them."""
    raw = f'{{"split": {{"blue": 100}}, "record": {{"largest": "{text}"}}}}'
    assert parse(raw.encode()).record.largest == size


def test_a_colour_may_be_a_shadow_and_noise() -> None:
    """Once each: of the calls that others serve, and of those that it serves itself."""
    raw = b"""{"split": {"blue": 50, "green": 50}, "mirror": [
               {"color": "green", "percent": 5}, {"color": "green", "percent": 5, "as": "noise"}]}"""
    assert [(each.color, each.role) for each in parse(raw).mirror] == [
        ("green", ROLE_SHADOW),
        ("green", ROLE_NOISE),
    ]


def test_what_is_written_of_shadows_is_for_people() -> None:
    """Percentages, sizes in the largest unit that fits, `off`, and nothing that is default anyway."""
    traffic = Traffic(
        split=(Share("blue", GRAIN),),
        mirror=(Mirror("blue", 1000, role=ROLE_NOISE),),
        record=Record(payloads=NONE, largest=96 << 10),
        compare=Compare(
            outputs=(("items", OutputRule(RANKING, overlap=0.8)), ("scores", OutputRule(rtol=0.01)))
        ),
        criteria=Criteria(agreement=0.95, scores=(("items", 0.605),), p50=3.0, p99=None),
    )
    assert json.loads(to_json(traffic)) == {
        "split": {"blue": 100},
        "mirror": [{"color": "blue", "percent": 10, "timeout": "10s", "as": "noise"}],
        "record": {"payloads": "none", "largest": "96KiB"},
        "compare": {"outputs": {"items": {"as": "ranking", "overlap": 80}, "scores": {"rtol": 0.01}}},
        "criteria": {"agreement": 95, "scores": {"items": 60.5}, "p50": 3, "p99": "off"},
    }
    assert b'"p50": 3,' in to_json(traffic)
