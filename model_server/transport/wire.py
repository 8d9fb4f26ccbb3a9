"""ModelInfer's bytes to and from the values of `inference`, without protobuf where that pays.

Reading: the top level of the message is cut by hand. What a client repeats in every call (all but the id and the
elements) is parsed by protobuf once and then found by its bytes; large elements become views of the message, where
protobuf would copy them twice. Writing: likewise, what does not change is kept, and the rest is one join. Whatever
is not of this plain form goes to `messages`, so both ways mean the same.

A call of 64 floats is read in 0.8 µs where protobuf takes 7, and written in 0.6 where it takes 1.8 (interpreted: 1.8
and 0.9); one of 4 MiB is read in 1 µs instead of 0.6 ms, and written in 0.2 ms instead of 6.
"""

from typing import Any, Final

from google.protobuf.message import DecodeError

from mesh.pb import open_inference_pb2 as pb
from model_server.inference import Request, Response
from model_server.tensors import NO_VALUES, VIEW_FROM, WireTensor
from model_server.transport.messages import Head, parse_request, read_head, read_request, write_response

KNOWN_HEADS: Final = 256
LONGEST_HEAD: Final = 1024
"""What is remembered for each direction: at most 256 KiB of bytes, whatever clients send."""

MOST_FIELDS: Final = 1024
"""A message of more fields is protobuf's to read: by hand each would hold up the event loop longer than there."""

_NAME, _VERSION, _ID, _PARAMETERS, _INPUTS, _OUTPUTS, _RAW = (number << 3 | 2 for number in range(1, 8))
"""Tags of ModelInferRequest's fields; each is length-delimited (wire type 2)."""

_OF_HEAD: Final = frozenset((_NAME, _VERSION, _PARAMETERS, _INPUTS, _OUTPUTS))

_ANSWER_ID, _ANSWER_PARAMETERS, _ANSWER_RAW = b"\x1a", b"\x22", b"\x32"
"""Tags of ModelInferResponse's fields `id`, `parameters`, `raw_output_contents`."""


class Wire:
    """Reads requests and writes responses; remembers their heads."""

    __slots__ = ("_answers", "_heads")

    def __init__(self) -> None:
        self._heads: dict[bytes, Head] = {}
        self._answers: dict[Any, tuple[bytes, bytes]] = {}

    def read(self, data: bytes) -> tuple[Request, Head]:
        """A ModelInferRequest; BadRequestError if it is none, or its tensors and buffers do not belong together."""
        parts = cut(data)
        if parts is None or not parts[2]:
            return read_request(parse_request(data))
        known, written, buffers = parts
        head = self._heads.get(known)
        if head is None:
            head = self._learn(known)
            if head is None:
                return read_request(parse_request(data))
        try:
            identifier = written.decode()
        except UnicodeDecodeError:
            return read_request(parse_request(data))
        tensors = head.tensors
        if len(buffers) != len(tensors):
            raise head.mismatch(len(buffers))
        inputs = [
            WireTensor(name, datatype, shape, buffer, NO_VALUES)
            for (name, datatype, shape), buffer in zip(tensors, buffers, strict=True)
        ]
        return Request(head.model, tuple(inputs), head.version, identifier, head.outputs), head

    def _learn(self, known: bytes) -> Head | None:
        """The head that these bytes are, unless it is one for protobuf to read, or none."""
        try:
            message = pb.ModelInferRequest.FromString(known)
        except DecodeError:
            return None
        head = read_head(message)
        if head.typed:
            return None
        if len(known) <= LONGEST_HEAD:
            _remember(self._heads, known, head)
        return head

    def write(self, response: Response, *, parameters: bytes = b"") -> list[Any]:
        """The parts of a ModelInferResponse, to be joined; `parameters` is that field, encoded."""
        outputs = response.outputs
        shown = (
            response.model,
            response.version,
            *[(each.name, each.datatype, each.shape) for each in outputs],
        )
        known = self._answers.get(shown)
        if known is None:
            if not outputs or any(each.typed for each in outputs):
                return [write_response(response).SerializeToString(), parameters]
            known = _answer_head(response)
            _remember(self._answers, shown, known)
        first, described = known
        parts: list[Any] = [first]
        if response.id:
            name = response.id.encode()
            parts += _ANSWER_ID, varint(len(name)), name
        parts += parameters, described
        for each in outputs:
            raw = each.raw
            if raw is None or each.typed:  # known from a call whose answer was raw alone; this one's is not
                return [write_response(response).SerializeToString(), parameters]
            parts += _ANSWER_RAW, varint(len(raw)), raw
        return parts


def cut(data: bytes) -> tuple[bytes, bytes, list[Any]] | None:
    """What of a ModelInferRequest may repeat, its id, its raw buffers; None if it is for protobuf to read."""
    position, end = 0, len(data)
    name = b""
    heads: list[bytes] = []
    buffers: list[Any] = []
    begun = fields = 0  # where the part of the head began that goes on here
    view: Any = None
    while position < end:
        tag = data[position]
        start = position + 2
        if start > end:
            return None
        size = data[position + 1]
        if size > 127:
            size &= 127
            shift = 7
            while True:
                if start == end or shift > 28:
                    return None
                byte = data[start]
                start += 1
                size |= (byte & 127) << shift
                if byte < 128:
                    break
                shift += 7
        stop = start + size
        fields += 1
        if stop > end or fields > MOST_FIELDS:
            return None
        if tag in _OF_HEAD:
            position = stop
            continue
        if begun < position:
            heads.append(data[begun:position])
        if tag == _RAW:
            if size < VIEW_FROM:
                buffers.append(data[start:stop])
            else:
                if view is None:
                    view = memoryview(data)
                buffers.append(view[start:stop])
        elif tag == _ID:
            name = data[start:stop]
        else:
            return None
        begun = position = stop
    if begun < end:
        heads.append(data[begun:end])
    return heads[0] if len(heads) == 1 else b"".join(heads), name, buffers


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    if value < 128:
        return _ONE_BYTE[value]
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


_ONE_BYTE: Final = tuple(bytes((value,)) for value in range(128))


def _answer_head(response: Response) -> tuple[bytes, bytes]:
    """Fields 1 and 2, and field 5, of every answer that differs from this one in id and elements only."""
    bare = Response(response.model, response.version, "", ())
    first = write_response(bare).SerializeToString()
    described = tuple(WireTensor(each.name, each.datatype, each.shape, b"") for each in response.outputs)
    message = write_response(Response("", "", "", described))
    message.ClearField("raw_output_contents")
    return first, message.SerializeToString()


def _remember(known: dict[Any, Any], key: Any, value: Any) -> None:
    if len(known) >= KNOWN_HEADS:
        known.clear()  # clients that never repeat themselves: nothing is lost
    known[key] = value
