"""Each bad request gets its code and a message that names the culprit, and the next good call is answered."""

from typing import Any

import grpc
import numpy as np
import pytest

from tests.model_server.requests import parameters, request, tensor
from tests.model_server.served import Served
from tests.model_server.test_infer import SUM, both

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
UNIMPLEMENTED, INTERNAL = grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL

ROW = np.zeros(16, np.int32).tobytes()
I0, I1 = tensor("INPUT0", "INT32", [1, 16]), tensor("INPUT1", "INT32", [1, 16])


def x(datatype: str, shape: list[int], **contents: Any) -> Any:
    return request(f"identity_{datatype}", tensor("X", datatype, shape, **contents))


def with_parameters(**values: Any) -> Any:
    asked = both(outputs=["OUTPUT0"])
    for name, value in parameters(**values).items():
        asked.outputs[0].parameters[name].CopyFrom(value)
    return asked


def in_shared_memory() -> Any:
    asked = tensor("INPUT0", "INT32", [1, 16])
    asked.parameters["shared_memory_region"].CopyFrom(
        parameters(shared_memory_region="region")["shared_memory_region"]
    )
    return asked


BAD: dict[str, tuple[Any, grpc.StatusCode, list[str]]] = {
    "no model name": (both(""), NOT_FOUND, ["Request for unknown model: ''", "simple"]),
    "an unknown model": (both("simpel"), NOT_FOUND, ["Request for unknown model: 'simpel'", "simple"]),
    "a path as a model": (both("../../etc/passwd"), NOT_FOUND, ["'../../etc/passwd'"]),
    "an unknown version": (both(model_version="3"), NOT_FOUND, ["'simple'", "'3'", "expected one of 1"]),
    "a version that is no number": (both(model_version="../1"), NOT_FOUND, ["'../1'"]),
    "no inputs": (request("simple"), INVALID, ["'INPUT0'", "missing", "received none"]),
    "a missing input": (request("simple", I0, raw=[ROW]), INVALID, ["'INPUT1'", "missing", "INPUT0"]),
    "an extra input": (
        request("simple", I0, I1, tensor("INPUT2", "INT32", [1, 16]), raw=[ROW] * 3),
        INVALID,
        ["'INPUT2' is not an input", "expected INPUT0, INPUT1"],
    ),
    "an input without a name": (
        request("simple", I0, tensor("", "INT32", [1, 16]), raw=[ROW] * 2),
        INVALID,
        ["''", "expected INPUT0, INPUT1"],
    ),
    "an input twice": (request("simple", I0, I0, raw=[ROW] * 2), INVALID, ["'INPUT0'", "twice"]),
    "an unknown datatype": (
        request("simple", tensor("INPUT0", "INT322", [1, 16]), I1, raw=[ROW] * 2),
        INVALID,
        ["'INPUT0'", "'INT322'", "INT32"],
    ),
    "another datatype": (
        request("simple", tensor("INPUT0", "FP32", [1, 16]), I1, raw=[ROW] * 2),
        INVALID,
        ["'INPUT0'", "expected datatype INT32", "received FP32"],
    ),
    "another dimension": (
        request("simple", tensor("INPUT0", "INT32", [1, 15]), I1, raw=[ROW[:60], ROW]),
        INVALID,
        ["'INPUT0'", "expected shape [-1,16]", "received [1,15]"],
    ),
    "too few dimensions": (
        request("simple", tensor("INPUT0", "INT32", [16]), I1, raw=[ROW] * 2),
        INVALID,
        ["'INPUT0'", "expected shape [-1,16]", "received [16]"],
    ),
    "too many dimensions": (
        request("simple", tensor("INPUT0", "INT32", [1, 16, 1]), I1, raw=[ROW] * 2),
        INVALID,
        ["'INPUT0'", "expected shape [-1,16]", "received [1,16,1]"],
    ),
    "no shape": (request("fixed", tensor("X", "FP32", []), raw=[bytes(4)]), INVALID, ["'X'", "[2,3]", "[]"]),
    "a negative dimension": (
        request("simple", tensor("INPUT0", "INT32", [-1, 16]), I1, raw=[ROW] * 2),
        INVALID,
        ["'INPUT0'", "received shape [-1,16]"],
    ),
    "a million dimensions": (
        request("any_rank", tensor("X", "FP32", [1] * 1_000_000), raw=[bytes(4)]),
        INVALID,
        ["'X'", "at most 64 dimensions", "received 1000000"],
    ),
    "inputs that do not fit each other": (
        request(
            "simple",
            tensor("INPUT0", "INT32", [2, 16]),
            tensor("INPUT1", "INT32", [3, 16]),
            raw=[ROW * 2, ROW * 3],
        ),
        INVALID,
        ["'INPUT1'", "expected 2 as its dimension 'N', as in input 'INPUT0'", "received 3"],
    ),
    "raw and typed": (
        request("identity_FP32", tensor("X", "FP32", [1, 1], fp32_contents=[1.0]), raw=[bytes(4)]),
        INVALID,
        ["'X'", "both"],
    ),
    "fewer buffers than inputs": (
        request("simple", I0, I1, raw=[ROW]),
        INVALID,
        ["'INPUT1' has no data", "expected 2 buffers", "received 1"],
    ),
    "more buffers than inputs": (
        request("identity_FP32", tensor("X", "FP32", [1, 1]), raw=[bytes(4)] * 2),
        INVALID,
        ["expected 1 buffers", "received 2"],
    ),
    "too many bytes": (
        request("simple", tensor("INPUT0", "INT32", [1, 16]), I1, raw=[ROW + b"1", ROW]),
        INVALID,
        ["'INPUT0'", "expected 64 bytes", "received 65"],
    ),
    "too few bytes": (
        request("identity_FP32", tensor("X", "FP32", [4, 2]), raw=[bytes(28)]),
        INVALID,
        ["'X'", "expected 32 bytes", "received 28"],
    ),
    "no data": (x("FP32", [1, 1]), INVALID, ["'X'", "expected 1 elements", "received 0"]),
    "too many values": (
        x("FP32", [1, 1], fp32_contents=[1, 2]),
        INVALID,
        ["'X'", "expected 1 elements", "received 2"],
    ),
    "values in another field": (
        x("FP32", [1, 1], fp64_contents=[1]),
        INVALID,
        ["'X'", "FP32 elements in fp32_contents", "received fp64_contents"],
    ),
    "values in two fields": (
        x("INT64", [1, 1], int64_contents=[1], int_contents=[1]),
        INVALID,
        ["'X'", "int64_contents", "received int_contents"],
    ),
    "an INT8 beyond its range": (
        x("INT8", [1, 1], int_contents=[200]),
        INVALID,
        ["'X'", "-128 to 127", "200"],
    ),
    "typed FP16": (x("FP16", [1, 1], fp32_contents=[1]), INVALID, ["'X'", "FP16", "raw_input_contents"]),
    "typed BF16": (x("BF16", [1, 1], fp32_contents=[1]), INVALID, ["'X'", "BF16", "raw_input_contents"]),
    "a BOOL of 2": (
        request("identity_BOOL", tensor("X", "BOOL", [1, 1]), raw=[b"\2"]),
        INVALID,
        ["'X'", "0 or 1"],
    ),
    "strings without lengths": (
        request("identity_BYTES", tensor("X", "BYTES", [1, 1]), raw=[b"text"]),
        INVALID,
        ["'X'", "element 0", "received 4"],
    ),
    "too few strings": (
        request("identity_BYTES", tensor("X", "BYTES", [3, 1]), raw=[bytes(8)]),
        INVALID,
        ["'X'", "expected 3 elements", "received 2"],
    ),
    "too many strings": (
        request("identity_BYTES", tensor("X", "BYTES", [1, 1]), raw=[bytes(8)]),
        INVALID,
        ["'X'", "expected 1 elements", "4 bytes after"],
    ),
    "a cut-off string": (
        request("identity_BYTES", tensor("X", "BYTES", [1, 1]), raw=[b"\4\0\0\0abc"]),
        INVALID,
        ["'X'", "element 0", "expected 8 bytes", "received 7"],
    ),
    "a string that is not UTF-8": (x("BYTES", [1, 1], bytes_contents=[b"\xff"]), INVALID, ["'X'", "UTF-8"]),
    "an unknown output": (
        both(outputs=["OUTPUT0", "OUTPUT2"]),
        INVALID,
        ["'OUTPUT2' is not an output", "expected OUTPUT0, OUTPUT1"],
    ),
    "an output twice": (both(outputs=["OUTPUT0", "OUTPUT0"]), INVALID, ["'OUTPUT0'", "twice"]),
    "an output in shared memory": (
        with_parameters(shared_memory_region="region"),
        UNIMPLEMENTED,
        ["'OUTPUT0'", "'shared_memory_region'"],
    ),
    "an output as classes": (
        with_parameters(classification=3),
        UNIMPLEMENTED,
        ["'OUTPUT0'", "'classification'"],
    ),
    "an index the model refuses": (
        request("lookup", tensor("I", "INT64", [1], int64_contents=[10])),
        INVALID,
        ["'lookup' refuses the inputs", "idx=10"],
    ),
    "a shape only the model knows to be wrong": (
        request("reshape", tensor("X", "FP32", [4], fp32_contents=[1, 2, 3, 4])),
        INTERNAL,
        ["'reshape' failed", "{3,-1}"],
    ),
    "a name of 100 kB": (both("é" * 50_000), NOT_FOUND, ["Request for unknown model: 'ééé"]),
    "a name with NUL in it": (both("simple\0"), NOT_FOUND, ["'simple\\x00'"]),
    "a version with a sign": (both(model_version="+1"), NOT_FOUND, ["'+1'", "expected one of 1"]),
    "a version in other digits": (both(model_version="１"), NOT_FOUND, ["'１'", "expected one of 1"]),
    "a datatype in lower case": (
        request("simple", tensor("INPUT0", "int32", [1, 16]), I1, raw=[ROW] * 2),
        INVALID,
        ["'INPUT0'", "'int32'", "INT32"],
    ),
    "an input in shared memory": (
        request("simple", in_shared_memory(), I1, raw=[ROW] * 2),
        UNIMPLEMENTED,
        ["'INPUT0'", "'shared_memory_region'"],
    ),
    "one input raw and the other typed": (
        request("simple", tensor("INPUT0", "INT32", [1, 16], int_contents=[0] * 16), I1, raw=[ROW]),
        INVALID,
        ["'INPUT1'", "expected 2 buffers", "received 1"],
    ),
    "more elements than there are numbers": (
        request("any_rank", tensor("X", "FP32", [2**62, 2**62]), raw=[bytes(4)]),
        INVALID,
        ["'X'", f"expected {2**126} bytes", "received 4"],
    ),
    "no elements in dimensions beyond an array's": (
        request("identity_FP32", tensor("X", "FP32", [0, 2**62]), raw=[b""]),
        INVALID,
        ["'X'", f"[0,{2**62}]"],
    ),
    "an empty buffer": (
        request("identity_FP32", tensor("X", "FP32", [1, 1]), raw=[b""]),
        INVALID,
        ["'X'", "expected 4 bytes", "received 0"],
    ),
    "a UINT8 beyond its range": (
        x("UINT8", [1, 1], uint_contents=[256]),
        INVALID,
        ["'X'", "0 to 255", "256"],
    ),
    "an INT16 below its range": (
        x("INT16", [1, 1], int_contents=[-(2**15) - 1]),
        INVALID,
        ["'X'", "-32768 to 32767", "-32769"],
    ),
    "a BOOL as a number": (
        x("BOOL", [1, 1], int_contents=[1]),
        INVALID,
        ["'X'", "BOOL elements in bool_contents", "received int_contents"],
    ),
    "half a length of a string": (
        request("identity_BYTES", tensor("X", "BYTES", [1, 1]), raw=[b"\1\0"]),
        INVALID,
        ["'X'", "element 0", "received 2"],
    ),
    "a string longer than anything": (
        request("identity_BYTES", tensor("X", "BYTES", [1, 1]), raw=[b"\xff" * 8]),
        INVALID,
        ["'X'", "element 0", f"expected {2**32 + 3} bytes", "received 8"],
    ),
    "a raw string that is not UTF-8": (
        request("identity_BYTES", tensor("X", "BYTES", [2, 1]), raw=[bytes(4) + b"\2\0\0\0\xc3\x28"]),
        INVALID,
        ["'X'", "element 1", "UTF-8"],
    ),
    "an output without a name": (both(outputs=[""]), INVALID, ["''", "expected OUTPUT0, OUTPUT1"]),
    "an input asked for as an output": (both(outputs=["INPUT0"]), INVALID, ["'INPUT0' is not an output"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_refused_with_its_code_and_its_culprit(stub: Any, case: str) -> None:
    asked, code, words = BAD[case]
    with pytest.raises(grpc.RpcError) as refusal:
        stub.ModelInfer(asked)
    assert refusal.value.code() is code, refusal.value.details()
    for word in words:
        assert word in refusal.value.details()
    assert stub.ModelInfer(both()).raw_output_contents[0] == SUM.tobytes()


def test_the_table_is_no_shorter_than_it_was() -> None:
    assert len(BAD) >= 60


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            "/inference.GRPCInferenceService/ModelInfer",
            "expected a message ModelInferRequest, received 100 bytes",
        ),
        ("/grpc.health.v1.Health/Check", "no protobuf message"),
        ("/grpc.health.v1.Health/Watch", "no protobuf message"),
    ],
)
def test_bytes_that_are_no_message_are_the_client_s_fault_and_no_traceback(
    method: str, message: str, channel: Any, stub: Any, server: Served
) -> None:
    """UNKNOWN or INTERNAL would be held against this server by sidecars: one client could have it left out."""
    before = server.log
    streams = method.endswith("Watch")
    garbage = channel.unary_stream(method) if streams else channel.unary_unary(method)
    with pytest.raises(grpc.RpcError) as refusal:
        list(garbage(b"\xff" * 100, timeout=10)) if streams else garbage(b"\xff" * 100, timeout=10)
    assert refusal.value.code() is INVALID
    assert message in refusal.value.details()
    assert stub.ModelInfer(both()).raw_output_contents[0] == SUM.tobytes()
    assert server.log == before
