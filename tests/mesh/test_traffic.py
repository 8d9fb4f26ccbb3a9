"""The traffic document: what is accepted means what it says, and what is refused says why."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.contract import SAFE_METHODS
from mesh.problem import MOST
from mesh.traffic import (
    DEFAULT_TIMEOUT,
    GRAIN,
    Invalid,
    Key,
    Mirror,
    Override,
    Problem,
    Share,
    Traffic,
    default,
    parse,
    to_json,
)
from mesh.traffic_form import TrafficForm
from tests.mesh.documents import traffics
from tests.mesh.invalid_documents import INVALID
from tests.mesh.refused import Refused


@given(traffics)
def test_what_is_written_is_read_back_unchanged(traffic: Traffic) -> None:
    """parse(to_json(t)) == t for every document, order of colours and overrides included."""
    assert parse(to_json(traffic)) == traffic


@given(traffics)
def test_weights_of_an_accepted_document_make_exactly_the_grain(traffic: Traffic) -> None:
    """No document leaves a bucket without an owner, or with two."""
    assert sum(share.weight for share in parse(to_json(traffic)).split) == GRAIN


@given(st.lists(st.integers(0, GRAIN), min_size=1, max_size=5))
def test_only_a_sum_of_exactly_100_is_accepted(weights: list[int]) -> None:
    """Percentages of two decimals are added as written, not as binary fractions."""
    split = ", ".join(f'"c{n}": {w // 100}.{w % 100:02d}' for n, w in enumerate(weights))
    raw = f'{{"split": {{{split}}}}}'.encode()
    if sum(weights) == GRAIN:
        assert [share.weight for share in parse(raw).split] == weights
    else:
        with pytest.raises(Invalid, match="exactly 100"):
            parse(raw)


def _problems(raw: bytes) -> tuple[Problem, ...]:
    try:
        parse(raw)
    except Invalid as error:
        return error.problems
    return ()


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda each: each.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_a_document_or_refused(raw: bytes) -> None:
    """Nothing that can stand in the key raises anything but Invalid, and the reasons fit on one line each."""
    assert all(str(problem).isprintable() for problem in _problems(raw))


@pytest.mark.parametrize("bad", INVALID, ids=lambda each: each.name)
def test_a_bad_document_is_refused_with_path_and_rule(bad: Refused) -> None:
    """Every error names the path, the value and the rule."""
    with pytest.raises(Invalid) as refusal:
        parse(bad.raw)
    at_path = [problem for problem in refusal.value.problems if problem.path == bad.path]
    assert any(bad.rule in problem.rule for problem in at_path), str(refusal.value)
    assert all(problem.value for problem in at_path)


def test_the_table_of_bad_documents_is_long_and_has_no_name_twice() -> None:
    """Tests that import the table may use the names as ids."""
    assert len({bad.name for bad in INVALID}) == len(INVALID) >= 40


def test_the_design_example_means_what_it_says() -> None:
    """The document of the design page, field by field."""
    raw = b"""{
      "split":     {"blue": 90, "green": 10},
      "key":       {"metadata": "x-user-id", "salt": "green-v3"},
      "mirror":    [{"color": "green", "percent": 25, "timeout": "2s"}],
      "overrides": [{"metadata": {"x-verdigris-color": "green"}, "color": "green"}],
      "methods":   {"safe": ["/inference.GRPCInferenceService/*"]},
      "fallback":  true,
      "note":      "green v3, ticket REC-112"
    }"""
    assert parse(raw) == Traffic(
        split=(Share("blue", 9000), Share("green", 1000)),
        key=Key("x-user-id", "green-v3"),
        mirror=(Mirror("green", 2500, 2.0),),
        overrides=(Override((("x-verdigris-color", "green"),), "green"),),
        safe=("/inference.GRPCInferenceService/*",),
        fallback=True,
        note="green v3, ticket REC-112",
    )


def test_what_is_left_out_has_its_default() -> None:
    """A split alone is a document: no key, no shadow, only the inference methods safe, fallback on."""
    assert parse(b'{"split": {"blue": 100}}') == default("blue")
    assert default("blue") == Traffic(
        (Share("blue", GRAIN),), key=None, mirror=(), overrides=(), safe=SAFE_METHODS, fallback=True, note=""
    )
    shadow = parse(b'{"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 5}]}').mirror[0]
    assert shadow.timeout == DEFAULT_TIMEOUT


@pytest.mark.parametrize(
    "raw", [b'\xef\xbb\xbf{"split": {"blue": 100}}', b' {"split":\r\n{"blue": 100}}\r\n\n']
)
def test_what_editors_add_around_a_document_is_passed_over(raw: bytes) -> None:
    """A byte-order mark, Windows line ends and trailing new lines come from tools, not from the operator."""
    assert parse(raw) == default("blue")


def test_zero_is_a_value() -> None:
    """A colour at 0 stays in the split, and a mirror at 0 stays a mirror; also as 0.0, 0.00 and 0e5."""
    traffic = parse(
        b'{"split": {"blue": 0.00, "green": 100.0, "red": 0e5}, "mirror": [{"color": "red", "percent": 0}]}'
    )
    assert traffic.split == (Share("blue", 0), Share("green", GRAIN), Share("red", 0))
    assert traffic.mirror == (Mirror("red", 0),)


def test_an_empty_list_of_safe_methods_means_none() -> None:
    """Left out is the default; empty is empty."""
    assert parse(b'{"split": {"blue": 100}, "methods": {"safe": []}}').safe == ()
    assert parse(b'{"split": {"blue": 100}, "methods": {}}').safe == SAFE_METHODS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2.0), ("500ms", 0.5), ("1m", 60.0), ("1.5s", 1.5), ("1ms", 0.001), ("10m", 600.0)],
)
def test_times_are_read_with_their_unit(text: str, seconds: float) -> None:
    """Milliseconds, seconds and minutes."""
    raw = f'{{"split": {{"blue": 100}}, "mirror": [{{"color": "green", "percent": 1, "timeout": "{text}"}}]}}'
    assert parse(raw.encode()).mirror[0].timeout == seconds


def test_an_override_may_name_a_colour_outside_the_split() -> None:
    """That is how a colour is tried by hand before it gets traffic."""
    raw = b'{"split": {"blue": 100}, "overrides": [{"metadata": {"x-try": "1"}, "color": "green"}]}'
    assert parse(raw).overrides[0].color == "green"


def test_all_problems_are_reported_at_once() -> None:
    """Spelling, single fields and rules between fields, in one answer."""
    raw = b"""{"split": {"blue": 90, "Green": 9, "blue": 90}, "key": {}, "fallback": 1, "colour": "blue",
               "mirror": [{"color": "a", "percent": 1}, {"color": "a", "percent": 1, "timeout": 3}],
               "record": {"percent": 101, "largest": 5}, "criteria": {"scores": {"took": 90}, "p99": null},
               "compare": {"outputs": {"took": {"as": "ignored", "top": 5}, "items": {"as": "rank"}}}}"""
    with pytest.raises(Invalid) as refusal:
        parse(raw)
    assert {problem.path for problem in refusal.value.problems} == {
        "split",
        "split.blue",
        "split.Green",
        "key.metadata",
        "fallback",
        "colour",
        "mirror[1].color",
        "mirror[1].timeout",
        "record.percent",
        "record.largest",
        "criteria.scores.took",
        "criteria.p99",
        "compare.outputs.took.top",
        "compare.outputs.items.as",
    }
    assert len(str(refusal.value).splitlines()) == len(refusal.value.problems)


def test_the_document_in_the_readme_is_accepted() -> None:
    """Whoever begins begins with it, and it names every field there is."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (shown,) = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    parse(shown.encode())
    assert list(json.loads(shown)) == list(TrafficForm.model_fields)
    assert re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE) == list(TrafficForm.model_fields)


def test_a_document_of_a_thousand_mistakes_is_explained_briefly() -> None:
    """The reasons have to fit into the status key: the first hundred, then the count of the rest."""
    raw = b'{"split": {' + b", ".join(b'"C%d": 1' % number for number in range(1000)) + b"}}"
    with pytest.raises(Invalid) as refusal:
        parse(raw)
    assert len(refusal.value.problems) == MOST + 1
    assert "more problems" in refusal.value.problems[-1].rule


def test_a_refused_value_is_shown_short_and_harmless() -> None:
    """A value of any length is cut, and terminal control sequences are spelled out."""
    raw = b'{"split": {"blue": 100}, "note": {"\\u001b[2J": "' + b"x" * 10_000 + b'"}}'
    with pytest.raises(Invalid) as refusal:
        parse(raw)
    (problem,) = refusal.value.problems
    assert len(problem.value) <= 80
    assert "\x1b" not in str(problem)


@given(traffics)
def test_the_written_document_is_canonical(traffic: Traffic) -> None:
    """Writing what was read gives the same bytes, so an edit of nothing changes nothing."""
    assert to_json(parse(to_json(traffic))) == to_json(traffic)


def test_the_written_document_is_for_people() -> None:
    """Indented, without defaults, percentages as short as they are."""
    traffic = Traffic(
        split=(Share("blue", 6667), Share("green", 3330), Share("red", 3)),
        key=Key("x-user-id"),
        mirror=(Mirror("green", 2500, 0.5),),
    )
    assert to_json(traffic).decode() == (
        '{\n  "split": {\n    "blue": 66.67,\n    "green": 33.3,\n    "red": 0.03\n  },\n'
        '  "key": {\n    "metadata": "x-user-id"\n  },\n'
        '  "mirror": [\n    {\n      "color": "green",\n      "percent": 25,\n'
        '      "timeout": "500ms"\n    }\n  ]\n}\n'
    )
