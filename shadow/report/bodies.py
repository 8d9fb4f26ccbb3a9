"""What stands in the bodies of a pair, as a person reads it: tensors where they are known, else JSON, text or digits.

Everything here was chosen by a client or by a model: it becomes lines of printable text, of bounded length.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from mesh.shadowing import RANKING, SET
from shadow.messages import framing, open_inference
from shadow.messages.tensors import Tensor as Decoded
from shadow.pair import Answer, Pair
from shadow.report.sides import Body, Side, Tensor, beside, form, values

MESSAGES: Final = 8
"""Of one stream; the first ones are shown."""
TENSORS: Final = 32
"""Of one message."""
TEXT: Final = 2_000
"""Characters of a body that is no tensors."""
_DIGITS: Final = 256
"""Bytes that are shown as hexadecimal digits."""
_ROW: Final = 16
"""Bytes a line."""
NOT_KEPT: Final = "not kept"
EMPTY: Final = "(no message)"
_INPUTS: Final = {f"/inference.GRPCInferenceService/{name}" for name in ("ModelInfer", "ModelStreamInfer")}


def request(pair: Pair) -> Body:
    """The request of a pair."""
    if pair.request is None:
        return Body(text=NOT_KEPT)
    body = framing.split(pair.request, pair.encoding)
    size = len(pair.request)
    if pair.method in _INPUTS:
        kind = open_inference.REQUESTS[pair.method]
        messages = [open_inference.parse(kind, each) for each in body.messages[:MESSAGES]]
        if all(each is not None for each in messages):
            told = tuple(tuple(map(_tensor, open_inference.inputs(each)[:TENSORS])) for each in messages)
            return Body(told, _more(len(body.messages), body.fault), size)
    return Body(text=_texts(body, open_inference.REQUESTS.get(pair.method)), size=size)


def answer(pair: Pair, told: Answer) -> Body:
    """An answer that is no tensors; without messages and without text if it has some."""
    if told.body is None:
        return Body(text=NOT_KEPT)
    body = framing.split(told.body, told.encoding)
    return Body(text=_texts(body, open_inference.ANSWERS.get(pair.method)) or EMPTY, size=len(told.body))


def outputs(pair: Pair, told: Answer) -> tuple[dict[str, Decoded], ...]:
    """The tensors of an answer by name, a dictionary per message; nothing where it has none."""
    if told.body is None or pair.method not in _INPUTS:
        return ()
    kind = open_inference.ANSWERS[pair.method]
    found = []
    for each in framing.split(told.body, told.encoding).messages[:MESSAGES]:
        message = open_inference.parse(kind, each)
        response = open_inference.response_of(message) if message is not None else None
        tensors = open_inference.outputs(response) if response is not None else ()
        found.append({tensor.name: tensor for tensor in tensors})
    return tuple(found)


def sides(
    name: str, measure: str, primary: Sequence[dict[str, Decoded]], shadow: Sequence[dict[str, Decoded]]
) -> tuple[Side, ...]:
    """One output of both answers beside each other, message by message."""
    made = []
    for at in range(max(len(primary), len(shadow))):
        one, two = (side[at].get(name) if at < len(side) else None for side in (primary, shadow))
        if one is None and two is None:
            continue
        arrays = [None if each is None or each.fault else each.array for each in (one, two)]
        rows, more = beside(arrays[0], arrays[1], ordered=measure in (RANKING, SET))
        made.append(Side(at, _form(one), _form(two), rows, more))
    return tuple(made)


def _form(tensor: Decoded | None) -> str:
    if tensor is None:
        return ""
    return form(tensor.datatype, tensor.shape) + (f": {tensor.fault}" if tensor.fault else "")


def _tensor(tensor: Decoded) -> Tensor:
    return Tensor(tensor.name, form(tensor.datatype, tensor.shape), tensor.fault or values(tensor.array))


def _texts(body: framing.Body, kind: Any) -> str:
    lines = [_text(each, kind) for each in body.messages[:MESSAGES]]
    return "\n".join([*lines, *filter(None, [_more(len(body.messages), body.fault)])])


def _more(messages: int, fault: str) -> str:
    told = [f"… {messages - MESSAGES} more messages"] if messages > MESSAGES else []
    return "; ".join([*told, *([fault] if fault else [])])


def _text(message: bytes, kind: Any) -> str:
    """A message of a known protocol as protobuf's text, JSON indented, other text as it is, else digits."""
    parsed = open_inference.parse(kind, message) if kind is not None else None
    if parsed is not None:
        text = str(parsed).strip() or "(empty)"
    else:
        try:
            text = message.decode()
        except UnicodeDecodeError:
            text = "\0"
        if not all(each.isprintable() or each in "\n\t" for each in text):
            rows = [message[at : at + _ROW].hex(" ") for at in range(0, min(len(message), _DIGITS), _ROW)]
            return "\n".join(
                [*rows, *([f"… {len(message) - _DIGITS} more bytes"] if len(message) > _DIGITS else [])]
            )
        with suppress(ValueError, RecursionError):  # no JSON
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    text = "".join(each if each.isprintable() or each == "\n" else f"\\u{ord(each):04x}" for each in text)
    return text if len(text) <= TEXT else text[: TEXT - 1] + "…"
