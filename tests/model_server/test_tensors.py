"""A tensor survives the wire unchanged, and a malformed one is refused by name."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from mesh.datatypes import BY_NAME, BYTES, Datatype
from model_server.codec import decode, encode
from model_server.elements import STEP
from model_server.errors import BadRequestError
from model_server.models import Array
from model_server.tensors import VIEW_FROM, WireTensor

NUMBERS = [each for each in BY_NAME.values() if each is not BYTES]
TYPED = [each for each in BY_NAME.values() if each.field is not None]


def arrays_of(datatype: Datatype) -> st.SearchStrategy[Array]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    if datatype is BYTES:
        text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
        return hnp.arrays(object, shapes, elements=text, fill=st.nothing())
    return hnp.arrays(datatype.dtype, shapes)


def same(left: Array, right: Array) -> bool:
    if left.dtype == object:
        return left.shape == right.shape and left.tolist() == right.tolist()
    return left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes()


@pytest.mark.parametrize("datatype", BY_NAME.values(), ids=str)
@given(data=st.data())
def test_raw_comes_back_bit_for_bit_in_every_datatype_and_shape(datatype: Datatype, data: Any) -> None:
    array = data.draw(arrays_of(datatype))
    wire = encode("X", datatype, array, typed=False)
    assert wire.shape == array.shape
    assert wire.raw is not None
    assert same(decode(wire), array)


@pytest.mark.parametrize("datatype", TYPED, ids=str)
@given(data=st.data())
def test_typed_comes_back_equal_in_every_datatype_that_has_values(datatype: Datatype, data: Any) -> None:
    array = data.draw(arrays_of(datatype))
    wire = encode("X", datatype, array, typed=True)
    assert wire.raw == encode("X", datatype, array, typed=False).raw
    assert list(wire.typed) == [datatype.field]
    back = decode(WireTensor(wire.name, wire.datatype, wire.shape, typed=wire.typed))
    if array.dtype.kind == "f":
        np.testing.assert_array_equal(back, array)
    else:
        assert same(back, array)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))), max_size=20))
def test_raw_strings_are_laid_out_as_tritonclient_lays_them_out(texts: list[str]) -> None:
    elements = [each.encode() for each in texts]
    raw = serialize_byte_tensor(np.array(elements, dtype=object)).item() if elements else b""
    array = decode(WireTensor("X", "BYTES", (len(elements),), raw=raw))
    assert array.tolist() == texts
    ours = encode("X", BYTES, array, typed=False).raw
    assert ours == raw
    assert list(deserialize_bytes_tensor(ours)) == elements


def test_raw_numbers_are_a_view_of_the_request_and_not_a_copy() -> None:
    raw = np.arange(6, dtype=np.float32).tobytes()
    array = decode(WireTensor("X", "FP32", (2, 3), raw=raw))
    assert np.shares_memory(array, np.frombuffer(raw, np.uint8))


@pytest.mark.parametrize("datatype", NUMBERS, ids=str)
def test_raw_numbers_of_some_size_leave_as_a_view_of_the_output_and_not_as_a_copy(datatype: Datatype) -> None:
    array = np.ones((2, VIEW_FROM), datatype.dtype)
    wire = encode("Y", datatype, array, typed=False)
    assert isinstance(wire.raw, memoryview)
    assert len(wire.raw) == array.nbytes
    assert np.shares_memory(np.frombuffer(wire.raw, np.uint8), array)
    assert same(decode(wire), array)


def test_an_output_that_does_not_lie_in_one_piece_is_copied_in_its_order() -> None:
    array = np.arange(2 * VIEW_FROM, dtype=np.int32).reshape(2, VIEW_FROM).T
    wire = encode("Y", BY_NAME["INT32"], array, typed=False)
    assert wire.raw == array.tobytes()


def test_a_view_of_strings_is_read_as_their_bytes_are() -> None:
    raw = string(b"a", b"bc")
    assert decode(WireTensor("X", "BYTES", (2,), raw=memoryview(raw))).tolist() == ["a", "bc"]


def test_a_nul_inside_a_string_is_kept() -> None:
    array = decode(WireTensor("X", "BYTES", (1,), typed={"bytes_contents": [b"a\0b"]}))
    assert array.tolist() == ["a\0b"]


def test_bf16_keeps_its_sixteen_bits() -> None:
    raw = struct.pack("<2H", 0x3F80, 0xFFFF)
    assert (
        encode("Y", BY_NAME["BF16"], decode(WireTensor("X", "BF16", (2,), raw=raw)), typed=False).raw == raw
    )


def string(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(each)) + each for each in elements)


REFUSED = {
    "too many bytes": (WireTensor("X", "FP32", (2, 4), raw=bytes(40)), "expected 32 bytes", "received 40"),
    "too few bytes": (WireTensor("X", "INT64", (2,), raw=bytes(15)), "expected 16 bytes", "received 15"),
    "no bytes": (WireTensor("X", "INT8", (1,), raw=b""), "expected 1 bytes", "received 0"),
    "bytes for no elements": (WireTensor("X", "INT8", (0,), raw=b"1"), "expected 0 bytes", "received 1"),
    "a negative dimension": (WireTensor("X", "INT8", (-1,), raw=b"1"), "0 or more", "[-1]"),
    "a dimension of 2**63 - 1": (
        WireTensor("X", "FP64", (2**63 - 1, 2**63 - 1), raw=b""),
        f"expected {8 * (2**63 - 1) ** 2} bytes",
        "received 0",
    ),
    "an impossible shape without elements": (
        WireTensor("X", "FP64", (2**62, 2**62, 0), raw=b""),
        f"[{2**62},{2**62},0]",
        "",
    ),
    "65 dimensions": (WireTensor("X", "INT8", (1,) * 65, raw=b"1"), "at most 64", "65"),
    "an unknown datatype": (WireTensor("X", "INT322", (1,), raw=b"1"), "'INT322'", "expected one of BOOL"),
    "no datatype": (WireTensor("X", "", (1,), raw=b"1"), "''", "expected one of BOOL"),
    "a BOOL of 2": (WireTensor("X", "BOOL", (2,), raw=b"\1\2"), "0 or 1", "others"),
    "too few strings": (WireTensor("X", "BYTES", (3,), raw=string(b"a", b"b")), "3 elements", "received 2"),
    "too many strings": (
        WireTensor("X", "BYTES", (1,), raw=string(b"a", b"")),
        "1 elements",
        "4 bytes after",
    ),
    "a cut-off string": (
        WireTensor("X", "BYTES", (2,), raw=string(b"a", b"bcd")[:-1]),
        "element 1: expected 7 bytes",
        "received 6",
    ),
    "a cut-off length": (WireTensor("X", "BYTES", (1,), raw=b"\1\0"), "element 0: expected 4", "received 2"),
    "a length of 4 GiB": (
        WireTensor("X", "BYTES", (1,), raw=b"\xff\xff\xff\xff"),
        "element 0: expected 4294967299 bytes",
        "received 4",
    ),
    "a string that is not UTF-8": (WireTensor("X", "BYTES", (1,), raw=string(b"\xff")), "element 0", "UTF-8"),
    "typed FP16": (
        WireTensor("X", "FP16", (1,), typed={"fp32_contents": [1.0]}),
        "FP16",
        "raw_input_contents",
    ),
    "typed BF16": (WireTensor("X", "BF16", (1,)), "BF16", "raw_input_contents"),
    "the wrong field": (
        WireTensor("X", "INT32", (1,), typed={"fp32_contents": [1.0]}),
        "int_contents",
        "received fp32_contents",
    ),
    "two fields": (
        WireTensor("X", "INT32", (1,), typed={"int_contents": [1], "int64_contents": [1]}),
        "int_contents",
        "received int64_contents",
    ),
    "no data at all": (WireTensor("X", "INT32", (1,)), "expected 1 elements", "received 0"),
    "too few values": (
        WireTensor("X", "INT32", (3,), typed={"int_contents": [1]}),
        "expected 3",
        "received 1",
    ),
    "an INT8 of 128": (WireTensor("X", "INT8", (1,), typed={"int_contents": [128]}), "-128 to 127", "128"),
    "a UINT8 of 256": (WireTensor("X", "UINT8", (1,), typed={"uint_contents": [256]}), "0 to 255", "256"),
    "an INT16 of -32769": (
        WireTensor("X", "INT16", (2,), typed={"int_contents": [5, -32769]}),
        "-32768 to 32767",
        "received -32769",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_malformed_tensor_is_refused_by_name_with_what_was_expected_and_received(case: str) -> None:
    tensor, expected, received = REFUSED[case]
    with pytest.raises(BadRequestError) as refusal:
        decode(tensor)
    message = str(refusal.value)
    assert message.startswith("input 'X': ")
    assert expected in message
    assert received in message


@given(
    st.sampled_from([*BY_NAME, "INT322", ""]),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3), max_size=4),
    st.none() | st.binary(max_size=64),
    st.dictionaries(
        st.sampled_from([each.field for each in TYPED]),
        st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
    ),
)
def test_nothing_a_client_sends_does_anything_but_decode_or_be_refused(
    datatype: str, shape: list[int], raw: bytes | None, typed: dict[str, Any]
) -> None:
    typed.pop("bytes_contents", None)
    try:
        array = decode(WireTensor("X", datatype, tuple(shape), raw=raw, typed=typed))
    except BadRequestError:
        return
    assert array.shape == tuple(shape)


def test_more_values_than_are_gathered_in_one_step_stay_in_order() -> None:
    values = list(range(2 * STEP + 7))
    got = decode(WireTensor("X", "INT64", (len(values),), typed={"int64_contents": values}))
    assert got.tolist() == values
    with pytest.raises(BadRequestError, match="from -128 to 127, received 300"):
        decode(WireTensor("X", "INT8", (STEP + 1,), typed={"int_contents": [*[0] * STEP, 300]}))
