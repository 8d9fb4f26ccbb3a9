"""Calls that agree in all but their rows become one and many again, bit for bit; others are left alone."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.datatypes import BY_NAME
from model_server.codec import decode, encode
from model_server.models import Array
from model_server.scheduling.joining import fit, join, split, uneven
from model_server.tensors import WireTensor

DATATYPES = [each for each in BY_NAME.values() if each.name != "BYTES"]


@st.composite
def calls(draw: st.DrawFn) -> list[list[WireTensor]]:
    """Some calls of one model, each with its own rows: any datatypes, any shapes of a row, any bits."""
    kinds = draw(st.lists(st.sampled_from([*DATATYPES, BY_NAME["BYTES"]]), min_size=1, max_size=3))
    shapes = [draw(st.lists(st.integers(0, 4), max_size=3).map(tuple)) for _ in kinds]
    found = []
    for rows in draw(st.lists(st.integers(1, 5), min_size=1, max_size=6)):
        tensors = []
        for number, (kind, shape) in enumerate(zip(kinds, shapes, strict=True)):
            count = rows * int(np.prod(shape, dtype=int))
            whole = (rows, *shape)
            if kind.name == "BYTES":
                texts = draw(st.lists(st.text("aé\0🌍", max_size=5), min_size=count, max_size=count))
                array: Array = np.array(texts, object).reshape(whole)
                tensors.append(encode(f"I{number}", kind, array, typed=False))
                continue
            bits = draw(st.binary(min_size=count * kind.size, max_size=count * kind.size))
            if kind.name == "BOOL":
                bits = bytes(each & 1 for each in bits)
            tensors.append(WireTensor(f"I{number}", kind.name, whole, raw=bits))
        found.append(tensors)
    return found


@settings(deadline=None)
@given(calls())
def test_split_undoes_join_bit_for_bit(given_calls: list[list[WireTensor]]) -> None:
    fits = [fit(["Y"], each) for each in given_calls]
    assert len({key for _, key in fits}) == 1
    assert fits[0][1] is not None
    feeds = [{each.name: decode(each) for each in call} for call in given_calls]
    rows = [rows for rows, _ in fits]
    joined = join(feeds)
    assert uneven(list(joined), list(joined.values()), sum(rows)) == ""
    back = list(split(list(joined.values()), rows))
    assert len(back) == len(given_calls)
    for call, arrays in zip(given_calls, back, strict=True):
        for sent, array in zip(call, arrays, strict=True):
            kind = BY_NAME[sent.datatype]
            assert array.dtype == kind.dtype
            assert encode(sent.name, kind, array, typed=False) == sent


def of(*shapes: tuple[int, ...], order: Sequence[int] = (0, 1, 2)) -> list[WireTensor]:
    tensors = [WireTensor(f"I{number}", "FP32", shape) for number, shape in enumerate(shapes)]
    return [tensors[number] for number in order if number < len(tensors)]


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        (of((1, 4)), of((7, 4)), True),
        (of((1, 4)), of((1, 5)), False),
        (of((1, 4)), of((1, 4, 1)), False),
        (of((2,)), of((3,)), True),
        (of((1, 4), (1, 2)), of((3, 4), (3, 2), order=(1, 0)), True),
        (of((1, 4), (1, 2)), of((1, 2), (1, 4)), False),
    ],
)
def test_calls_are_joined_if_their_rows_are_of_one_shape(
    one: list[WireTensor], other: list[WireTensor], may: bool
) -> None:
    assert (fit(["Y"], one)[1] == fit(["Y"], other)[1]) is may


def test_calls_that_want_other_outputs_or_in_another_order_are_not_joined() -> None:
    keys = {fit(names, of((1, 4)))[1] for names in (["Y"], ["Z"], ["Y", "Z"], ["Z", "Y"])}
    assert len(keys) == 4


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param([], id="no inputs"),
        pytest.param(of(()), id="a scalar"),
        pytest.param(of((0, 4)), id="no rows"),
        pytest.param(of((3, 4), (1, 4)), id="one row that stands for three"),
        pytest.param(of((1, 4), ()), id="a scalar beside rows"),
    ],
)
def test_a_call_whose_rows_are_not_plain_runs_alone(inputs: list[WireTensor]) -> None:
    assert fit(["Y"], inputs)[1] is None


@pytest.mark.parametrize("shape", [(), (1,), (5, 3), (0,)])
def test_an_output_without_the_rows_of_the_inputs_is_named(shape: tuple[int, ...]) -> None:
    good, bad = np.zeros((3, 2)), np.zeros(shape)
    assert "output 'B': expected 3 rows" in uneven(["A", "B"], [good, bad], 3)
    assert uneven(["A"], [good], 3) == ""
