"""ONNX's own operator tests, served: what comes back is what a local ONNX Runtime answers, to the last bit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from mesh.pb import open_inference_pb2_grpc as pb_grpc
from tests.model_server.operators import Case, Tensor, collect, raw_of
from tests.model_server.requests import request, tensor
from tests.model_server.served import Served

AT_LEAST = 1_500
"""Of the 1 699 cases of onnx 1.23 that onnxruntime 1.32 runs: so that an update cannot empty this test without a
word. Most of the others need a type that the protocol lacks (float8, 2 and 4 bits, sequences) or an operator that
ONNX Runtime lacks; `-s` prints how many for each reason."""
AT_A_TIME = 64


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    cases, left_out = collect(tmp_path_factory.mktemp("operators"))
    print(f"{len(cases)} cases; left out:")
    for reason, count in left_out.most_common():
        print(f"{count:5} {reason}")
    return cases


@pytest.fixture(scope="module")
def operator_stub(operators: list[Case]) -> Iterator[Any]:
    models: dict[str, Path] = {case.file.stem: case.file for case in operators}
    with (
        Served("--linger", "0", models=models) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield pb_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]


def message(case: Case, **rest: Any) -> Any:
    inputs = (tensor(each.name, each.datatype, each.shape) for each in case.inputs)
    return request(case.file.stem, *inputs, raw=[each.raw for each in case.inputs], **rest)


def ask(stub: Any, case: Case) -> Any:
    return stub.ModelInfer.future(message(case), timeout=60)


def typed(output: Any) -> bytes:
    """What a model without inputs answers: no raw input asked for raw outputs."""
    for _, values in output.contents.ListFields():
        return raw_of(output.datatype, list(values))
    return b""


def complaint(case: Case, call: Any) -> str | None:
    """What is not as it has to be."""
    if call.code() is not grpc.StatusCode.OK:
        return f"{case.name}: {call.code()}: {call.details()}"
    answer = call.result()
    raw = answer.raw_output_contents or [typed(each) for each in answer.outputs]
    got = tuple(
        Tensor(each.name, each.datatype, tuple(each.shape), data)
        for each, data in zip(answer.outputs, raw, strict=True)
    )
    if got != case.outputs:
        return f"{case.name}: expected {case.outputs}, received {got}"[:1_000]
    return None


def test_every_operator_case_is_answered_as_a_local_session_answers_it(
    operators: list[Case], operator_stub: Any
) -> None:
    complaints: list[str] = []
    for start in range(0, len(operators), AT_A_TIME):
        calls = [(case, ask(operator_stub, case)) for case in operators[start : start + AT_A_TIME]]
        complaints += filter(None, (complaint(case, call) for case, call in calls))
    assert complaints == []


def test_no_fewer_cases_are_served_than_were(operators: list[Case]) -> None:
    assert len(operators) >= AT_LEAST
    assert {each.datatype for case in operators for each in case.inputs} >= {"FP16", "BF16", "BOOL", "BYTES"}


def test_the_last_bits_do_not_depend_on_where_in_the_request_a_tensor_stands(
    operators: list[Case], operator_stub: Any
) -> None:
    """ONNX Runtime adds up what is not aligned in another order. The id before it moves the tensor byte by byte; it has
    80 KB, so that a server that looks at large requests without copying them would give it away as it stands."""
    case = next(each for each in operators if each.name == "test_operator_symbolic_override-0")
    for length in range(16):
        answer = operator_stub.ModelInfer(message(case, id="x" * length), timeout=60)
        assert answer.raw_output_contents[0] == case.outputs[0].raw, f"an id of {length} bytes"


NANS = {
    "FP16": ["0100", "ff7f", "34fe"],
    "BF16": ["817f", "ffff", "c07f"],
    "FP32": ["0100807f", "efbeadff", "0000c07f"],
    "FP64": ["010000000000f07f", "efbeaddeefbef8ff", "000000000000f87f"],
}
"""Little-endian: signalling ones, negative ones, and with a payload that any arithmetic would lose."""


@pytest.mark.parametrize("datatype", NANS)
def test_a_nan_comes_back_with_its_sign_and_payload(stub: Any, datatype: str) -> None:
    raw = bytes.fromhex("".join(NANS[datatype]))
    answer = stub.ModelInfer(
        request(f"identity_{datatype}", tensor("X", datatype, [1, len(NANS[datatype])]), raw=[raw])
    )
    assert answer.raw_output_contents[0] == raw
