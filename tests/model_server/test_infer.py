"""ModelInfer as a client sees it: real server, real grpcio."""

import struct
from typing import Any

import grpc
import numpy as np
import pytest

from tests.model_server.onnx_files import DATATYPES
from tests.model_server.requests import request, tensor

TYPED = {
    "BOOL": ("bool_contents", [True, False, True, True]),
    "INT8": ("int_contents", [-128, -1, 0, 127]),
    "INT16": ("int_contents", [-(2**15), -1, 0, 2**15 - 1]),
    "INT32": ("int_contents", [-(2**31), -1, 0, 2**31 - 1]),
    "INT64": ("int64_contents", [-(2**63), -1, 0, 2**63 - 1]),
    "UINT8": ("uint_contents", [0, 1, 2, 255]),
    "UINT16": ("uint_contents", [0, 1, 2, 2**16 - 1]),
    "UINT32": ("uint_contents", [0, 1, 2, 2**32 - 1]),
    "UINT64": ("uint64_contents", [0, 1, 2, 2**64 - 1]),
    "FP32": ("fp32_contents", [0.0, -1.5, float("inf"), 2.0**100]),
    "FP64": ("fp64_contents", [0.0, -1.5, float("inf"), 1e300]),
    "BYTES": ("bytes_contents", [b"", "é".encode(), b"a\0b", b"long" * 1000]),
}
SIZES = {"BOOL": 1, "FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8, "BYTES": 0}


def raw_of(datatype: str, count: int) -> bytes:
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", 2) + b"%02d" % number for number in range(count))
    size = SIZES.get(datatype) or int(datatype.lstrip("UINT")) // 8
    return bytes([1]) * count if datatype == "BOOL" else bytes(range(1, 1 + count * size))


@pytest.mark.parametrize("datatype", DATATYPES)
def test_every_datatype_comes_back_raw_as_it_was_sent_raw(stub: Any, datatype: str) -> None:
    raw = raw_of(datatype, 4)
    answer = stub.ModelInfer(request(f"identity_{datatype}", tensor("X", datatype, [2, 2]), raw=[raw]))
    assert list(answer.raw_output_contents) == [raw]
    assert not answer.outputs[0].HasField("contents")
    assert (answer.outputs[0].name, answer.outputs[0].datatype) == ("Y", datatype)
    assert list(answer.outputs[0].shape) == [2, 2]


@pytest.mark.parametrize("datatype", TYPED)
def test_every_datatype_with_values_sent_as_values_comes_back_as_values_and_raw(
    stub: Any, datatype: str
) -> None:
    field, values = TYPED[datatype]
    answer = stub.ModelInfer(
        request(f"identity_{datatype}", tensor("X", datatype, [4, 1], **{field: values}))
    )
    again = request(
        f"identity_{datatype}", tensor("X", datatype, [4, 1]), raw=list(answer.raw_output_contents)
    )
    assert stub.ModelInfer(again).raw_output_contents == answer.raw_output_contents
    assert {each.name: list(got) for each, got in answer.outputs[0].contents.ListFields()} == {field: values}


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0)])
def test_an_empty_batch_is_answered_with_an_empty_tensor_of_its_shape(
    stub: Any, datatype: str, shape: tuple[int, int]
) -> None:
    answer = stub.ModelInfer(request(f"identity_{datatype}", tensor("X", datatype, shape), raw=[b""]))
    assert list(answer.outputs[0].shape) == list(shape)
    assert list(answer.raw_output_contents) == [b""]


def test_an_empty_batch_of_values_is_answered_with_values_and_raw(stub: Any) -> None:
    answer = stub.ModelInfer(request("identity_FP32", tensor("X", "FP32", [0, 3])))
    assert list(answer.raw_output_contents) == [b""]
    assert list(answer.outputs[0].shape) == [0, 3]
    assert answer.outputs[0].HasField("contents")


def test_a_typed_request_is_answered_raw_where_the_answer_has_no_typed_form(stub: Any) -> None:
    answer = stub.ModelInfer(request("half", tensor("X", "FP32", [2], fp32_contents=[1.0, 2.0])))
    assert answer.outputs[0].datatype == "FP16"
    assert answer.raw_output_contents[0] == np.array([1.0, 2.0], np.float16).tobytes()


@pytest.mark.parametrize(("model", "shape"), [("scalar", []), ("any_rank", []), ("any_rank", [1, 1, 1])])
def test_a_scalar_and_an_unknown_rank_are_served(stub: Any, model: str, shape: list[int]) -> None:
    answer = stub.ModelInfer(request(model, tensor("X", "FP32", shape, fp32_contents=[2.5])))
    assert list(answer.outputs[0].shape) == shape
    assert list(answer.outputs[0].contents.fp32_contents) == [2.5]


def both(model: str = "simple", **rest: Any) -> Any:
    ones, numbers = np.ones(16, np.int32), np.arange(16, dtype=np.int32)
    inputs = (tensor("INPUT0", "INT32", [1, 16]), tensor("INPUT1", "INT32", [1, 16]))
    return request(model, *inputs, raw=[numbers.tobytes(), ones.tobytes()], **rest)


SUM, DIFFERENCE = (np.arange(16, dtype=np.int32) + sign for sign in (1, -1))


@pytest.mark.parametrize(
    ("outputs", "answers"),
    [
        ([], {"OUTPUT0": SUM, "OUTPUT1": DIFFERENCE}),
        (["OUTPUT1", "OUTPUT0"], {"OUTPUT1": DIFFERENCE, "OUTPUT0": SUM}),
        (["OUTPUT1"], {"OUTPUT1": DIFFERENCE}),
    ],
)
def test_outputs_come_as_asked_for_in_that_order(stub: Any, outputs: list[str], answers: Any) -> None:
    answer = stub.ModelInfer(both(outputs=outputs))
    assert [each.name for each in answer.outputs] == list(answers)
    assert list(answer.raw_output_contents) == [each.tobytes() for each in answers.values()]


def test_inputs_may_come_in_any_order(stub: Any) -> None:
    ones, numbers = np.ones(16, np.int32), np.arange(16, dtype=np.int32)
    inputs = (tensor("INPUT1", "INT32", [1, 16]), tensor("INPUT0", "INT32", [1, 16]))
    answer = stub.ModelInfer(request("simple", *inputs, raw=[ones.tobytes(), numbers.tobytes()]))
    assert answer.raw_output_contents[1] == DIFFERENCE.tobytes()


def test_one_row_stands_for_every_row_as_onnx_runtime_allows(stub: Any) -> None:
    row, rows = np.ones(16, np.int32), np.arange(48, dtype=np.int32)
    inputs = (tensor("INPUT0", "INT32", [3, 16]), tensor("INPUT1", "INT32", [1, 16]))
    answer = stub.ModelInfer(request("simple", *inputs, raw=[rows.tobytes(), row.tobytes()]))
    assert answer.raw_output_contents[0] == (rows + 1).tobytes()


def test_id_model_and_version_are_said_in_the_answer(stub: Any) -> None:
    answer = stub.ModelInfer(both(id="42/é"))
    assert (answer.id, answer.model_name, answer.model_version) == ("42/é", "simple", "1")


@pytest.mark.parametrize(("asked", "served"), [("", "10"), ("2", "2"), ("10", "10")])
def test_the_newest_version_answers_unless_another_is_named(stub: Any, asked: str, served: str) -> None:
    one = tensor("X", "FP32", [1, 1], fp32_contents=[1.0])
    assert stub.ModelInfer(request("versions", one, model_version=asked)).model_version == served


def test_messages_of_64_mib_pass_both_ways(stub: Any) -> None:
    values = np.random.default_rng(0).random(2**24, np.float32)
    raw = values.tobytes()
    assert len(raw) == 64 * 2**20
    answer = stub.ModelInfer(request("identity_FP32", tensor("X", "FP32", [1, 2**24]), raw=[raw]))
    assert answer.raw_output_contents[0] == raw


def test_many_strings_pass(stub: Any) -> None:
    raw = raw_of("BYTES", 100) * 1000
    answer = stub.ModelInfer(request("identity_BYTES", tensor("X", "BYTES", [1000, 100]), raw=[raw]))
    assert answer.raw_output_contents[0] == raw


def test_a_deadline_ends_a_call_whose_model_takes_too_long(stub: Any) -> None:
    slow = request("busy", tensor("N", "INT64", [1], int64_contents=[5000]))
    with pytest.raises(grpc.RpcError) as late:
        stub.ModelInfer(slow, timeout=0.1)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    stub.ModelInfer(both(), timeout=30)
