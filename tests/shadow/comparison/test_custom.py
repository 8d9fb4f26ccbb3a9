"""Comparators and redactors of users, installed as their packages would be."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mesh.pb import open_inference_pb2 as pb
from mesh.shadowing import Compare
from shadow.comparison.comparator import CANCELED, Comparator
from shadow.comparison.custom import NotInstalled, Redactor
from shadow.comparison.difference import Comparison, Difference
from shadow.pair import Pair
from tests.shadow.answers import OTHER, answered, body, pair, response

MODULE = '''
from dataclasses import replace
import itertools, sys
import numpy as np
from shadow.comparison.difference import Difference

def mean(view):
    """Whether the means are near."""
    before, after = view.primary.tensors[0]["y"], view.shadow.tensors[0]["y"]
    apart = np.abs(after.mean() - before.mean())
    yield Difference("mean of y", "mean", apart < 0.5, np.float32(1 / (1 + apart)), {"apart": apart, "n": before.size})

def user(view):
    return [Difference("user", "same", True, 1.0, {"id": int(view.request.tensors[0]["user"][0])})]

def words(view):
    return [Difference("words", "same", view.primary.raw == view.shadow.raw, 1.0, detail=view.method)]

class Silent(Exception):
    def __str__(self):
        raise RuntimeError

def raising(view): raise KeyError("y")
def silent(view): raise Silent
def leaving(view): sys.exit(3)
def late(view):
    yield Difference("a", "same", True, 1.0)
    raise ValueError("half way")
def nothing(view): return []
def no_differences(view): return ["y"]
def none(view): return None
def twice(view): return [Difference("a", "same", True, 1.0)] * 2
def fact(view): return [Difference("status", "same", True, 1.0)]
def score(view): return [Difference("a", "same", True, 1.5)]
def nan(view): return [Difference("a", "same", True, 1.0, {"x": float("nan")})]
def maybe(view): return [Difference("a", "same", None, 1.0)]
def nameless(view): return [Difference("", "same", True, 1.0)]
def flood(view): return (Difference(str(n), "same", True, 1.0) for n in itertools.count())

def without_user(pair):
    return replace(pair, metadata=tuple(each for each in pair.metadata if each[0] != "x-user-id"), request=None)

def another(pair):
    return replace(pair, id=replace(pair.id, number=2))

number = 7
'''


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that offers everything in `MODULE`, as pip would have left it."""
    (tmp_path / "acme_shadows.py").write_text(MODULE)
    information = tmp_path / "acme_shadows-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-shadows\nVersion: 1.0\n")
    names = [line.split("(")[0].split()[-1] for line in MODULE.splitlines() if line.startswith("def ")]
    lines = [f"{name} = acme_shadows:{name}" for name in (*names, "number", "absent")]
    gone = "gone = acme_gone:compare"
    (information / "entry_points.txt").write_text(
        "\n".join(["[verdigris.comparators]", *lines, gone, "[verdigris.redactors]", *lines])
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("acme_shadows", None)


def compared(name: str, given_pair: Pair) -> Comparison:
    return Comparator(Compare(comparator=name)).compare(given_pair)


NEAR = answered({"y": np.array([1.0, 2])}, {"y": np.array([2.0, 1.1])})


def test_a_comparator_compares_instead_and_its_numbers_become_pythons() -> None:
    comparison = compared("mean", NEAR)
    status, mean = comparison.differences
    assert (status.output, comparison.error, comparison.agrees) == ("status", "", True)
    assert (mean.output, mean.measure) == ("mean of y", "mean")
    assert mean.score == pytest.approx(1 / 1.05)
    assert mean.figures == {"apart": pytest.approx(0.05), "n": 2}
    assert [type(each) for each in (mean.agrees, mean.score, *mean.figures.values())] == [
        bool,
        float,
        float,
        int,
    ]


def test_it_sees_the_request_and_protocols_that_nobody_knows() -> None:
    request = pb.ModelInferRequest(raw_input_contents=[np.array([7]).tobytes()])
    request.inputs.add(name="user", datatype="INT64", shape=[1])
    answer = body(response({"y": np.array([1.0])}))
    assert compared("user", pair(answer, answer, request=body(request))).differences[1].figures == {"id": 7}
    words = compared("words", pair(body(b"a"), body(b"b"), method=OTHER)).differences[1]
    assert (words.agrees, words.detail) == (False, OTHER)


def test_it_is_not_asked_about_calls_that_failed_or_were_canceled() -> None:
    failed = pair(b"", b"", statuses=("INTERNAL", "INTERNAL"))
    assert compared("raising", failed) == Comparison((Difference("status", "status", True, 1.0),))
    assert not compared("raising", pair(b"", b"", statuses=("OK", "INTERNAL"))).error
    assert compared("raising", pair(b"", b"", statuses=("", "OK"), canceled=True)).error == CANCELED


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("raising", "comparator 'raising' raised KeyError: 'y'"),
        ("silent", "comparator 'silent' raised acme_shadows.Silent: <exception str() failed>"),
        ("leaving", "comparator 'leaving' raised SystemExit: 3"),
        ("late", "comparator 'late' raised ValueError: half way"),
        ("none", "comparator 'none' raised TypeError: 'NoneType' object is not iterable"),
        (
            "nothing",
            "comparator 'nothing' gave no difference: expected one, agreeing or not, for each output",
        ),
        ("no_differences", "comparator 'no_differences' gave str: expected Differences"),
        ("twice", "comparator 'twice' gave output 'a' twice"),
        ("fact", "comparator 'fact' gave output 'status' twice"),
        ("score", "comparator 'score' gave output 'a' with score 1.5: expected 0 to 1"),
        ("nan", "comparator 'nan' gave output 'a' with x nan: expected a finite number"),
        ("maybe", "comparator 'maybe' gave output 'a' with agrees None: expected True or False"),
        (
            "nameless",
            "comparator 'nameless' gave output '': expected a text of 1 to 240 printable characters",
        ),
        ("flood", "comparator 'flood' gave more than 256 differences"),
    ],
)
def test_one_that_fails_is_the_error_of_the_pair_and_of_nothing_else(name: str, error: str) -> None:
    comparison = compared(name, NEAR)
    assert comparison.error == error
    assert [each.output for each in comparison.differences] == ["status"]
    assert not comparison.agrees


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "mein",
            "comparator 'mein': no installed package has an entry point of this name in 'verdigris.comparators'",
        ),
        (
            "gone",
            "comparator 'gone': acme_gone:compare could not be loaded: ModuleNotFoundError: No module named",
        ),
        ("absent", "comparator 'absent': acme_shadows:absent could not be loaded: AttributeError"),
        ("number", "comparator 'number': acme_shadows:number is int: expected a callable"),
    ],
)
def test_one_that_cannot_be_had_is_told_when_the_document_is_taken(name: str, told: str) -> None:
    with pytest.raises(NotInstalled) as refused:
        Comparator(Compare(comparator=name))
    assert str(refused.value).startswith(told)


def test_who_asks_for_a_wrong_name_is_told_the_right_ones() -> None:
    with pytest.raises(NotInstalled, match=r"there are: .*mean.*words"):
        Comparator(Compare(comparator="mein"))


def test_a_redactor_takes_out_what_is_not_to_be_stored() -> None:
    redacted = Redactor("without_user").redact(NEAR)
    assert (redacted.pair.metadata, redacted.pair.request, redacted.error) == ((), None, "")
    assert redacted.pair.primary == NEAR.primary


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("raising", "redactor 'raising' raised KeyError: 'y'"),
        ("none", "redactor 'none' gave NoneType: expected the same pair, redacted"),
        ("another", "redactor 'another' gave Pair: expected the same pair, redacted"),
    ],
)
def test_where_a_redactor_fails_nothing_is_left_that_it_might_have_taken_out(name: str, error: str) -> None:
    redacted = Redactor(name).redact(NEAR)
    assert redacted.error == error
    assert (redacted.pair.request, redacted.pair.metadata) == (None, ())
    for before, after in ((NEAR.primary, redacted.pair.primary), (NEAR.shadow, redacted.pair.shadow)):
        assert (after.body, after.message) == (None, "")
        assert (after.color, after.status) == (before.color, before.status)


def test_a_redactor_that_is_not_there_is_told() -> None:
    with pytest.raises(NotInstalled, match=r"redactor 'nobody': .* in 'verdigris.redactors'"):
        Redactor("nobody")
