"""The quick way through a message's bytes means what protobuf means, for every message."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.pb import open_inference_pb2 as pb
from model_server.errors import BadRequestError
from model_server.inference import Request, Response
from model_server.tensors import VIEW_FROM, WireTensor
from model_server.transport.messages import MOST_TENSORS, parse_request, read_request, write_response
from model_server.transport.wire import KNOWN_HEADS, LONGEST_HEAD, MOST_FIELDS, Wire, varint
from tests.model_server.requests import parameters, request, tensor

text = st.text(max_size=8)
sizes = st.sampled_from([0, 1, 127, 128, 16_383, VIEW_FROM, VIEW_FROM + 1])


def plain(given: tuple[Request, Any]) -> tuple[Any, ...]:
    """A request as what can be compared: views as bytes, protobuf's lists as lists."""
    asked, head = given
    tensors = [
        (
            (each.name, each.datatype, each.shape),
            None if each.raw is None else bytes(each.raw),
            [(name, list(values)) for name, values in each.typed.items()],
        )
        for each in asked.inputs
    ]
    return asked.model, asked.version, asked.id, asked.outputs, tensors, head.timeout, head.final


def outcome(read: Any, data: bytes) -> Any:
    try:
        return plain(read(data))
    except BadRequestError as error:
        return str(error)


def by_protobuf(data: bytes) -> Any:
    return outcome(lambda each: read_request(parse_request(each)), data)


@st.composite
def messages(draw: Any) -> Any:
    count = draw(st.integers(0, 3))
    typed = draw(st.booleans())
    inputs = [
        tensor(
            draw(text),
            draw(st.sampled_from(["FP32", "BYTES", "BOOL"])),
            draw(st.lists(st.integers(-1, 300), max_size=3)),
            **({"int_contents": [1]} if typed and draw(st.booleans()) else {}),
        )
        for _ in range(count)
    ]
    asked = request(
        draw(text),
        *inputs,
        raw=[b"r" * draw(sizes) for _ in range(draw(st.sampled_from([0, count, count, count + 1])))],
        outputs=draw(st.lists(text, max_size=2)),
        id=draw(text),
        model_version=draw(text),
    )
    for name, value in parameters(**draw(st.sampled_from([{}, {"timeout": 5}, {"priority": 1}]))).items():
        asked.parameters[name].CopyFrom(value)
    return asked


@settings(max_examples=200, deadline=None)
@given(messages(), st.data())
def test_a_message_means_what_protobuf_says_whatever_the_order_of_its_fields(asked: Any, data: Any) -> None:
    """Twice, because the second time its head is known."""
    whole = asked.SerializeToString()
    parts = []
    for field, value in asked.ListFields():
        for each in value if field.is_repeated and field.name != "parameters" else [value]:
            one = pb.ModelInferRequest()
            if field.name == "parameters":
                for name in each:
                    one.parameters[name].CopyFrom(each[name])
            elif field.is_repeated:
                getattr(one, field.name).append(each)
            else:
                setattr(one, field.name, each)
            parts.append(one.SerializeToString())
    mixed = b"".join(data.draw(st.permutations(parts)))
    wire = Wire()
    for bytes_ in (whole, mixed, whole, mixed):
        assert outcome(wire.read, bytes_) == by_protobuf(bytes_)


@settings(max_examples=300, deadline=None)
@given(messages(), st.integers(0, 2**16), st.binary(max_size=12))
def test_bytes_that_were_cut_or_changed_mean_what_protobuf_says(asked: Any, at: int, other: bytes) -> None:
    whole = asked.SerializeToString()
    at %= len(whole) + 1
    wire = Wire()
    for damaged in (whole[:at], whole[:at] + other, whole[:at] + other + whole[at + len(other) :]):
        assert outcome(wire.read, damaged) == by_protobuf(damaged)


def test_a_known_head_is_not_taken_for_a_request_of_another_form() -> None:
    wire = Wire()
    raw = request("m", tensor("X", "FP32", [0]), raw=[b""]).SerializeToString()
    typed = request("m", tensor("X", "FP32", [0])).SerializeToString()
    for _ in range(2):
        assert wire.read(raw)[0].inputs[0].raw == b""
        assert wire.read(typed)[0].inputs[0].raw is None


def test_large_elements_are_a_view_of_the_message_and_small_ones_a_copy() -> None:
    wire = Wire()
    for size, kind in ((VIEW_FROM, memoryview), (VIEW_FROM - 4, bytes)):
        data = request("m", tensor("X", "FP32", [size]), raw=[b"r" * size]).SerializeToString()
        raw = wire.read(data)[0].inputs[0].raw
        assert type(raw) is kind
        if kind is memoryview:
            assert memoryview(raw).obj is data


def test_what_is_remembered_is_bounded_whatever_clients_send() -> None:
    wire = Wire()
    for number in range(KNOWN_HEADS * 2 + 3):
        name = f"{number}" + "n" * (LONGEST_HEAD if number % 2 else 0)
        wire.read(request(name, tensor("X", "FP32", [1]), raw=[bytes(4)]).SerializeToString())
        wire.write(Response(name, "1", "", (WireTensor("Y", "FP32", (number,), b""),)))
        assert len(wire._heads) <= KNOWN_HEADS
        assert len(wire._answers) <= KNOWN_HEADS
    assert all(len(head) <= LONGEST_HEAD for head in wire._heads)


def test_a_message_of_very_many_fields_is_read_too() -> None:
    data = request("m", *[tensor("X", "FP32", [1])] * MOST_FIELDS).SerializeToString()
    assert len(Wire().read(data)[0].inputs) == MOST_FIELDS


@pytest.mark.parametrize("identifier", ["", "7/é", "i" * 300])
@pytest.mark.parametrize(
    "outputs",
    [
        (),
        (WireTensor("Y", "FP32", (1,), raw=b"1234"),),
        (WireTensor("Y", "FP32", (0,), raw=b""), WireTensor("Z", "INT8", (3, 100), raw=bytes(300))),
        (WireTensor("Y", "INT8", (2,), raw=memoryview(bytes(VIEW_FROM * 2))),),
        (WireTensor("Y", "INT32", (1,), typed={"int_contents": [3]}),),
        (WireTensor("Y", "INT32", (0,)),),
    ],
    ids=["none", "one", "two", "view", "typed", "typed and empty"],
)
def test_an_answer_is_written_as_protobuf_writes_it(identifier: str, outputs: Any) -> None:
    wire, response = Wire(), Response("m", "1", identifier, outputs)
    for _ in range(2):
        assert b"".join(wire.write(response)) == write_response(response).SerializeToString()


def test_a_typed_answer_after_a_raw_one_of_the_same_form_is_typed() -> None:
    wire = Wire()
    raw = Response("m", "1", "", (WireTensor("Y", "INT32", (1,), raw=bytes(4)),))
    typed = Response("m", "1", "", (WireTensor("Y", "INT32", (1,), typed={"int_contents": [3]}),))
    for each in (raw, typed, raw):
        assert b"".join(wire.write(each)) == write_response(each).SerializeToString()


@given(st.integers(0, 2**31))
def test_numbers_are_written_as_protobuf_writes_them(value: int) -> None:
    written = b"\x08" + varint(value) if value else b""
    assert written == pb.StatisticDuration(count=value).SerializeToString()


@pytest.mark.parametrize(("inputs", "outputs"), [(MOST_TENSORS + 1, 0), (0, MOST_TENSORS + 1)])
def test_a_message_of_nothing_but_tensors_is_refused_before_they_are_looked_at(
    inputs: int, outputs: int
) -> None:
    message = pb.ModelInferRequest(model_name="m")
    for _ in range(inputs):
        message.inputs.add()
    for _ in range(outputs):
        message.outputs.add()
    with pytest.raises(BadRequestError, match=f"expected at most {MOST_TENSORS} (in|out)puts, received"):
        Wire().read(message.SerializeToString())
