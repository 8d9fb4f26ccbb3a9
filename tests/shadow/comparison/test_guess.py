"""Which measure an output gets: from datatype and shape, its companions, and the document first."""

import pytest

from mesh.shadowing import CLASS, EXACT, RANKING, SET, VALUES, OutputRule
from shadow.comparison.guess import Described, plan

RECOMMENDER = (("items", "INT64", (1, 10)), ("scores", "FP32", (1, 10)))


def guessed(*outputs: Described) -> list[str]:
    return [each.measure for each in plan(outputs, {})]


@pytest.mark.parametrize(
    ("outputs", "measures"),
    [
        (RECOMMENDER, [RANKING, VALUES]),
        (RECOMMENDER[::-1], [VALUES, RANKING]),
        ([("items", "BYTES", (10,)), ("scores", "FP16", (10,))], [RANKING, VALUES]),
        ([("label", "INT64", (8,)), ("probabilities", "FP32", (8, 3))], [EXACT, CLASS]),
        ([("label", "BYTES", (8, 1)), ("probabilities", "FP64", (8, 3))], [EXACT, CLASS]),
        ([("label", "INT64", ()), ("probabilities", "FP32", (3,))], [EXACT, CLASS]),
        ([("label", "INT64", (8,)), ("score", "FP32", (8, 1))], [EXACT, VALUES]),
        ([("embedding", "FP32", (1, 768))], [VALUES]),
        ([("price", "BF16", ())], [VALUES]),
        ([("tokens", "INT64", (1, 128))], [EXACT]),
        ([("mask", "UINT8", (1, 64)), ("sure", "FP32", (1, 64))], [EXACT, VALUES]),
        ([("labels", "INT64", (1, 64, 64)), ("sure", "FP32", (1, 64, 64))], [EXACT, VALUES]),
        ([("is", "BOOL", (4,)), ("sure", "FP32", (4,))], [EXACT, VALUES]),
        ([("text", "BYTES", (1,))], [EXACT]),
        ([("what", "FP8", (1,))], [EXACT]),
    ],
)
def test_a_guess_is_from_datatype_shape_and_companions(outputs: list[Described], measures: list[str]) -> None:
    assert guessed(*outputs) == measures


def test_the_document_comes_first() -> None:
    rules = {"items": OutputRule(measure=SET, overlap=0.5), "scores": OutputRule(rtol=0.1)}
    items, scores = plan(RECOMMENDER, rules)
    assert (items.measure, items.rule.overlap, items.scores) == (SET, 0.5, None)
    assert (scores.measure, scores.rule.rtol) == (VALUES, 0.1)


def test_a_ranking_knows_its_scores() -> None:
    assert [each.scores for each in plan(RECOMMENDER, {})] == [1, None]
    assert plan([("scores", "FP32", (9,))], {"scores": OutputRule(measure=RANKING)})[0].scores is None


@pytest.mark.parametrize(
    ("datatype", "rtol", "used"),
    [
        ("FP16", 1e-4, 2**-10),
        ("BF16", 1e-4, 2**-7),
        ("FP32", 1e-4, 1e-4),
        ("FP32", 1e-9, 2**-23),
        ("FP16", 0, 0),
        ("FP16", 0.1, 0.1),
    ],
)
def test_a_tolerance_is_not_finer_than_the_datatype_unless_it_is_none(
    datatype: str, rtol: float, used: float
) -> None:
    (planned,) = plan([("y", datatype, (1,))], {"y": OutputRule(rtol=rtol)})
    assert planned.rule.rtol == used


def test_bytes_have_no_values() -> None:
    assert plan([("y", "BYTES", (1,))], {"y": OutputRule(measure=VALUES)})[0].measure == EXACT
