"""Requests and answers as a person reads them."""

import struct
from dataclasses import replace

import numpy as np

from mesh.pb import open_inference_pb2 as pb
from shadow.pair import Answer, Pair, PairId
from shadow.report import bodies
from shadow.report.sides import Mark

INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack(">BI", 0, len(each)) + each for each in messages)


def asked(user: int) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="recommender")
    request.inputs.add(name="user", datatype="INT64", shape=[1])
    request.raw_input_contents.append(np.array([user], "<i8").tobytes())
    return request


def said(*items: int) -> pb.ModelInferResponse:
    response = pb.ModelInferResponse(model_name="recommender")
    response.outputs.add(name="items", datatype="INT64", shape=[len(items)])
    response.raw_output_contents.append(np.array(items, "<i8").tobytes())
    return response


def pair(method: str = INFER, request: bytes = b"", primary: bytes = b"", shadow: bytes = b"") -> Pair:
    return Pair(
        PairId("splitter-1", 1), "recommender", method, 0, 1, "shadow",
        Answer("blue", "OK", body=primary), Answer("green", "OK", body=shadow), request=request,
    )  # fmt: skip


def test_an_inference_request_is_its_tensors() -> None:
    body = bodies.request(pair(request=framed(asked(547).SerializeToString())))
    ((tensor,),) = body.messages
    assert (tensor.name, tensor.form, tensor.values, body.text) == ("user", "INT64 [1]", "547", "")


def test_an_output_of_both_answers_stands_side_by_side() -> None:
    made = pair(primary=framed(said(1, 2).SerializeToString()), shadow=framed(said(1, 3).SerializeToString()))
    (side,) = bodies.sides(
        "items", "ranking", bodies.outputs(made, made.primary), bodies.outputs(made, made.shadow)
    )
    assert (side.primary, side.shadow) == ("INT64 [2]", "INT64 [2]")
    assert [(each.primary, each.shadow, each.mark) for each in side.rows] == [
        ("1", "1", Mark.SAME),
        ("2", "3", Mark.DIFFERENT),
    ]


def test_a_stream_has_a_side_for_each_message_also_for_those_that_one_lacks() -> None:
    def streamed(*answers: pb.ModelInferResponse) -> bytes:
        wrapped = [pb.ModelStreamInferResponse(infer_response=each) for each in answers]
        return framed(*(each.SerializeToString() for each in wrapped))

    made = pair(STREAM, primary=streamed(said(1), said(2)), shadow=streamed(said(1)))
    found = bodies.sides(
        "items", "exact", bodies.outputs(made, made.primary), bodies.outputs(made, made.shadow)
    )
    assert [(each.message, each.primary, each.shadow) for each in found] == [
        (0, "INT64 [1]", "INT64 [1]"),
        (1, "INT64 [1]", ""),
    ]


def test_json_is_indented_text_is_text_and_the_rest_is_digits() -> None:
    told = [
        bodies.request(pair("/shop.Cart/Add", framed(each))).text
        for each in (b'{"a": [1]}', "grüße".encode(), b"\x00\x01\xff")
    ]
    assert told == ['{\n  "a": [\n    1\n  ]\n}', "grüße", "00 01 ff"]


def test_what_a_terminal_would_obey_is_digits_too() -> None:
    assert bodies.request(pair("/shop.Cart/Add", framed(b"\x1b[2Jgone"))).text == "1b 5b 32 4a 67 6f 6e 65"


def test_other_calls_of_the_protocol_are_told_in_words() -> None:
    ready = pb.ModelReadyResponse(ready=True).SerializeToString()
    made = pair("/inference.GRPCInferenceService/ModelReady", primary=framed(ready))
    assert bodies.answer(made, made.primary).text == "ready: true"


def test_a_body_that_was_not_kept_says_so() -> None:
    made = replace(pair(), request=None, primary=Answer("blue", "OK", body=None))
    assert bodies.request(made).text == bodies.answer(made, made.primary).text == "not kept"
    assert bodies.outputs(made, made.primary) == ()


def test_an_answer_without_a_message_says_so() -> None:
    assert bodies.answer(pair(), pair().shadow).text == "(no message)"


def test_a_body_that_is_cut_off_says_where() -> None:
    body = bodies.request(pair("/shop.Cart/Add", framed(b"whole") + b"\0\0"))
    assert body.text == "whole\nmessage 2 ends in its prefix, after 2 of 5 bytes"


def test_long_streams_and_long_messages_are_bounded() -> None:
    assert "… 92 more messages" in bodies.request(pair("/a.B/C", framed(*[b"x"] * 100))).text
    assert len(bodies.request(pair("/a.B/C", framed(b"x" * 100_000))).text) == bodies.TEXT
