"""Two answers in, a comparison out, whatever the answers are."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.pb import open_inference_pb2 as pb
from mesh.shadowing import CLASS, IGNORED, SET, Compare, OutputRule
from shadow.comparison import answers as module
from shadow.comparison import plain
from shadow.comparison.comparator import CANCELED, NOT_KEPT, Comparator
from shadow.comparison.difference import Comparison, Difference
from shadow.pair import Pair
from tests.shadow.answers import INFER, OTHER, STREAM, answered, body, pair, response, streamed
from tests.shadow.pipe import framed

ITEMS = np.arange(10)[None]
SCORES = np.linspace(5, 1, 10, dtype="f4")[None]
ANSWER = {"items": ITEMS, "scores": SCORES}
LIVE = "/inference.GRPCInferenceService/ServerLive"


def compared(given_pair: Pair, **rules: OutputRule) -> Comparison:
    return Comparator(Compare(outputs=tuple(rules.items()))).compare(given_pair)


def named(comparison: Comparison) -> Mapping[str, Difference]:
    assert comparison.error == ""
    found = {each.output: each for each in comparison.differences}
    assert len(found) == len(comparison.differences), "an output twice"
    return found


def test_equal_answers_agree_output_by_output() -> None:
    comparison = compared(answered(ANSWER, ANSWER))
    assert (comparison.agrees, comparison.score) == (True, 1.0)
    assert [(each.output, each.measure, each.detail) for each in comparison.differences] == [
        ("status", "status", ""),
        ("items", "ranking", ""),
        ("scores", "values", ""),
    ]


def test_a_wrong_scale_is_found_in_the_scores_and_leaves_the_ranking_alone() -> None:
    found = named(compared(answered(ANSWER, ANSWER | {"scores": SCORES * np.float32(1.1)})))
    assert found["items"].agrees
    assert found["scores"].figures["scale"] == pytest.approx(1.1)


def test_a_mean_overlap_over_pairs_is_exact() -> None:
    """Each pair gives integers, so that their sums do not depend on order or rounding."""
    comparator = Comparator(Compare())
    common = top = 0.0
    for shared in range(11):
        other = np.r_[np.arange(shared), np.arange(100, 110 - shared)][None]
        figures = named(comparator.compare(answered(ANSWER, ANSWER | {"items": other})))["items"].figures
        assert isinstance(figures["common"], int)
        assert isinstance(figures["top"], int)
        common, top = common + figures["common"], top + figures["top"]
    assert (common, top) == (55, 110)


def test_outputs_are_matched_by_name_and_not_by_place() -> None:
    assert compared(answered(ANSWER, dict(reversed(ANSWER.items())))).agrees


@pytest.mark.parametrize(
    ("shadow", "output", "detail"),
    [
        ({"items": ITEMS}, "scores", "the shadow has no such output"),
        (ANSWER | {"more": SCORES}, "more", "only the shadow has this output"),
        (ANSWER | {"scores": SCORES.astype("f8")}, "scores", "datatype FP64 instead of FP32"),
        (ANSWER | {"scores": SCORES[:, :9]}, "scores", "shape [1, 9] instead of [1, 10]"),
        (ANSWER | {"scores": SCORES[0]}, "scores", "shape [10] instead of [1, 10]"),
        (ANSWER | {"items": ITEMS.T}, "items", "shape [10, 1] instead of [1, 10]"),
    ],
)
def test_another_name_datatype_or_shape_is_a_difference(shadow: Any, output: str, detail: str) -> None:
    found = named(compared(answered(ANSWER, shadow)))
    assert (found[output].agrees, found[output].score, found[output].detail) == (False, 0.0, detail)


def test_a_missing_output_is_counted() -> None:
    assert named(compared(answered(ANSWER, {"items": ITEMS})))["scores"].figures == {"missing": 1}


def test_an_ignored_output_is_not_there() -> None:
    ignored = OutputRule(measure=IGNORED)
    for shadow in ({"items": ITEMS}, ANSWER | {"scores": -SCORES}):
        assert set(named(compared(answered(ANSWER, shadow), scores=ignored))) == {"status", "items"}
    more = ANSWER | {"scores": SCORES, "more": SCORES}
    assert "more" not in named(compared(answered(ANSWER, more), more=ignored))


def test_a_rule_of_the_document_is_obeyed() -> None:
    found = named(compared(answered({"ids": ITEMS}, {"ids": ITEMS[:, ::-1]}), ids=OutputRule(measure=SET)))
    assert (found["ids"].measure, found["ids"].agrees) == ("set", True)


def test_a_classifier_is_known_by_its_label() -> None:
    before = {"label": np.array([1, 0]), "probabilities": np.array([[0.1, 0.9], [0.8, 0.2]], "f4")}
    after = {"label": np.array([1, 1]), "probabilities": np.array([[0.3, 0.7], [0.4, 0.6]], "f4")}
    found = named(compared(answered(before, after)))
    assert found["probabilities"].measure == CLASS
    assert found["probabilities"].figures["flips"] == 1
    assert found["label"].detail == "1 of 2 differ, the first at [1]: 1 instead of 0"


@pytest.mark.parametrize(
    "scores", [SCORES[:, :5], np.array([[b"x"] * 10], object)], ids=["shape", "datatype"]
)
def test_scores_that_do_not_fit_the_ranking_have_no_say_in_it(scores: Any) -> None:
    items = np.array([[0, 1, 2, 3, 4, 9, 8, 7, 6, 5]])
    found = named(compared(answered(ANSWER, {"items": items, "scores": scores})))
    assert found["items"].figures["correlation"] == pytest.approx((45 - 2 * 10) / 45)


def test_a_tensor_that_its_own_description_contradicts_is_a_difference() -> None:
    broken = response(ANSWER)
    broken.raw_output_contents[1] = b"123"
    found = named(compared(pair(body(response(ANSWER)), body(broken))))
    assert found["scores"].detail == "the shadow's has 3 bytes, where its shape needs 40"
    assert found["items"].agrees
    assert compared(pair(body(broken), body(broken))).agrees
    assert not compared(pair(body(broken), body(response(ANSWER)))).agrees


def test_an_output_that_is_named_like_a_fact_is_told_apart_from_it() -> None:
    assert set(named(compared(answered({"status": ITEMS}, {"status": ITEMS})))) == {
        "status",
        "status (2)",
    }


# Statuses


def test_another_status_is_the_whole_difference() -> None:
    comparison = compared(pair(body(response(ANSWER)), b"", statuses=("OK", "INTERNAL")))
    assert comparison.differences == (
        Difference("status", "status", False, 0.0, {}, "INTERNAL instead of OK: said green"),
    )


def test_both_failed_alike_agrees() -> None:
    comparison = compared(pair(b"", b"", statuses=("NOT_FOUND", "NOT_FOUND")))
    assert [(each.output, each.agrees) for each in comparison.differences] == [("status", True)]


def test_a_stream_that_failed_alike_is_compared_as_far_as_both_came() -> None:
    first, second = streamed(response(ANSWER), response(ANSWER))
    failed = ("UNAVAILABLE", "UNAVAILABLE")
    comparison = compared(pair(body(first, second), body(first), method=STREAM, statuses=failed))
    assert comparison.agrees
    assert "items" in named(comparison)


def test_of_a_canceled_call_only_what_both_said_is_compared() -> None:
    message = body(response(ANSWER))
    canceled = compared(pair(b"", message, statuses=("", "OK"), canceled=True))
    assert canceled.error == CANCELED
    first, second = streamed(response(ANSWER), response(ANSWER))
    cut = body(first) + body(second)[:-3]
    comparison = compared(pair(cut, body(first, second), method=STREAM, statuses=("", "OK"), canceled=True))
    assert comparison.agrees
    assert set(named(comparison)) == {"items", "scores"}


def test_what_was_not_kept_cannot_be_compared() -> None:
    assert compared(pair(None, body(response(ANSWER)))).error == NOT_KEPT
    assert not compared(pair(None, b"", statuses=("OK", "INTERNAL"))).error


# Streams


def test_a_stream_is_compared_message_by_message() -> None:
    before = streamed(response({"y": np.array([1.0, 2])}), response({"y": np.array([3.0, 4])}))
    after = streamed(response({"y": np.array([1.0, 2])}), response({"y": np.array([3.0, 5])}))
    found = named(compared(pair(body(*before), body(*after), method=STREAM)))
    assert (found["messages"].agrees, found["messages"].figures) == (True, {"primary": 2, "shadow": 2})
    assert (found["y"].score, found["y"].figures["max_abs"]) == (0.75, 1)
    assert found["y"].detail.startswith("message 2: 1 of 2 beyond")


def test_overlaps_of_a_stream_are_added_up() -> None:
    before, after = streamed(response(ANSWER), response(ANSWER)), streamed(response(ANSWER), response(ANSWER))
    figures = named(compared(pair(body(*before), body(*after), method=STREAM)))["items"].figures
    assert figures == {"common": 20, "top": 20, "correlation": 1}


@pytest.mark.parametrize(
    ("factors", "scale"),
    [
        ((1.1, 1.1), 1.1),
        ((1.1, 1.2), None),
        ((1.1, 1), 1.1),
        ((1.1, np.array([1, 5, 2])), None),
    ],
)
def test_a_factor_of_a_stream_is_one_that_all_its_differing_messages_have(
    factors: tuple[Any, ...], scale: float | None
) -> None:
    y = np.array([1.0, 2, 3])
    before, after = streamed(*[response({"y": y})] * 2), streamed(*(response({"y": y * k}) for k in factors))
    found = named(compared(pair(body(*before), body(*after), method=STREAM)))["y"].figures
    assert found.get("scale") == (scale and pytest.approx(scale))


def test_missing_messages_are_a_difference() -> None:
    before = streamed(response(ANSWER), response(ANSWER))
    found = named(compared(pair(body(*before), body(before[0]), method=STREAM)))
    assert (found["messages"].score, found["messages"].detail) == (0.5, "1 instead of 2")
    found = named(compared(pair(body(response(ANSWER)), b"")))
    assert (found["messages"].agrees, found["messages"].score) == (False, 0)


def test_messages_in_another_order_are_a_difference_and_compared_by_id() -> None:
    named_ones = [response({"y": np.array([number])}, name=f"r{number}") for number in range(3)]
    before, after = streamed(*named_ones), streamed(*(named_ones[at] for at in (1, 0, 2)))
    found = named(compared(pair(body(*before), body(*after), method=STREAM)))
    assert found["messages"].detail == "2 of the shadow's are at another place; compared by their ids"
    assert (found["messages"].agrees, found["messages"].score) == (False, pytest.approx(1 / 3))
    assert found["y"].agrees


def test_messages_that_moved_and_failed_do_not_count_twice() -> None:
    first, second = streamed(*(response({"y": ITEMS}, name=name) for name in ("r1", "r2")))
    failed = pb.ModelStreamInferResponse(error_message="no memory")
    failed.infer_response.id = "r1"
    found = named(compared(pair(body(first, second), body(second, failed), method=STREAM)))["messages"]
    assert (found.agrees, found.score) == (False, 0.0)


@pytest.mark.parametrize(
    ("before", "after", "agrees", "detail"),
    [
        ("failed on 10.0.0.1", "failed on 10.0.0.2", True, ""),
        (response(ANSWER), "no memory", False, "message 1: the shadow failed: no memory"),
        ("no memory", response(ANSWER), False, "message 1: only the primary failed: no memory"),
    ],
    ids=["both", "shadow", "primary"],
)
def test_errors_in_a_stream_are_compared_as_statuses_are(
    before: Any, after: Any, agrees: bool, detail: str
) -> None:
    rest = response(ANSWER)
    bodies = body(*streamed(before, rest)), body(*streamed(after, rest))
    found = named(compared(pair(*bodies, method=STREAM)))["messages"]
    assert (found.agrees, found.detail, found.score) == (agrees, detail, 1.0 if agrees else 0.5)


# Answers that are none


def test_a_shadow_that_answers_garbage_is_a_difference_and_no_error() -> None:
    comparison = compared(pair(body(response(ANSWER)), body(b"\xff\xff")))
    found = named(comparison)
    assert found["messages"].detail == "message 1: the shadow's is no ModelInferResponse"
    assert (comparison.agrees, comparison.score) == (False, 0.0)


def test_a_body_that_is_cut_off_is_a_difference() -> None:
    whole = body(response(ANSWER))
    found = named(compared(pair(whole, whole[:-1])))
    assert found["messages"].detail.startswith("0 instead of 1; the shadow's message 1 ends after")


MANY = framed(*[b"x"] * 10_000)
UNREAD = [
    pytest.param(
        "zstd", b"\1\0\0\0\4aaaa", b"\1\0\0\0\5bbbbb", "grpc-encoding is 'zstd'", id="unknown encoding"
    ),
    pytest.param("gzip", b"\1\0\0\0\4aaaa", b"\1\0\0\0\5bbbbb", "is no gzip", id="broken gzip"),
    pytest.param("", framed(b"one")[:-1], framed(b"two")[:-1], "ends after 2 of 3 bytes", id="cut off"),
    pytest.param("", MANY + framed(b"a"), MANY + framed(b"b"), "more than the 10000", id="too many"),
    pytest.param("", b"\xffaaaa", b"\xffbbbbb", "flag 255", id="no gRPC"),
]


@pytest.mark.parametrize(("encoding", "before", "after", "why"), UNREAD)
def test_where_neither_answer_can_be_read_nobody_says_that_they_agree(
    encoding: str, before: bytes, after: bytes, why: str
) -> None:
    found = compared(unread(encoding, before, after))
    assert (found.agrees, found.score) == (False, 0.0)
    assert found.error.startswith("neither answer could be read to its end")
    assert why in found.error


@pytest.mark.parametrize(("encoding", "before", "_", "why"), UNREAD)
def test_what_cannot_be_read_agrees_where_it_is_the_same_bytes(
    encoding: str, before: bytes, _: bytes, why: str
) -> None:
    found = named(compared(unread(encoding, before, before)))
    assert why
    assert (found["answer"].measure, found["answer"].agrees) == ("bytes", True)


def test_a_difference_before_what_cannot_be_read_is_a_difference() -> None:
    found = named(compared(unread("zstd", framed(b"a") + b"\1", framed(b"b") + b"\1")))
    assert not found["answer"].agrees


def unread(encoding: str, before: bytes, after: bytes) -> Pair:
    return pair(before, after, method=OTHER, encodings=(encoding, encoding))


def test_a_primary_that_breaks_the_protocol_is_compared_byte_for_byte() -> None:
    assert named(compared(pair(body(b"\xff"), body(b"\xff"))))["answer"].agrees
    assert named(compared(pair(body(b"\xff"), body(response(ANSWER)))))["answer"].measure == "bytes"


def test_compressed_answers_are_compared_expanded() -> None:
    packed = body(response(ANSWER), encoding="gzip")
    assert compared(pair(body(response(ANSWER)), packed, encodings=("", "gzip"))).agrees


def test_more_outputs_than_a_store_should_hold_are_not_told_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flood = pb.ModelInferResponse()
    for number in range(module.MOST_TENSORS + 1):
        flood.outputs.add(name=f"y{number}", datatype="FP32", shape=[0])
    found = named(compared(pair(body(response(ANSWER)), body(flood))))
    assert found["messages"].detail == "message 1: the shadow's has more than 256 outputs"
    assert named(compared(pair(body(flood), body(flood))))["answer"].measure == "bytes"
    monkeypatch.setattr(module, "MOST_OUTPUTS", 2)
    many = streamed(*(response({f"y{number}": ITEMS}) for number in range(4)))
    found = named(compared(pair(body(*many), body(*many), method=STREAM)))
    assert set(found) == {"status", "messages", "y0", "y1"}
    assert not found["messages"].agrees


# Other protocols, other methods


def test_other_methods_are_compared_field_by_field() -> None:
    live, dead = pb.ServerLiveResponse(live=True), pb.ServerLiveResponse()
    assert compared(pair(body(live), body(live), method=LIVE)).agrees
    found = named(compared(pair(body(live), body(dead), method=LIVE)))["answer"]
    assert (found.measure, found.detail) == ("json", "$.live: nothing instead of True")


def test_json_is_compared_leaf_by_leaf() -> None:
    before = json.dumps({"user": {"id": 7}, "scores": [1.0, 2.0, 3.0], "note": None}).encode()
    after = json.dumps({"user": {"id": 8}, "scores": [1.0, 2.00001], "note": None, "x": [1]}).encode()
    found = named(compared(pair(body(before), body(after), method=OTHER)))["answer"]
    assert (found.measure, found.score) == ("json", 3 / 6)
    assert (
        found.detail
        == "$.user.id: 8 instead of 7; $.scores[2]: nothing instead of 3.0; $.x: a list instead of nothing"
    )


@pytest.mark.parametrize(
    ("before", "after", "agrees"),
    [
        (b'{"a":1,"b":[]}', b' {"b": [], "a": 1.0}', True),
        (b"[1]", b"[true]", False),
        (b'["1"]', b"[1]", False),
        (b"[{}]", b"[[]]", False),
        (b"[9007199254740993]", b"[9007199254740992]", False),
        (b"[1e999]", b"[5]", False),
        (b"[1.0]", b"[" + b"9" * 400 + b"]", False),
        (b"[" * 900 + b"]" * 900, b"[" * 900 + b"1" + b"]" * 900, False),
    ],
)
def test_json_agrees_where_it_means_the_same(before: bytes, after: bytes, agrees: bool) -> None:
    found = named(compared(pair(body(before), body(after), method=OTHER)))["answer"]
    assert (found.measure, found.agrees) == ("json", agrees)


@pytest.mark.parametrize(
    "other", [b"[1", b"[NaN]", b"[" * 100_000, b'{"a":"\xff"}', b"7", b"[" + b"1" * 5_000 + b"]"]
)
def test_what_is_no_json_is_compared_byte_for_byte(other: bytes) -> None:
    found = named(compared(pair(body(b"[1]"), body(other), method=OTHER)))["answer"]
    assert (found.measure, found.agrees) == ("bytes", False)
    assert named(compared(pair(body(other), body(other), method=OTHER)))["answer"].agrees


def test_more_json_than_a_recorder_has_room_for_is_compared_byte_for_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """30 kB of gzip can be 30 MB of JSON, which would be gigabytes of Python's objects."""
    before, after = b'{"a": 1}', b'{"a":  1}'
    for most, agrees in ((len(before + after), True), (len(before + after) - 1, False)):
        monkeypatch.setattr(plain, "MOST_JSON", most)
        assert named(compared(pair(body(before), body(after), method=OTHER)))["answer"].agrees == agrees


def test_a_protocol_without_a_schema_is_compared_byte_for_byte_and_says_so() -> None:
    found = named(compared(pair(body(b"\x0a\x01a"), body(b"\x0a\x01b"), method=OTHER)))["answer"]
    assert found.detail == (
        "3 bytes instead of 3, the first other one at 2 (no schema is known: compared byte for byte)"
    )
    assert named(compared(pair(body(b"a"), body(b"ab"), method=OTHER)))["answer"].figures == {"first": 1}


def test_the_answer_as_a_whole_can_be_ignored() -> None:
    found = named(compared(pair(body(b"a"), body(b"b"), method=OTHER), answer=OutputRule(measure=IGNORED)))
    assert set(found) == {"status"}


# Whatever comes


def test_what_goes_wrong_here_is_an_error_of_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr("shadow.comparison.outputs.values", broken)
    comparison = compared(answered(ANSWER, ANSWER))
    assert comparison.error == "could not be compared: MemoryError: too much"
    assert not comparison.agrees


@settings(max_examples=300)
@given(
    st.binary(max_size=60) | st.binary(max_size=60).map(body),
    st.binary(max_size=60) | st.binary(max_size=60).map(body),
    st.sampled_from([INFER, STREAM, LIVE, OTHER]),
    st.sampled_from(["", "gzip"]),
    st.booleans(),
)
def test_no_bytes_make_it_fail(
    before: bytes, after: bytes, method: str, encoding: str, canceled: bool
) -> None:
    statuses = ("" if canceled else "OK", "OK")
    given_pair = pair(
        before, after, method=method, encodings=("", encoding), statuses=statuses, canceled=canceled
    )
    error = compared(given_pair).error
    assert error in ("", CANCELED) or error.startswith("neither answer could be read")
    assert compared(pair(before, before, method=method)).agrees


tensors = st.builds(
    dict,
    name=st.sampled_from(["a", "b", "status", "\0\ud7ff", "x" * 300]),
    datatype=st.sampled_from(["FP32", "FP16", "BF16", "INT64", "UINT8", "BOOL", "BYTES", "FP8"]),
    shape=st.lists(st.integers(-1, 3), max_size=3),
)


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """Messages that are well-formed, with tensors that may not be."""
    message = pb.ModelInferResponse(id=draw(st.text(max_size=3)))
    for each in draw(st.lists(tensors, max_size=4)):
        output = message.outputs.add(**each)
        count = abs(int(np.prod(each["shape"])))
        size = {"FP32": 4, "FP16": 2, "BF16": 2, "INT64": 8, "BYTES": 4}.get(each["datatype"], 1)
        if draw(st.booleans()):
            message.raw_output_contents.append(
                draw(st.binary(min_size=count * size, max_size=count * size) | st.binary(max_size=20))
                if size != 4 or each["datatype"] == "FP32"
                else bytes(4 * count)
            )
        else:
            output.contents.fp32_contents.extend([1.5] * count)
    return message.SerializeToString()


measures = st.sampled_from(["", "values", "class", "ranking", "set", "exact", "ignored"])


@settings(max_examples=300)
@given(hostile(), hostile(), measures)
def test_no_tensors_make_it_fail_and_equal_ones_agree(before: bytes, after: bytes, measure: str) -> None:
    rules = {name: OutputRule(measure=measure) for name in ("a", "b", "status")}
    comparison = compared(pair(body(before), body(after)), **rules)
    assert comparison.error == ""
    for each in comparison.differences:
        assert 0 <= each.score <= 1
        assert each.output.isprintable()
        assert each.detail.isprintable()
        assert all(map(np.isfinite, each.figures.values()))
        assert not each.agrees or each.detail == ""
    named(comparison)
    assert compared(pair(body(before), body(before)), **rules).agrees
