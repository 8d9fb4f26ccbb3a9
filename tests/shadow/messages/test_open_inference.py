"""Tensors of an answer come back as numpy has them; a wrong one is told and never raised."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mesh.datatypes import BF16, BY_NAME, BYTES, Datatype
from mesh.pb import open_inference_pb2 as pb
from shadow.messages import open_inference as protocol
from tests.shadow.answers import INFER, STREAM, response

NUMBERS = [each for each in BY_NAME.values() if each not in (BYTES, BF16)]
TYPED = [each for each in BY_NAME.values() if each.field]


def arrays_of(datatype: Datatype) -> st.SearchStrategy[Any]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    elements = st.binary(max_size=9) if datatype is BYTES else None
    dtype = object if datatype is BYTES else datatype.dtype
    return hnp.arrays(dtype, shapes, elements=elements, fill=st.nothing() if datatype is BYTES else None)


def only(message: Any) -> Any:
    (tensor,) = protocol.outputs(message)
    return tensor


@pytest.mark.parametrize("datatype", [*NUMBERS, BYTES], ids=str)
@settings(max_examples=25)
@given(data=st.data())
def test_raw_tensors_come_back_in_every_datatype_and_shape(datatype: Datatype, data: st.DataObject) -> None:
    array = data.draw(arrays_of(datatype))
    read = only(response({"y": array}))
    assert (read.fault, read.datatype, read.shape) == ("", datatype.name, array.shape)
    np.testing.assert_array_equal(read.array, array, strict=True)


@pytest.mark.parametrize("datatype", TYPED, ids=str)
@settings(max_examples=25)
@given(data=st.data())
def test_typed_tensors_come_back_in_every_datatype_that_has_values(
    datatype: Datatype, data: st.DataObject
) -> None:
    array = data.draw(arrays_of(datatype))
    read = only(response({"y": array}, typed=True))
    assert read.fault == ""
    np.testing.assert_array_equal(read.array, array, strict=True)


@given(st.floats(width=32, allow_nan=False))
def test_bf16_is_widened_to_the_float_it_is_the_upper_half_of(value: float) -> None:
    half = struct.pack("<f", value)[2:]
    message = pb.ModelInferResponse(raw_output_contents=[half])
    message.outputs.add(name="y", datatype="BF16", shape=[1])
    read = only(message)
    assert read.array.dtype == np.float32
    assert read.array.tobytes() == b"\0\0" + half


def test_raw_contents_come_first_and_an_empty_buffer_leaves_it_to_the_values() -> None:
    """An output that was asked for with typed inputs has both; some servers put an empty buffer beside values."""
    message = response({"y": np.array([1.0, 2.0])}, typed=True)
    message.raw_output_contents.append(np.array([3.0, 4.0]).tobytes())
    assert only(message).array.tolist() == [3.0, 4.0]
    message.raw_output_contents[0] = b""
    assert only(message).array.tolist() == [1.0, 2.0]


def test_inputs_are_read_too() -> None:
    request = pb.ModelInferRequest(raw_input_contents=[np.array([7]).tobytes()])
    request.inputs.add(name="user", datatype="INT64", shape=[1])
    (tensor,) = protocol.inputs(request)
    assert tensor.array.tolist() == [7]


def _wrong(
    datatype: str, shape: list[int], held: bytes | None, contents: dict[str, Any] | None = None
) -> Any:
    message = pb.ModelInferResponse(raw_output_contents=[] if held is None else [held])
    message.outputs.add(name="y", datatype=datatype, shape=shape, contents=contents)
    return message


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (_wrong("FP32", [2], b"1234"), "4 bytes, where its shape needs 8"),
        (_wrong("FP32", [2], None), "0 bytes, where its shape needs 8"),
        (_wrong("FP8", [1], b"1"), "datatype 'FP8', which the protocol does not have"),
        (_wrong("FP32", [-1], b"1234"), "a dimension below 0"),
        (_wrong("FP32", [1] * 65, b"1234"), "65 dimensions, where 64 are the most"),
        (_wrong("FP32", [0, 2**62, 2**62], b""), "a shape that no array can have"),
        (_wrong("FP16", [1], None, {"fp32_contents": [1.0]}), "typed contents, which FP16 has none of"),
        (_wrong("FP32", [2], None, {"fp32_contents": [1.0]}), "1 elements in fp32_contents, where its shape"),
        (_wrong("FP32", [1], None, {"fp64_contents": [1.0]}), "0 elements in fp32_contents, where its shape"),
        (_wrong("INT8", [1], None, {"int_contents": [128]}), "an element that no INT8 can hold"),
        (_wrong("BYTES", [1], b"\x05\0\0\0abc"), "7 bytes, which are not"),
        (_wrong("BYTES", [1], b"\x05\0"), "2 bytes, which are not"),
        (_wrong("BYTES", [2**60], b""), "0 bytes, which are not"),
        (_wrong("BYTES", [0], b"\0\0\0\0"), "4 bytes, which are not"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_tensor_is_told(message: Any, fault: str) -> None:
    assert only(message).fault.startswith(fault)


@given(
    st.sampled_from([*BY_NAME, "FP8", ""]),
    st.lists(st.integers(-1, 5) | st.integers(-(2**63), 2**63 - 1), max_size=4),
    st.binary(max_size=40),
)
def test_no_description_makes_reading_raise(datatype: str, shape: list[int], held: bytes) -> None:
    only(_wrong(datatype, shape, held))
    only(_wrong(datatype, shape, None, {"bytes_contents": [held], "int_contents": [1 << 20]}))


def test_elements_cannot_be_written_to() -> None:
    array = only(response({"y": np.array([1.0])})).array
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2


def test_every_method_has_its_messages() -> None:
    assert protocol.ANSWERS[INFER] is pb.ModelInferResponse
    assert protocol.ANSWERS[STREAM] is pb.ModelStreamInferResponse
    assert protocol.REQUESTS[STREAM] is pb.ModelInferRequest
    assert "/inference.GRPCInferenceService/ServerLive" in protocol.ANSWERS
