"""A pair as whoever writes a comparator wants it: messages read, tensors as numpy arrays."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from shadow.messages import framing
from shadow.messages import open_inference as protocol
from shadow.messages.tensors import Array, Tensor
from shadow.pair import Pair


class Messages:
    """One side of a pair. What cannot be read is told in `fault`, and is not there."""

    def __init__(self, kind: Any, body: bytes | None, encoding: str) -> None:
        self._kind = kind
        self._body = framing.split(body or b"", encoding)

    @property
    def raw(self) -> tuple[bytes, ...]:
        """The bytes of each message, decompressed."""
        return self._body.messages

    @property
    def fault(self) -> str:
        """Why there may be more than could be read; else empty."""
        return self._body.fault

    @cached_property
    def messages(self) -> tuple[Any, ...]:
        """As objects of protobuf; empty for a protocol that is not known, None for each that is no such message."""
        return () if self._kind is None else tuple(protocol.parse(self._kind, each) for each in self.raw)

    @cached_property
    def tensors(self) -> tuple[Mapping[str, Array], ...]:
        """By name, for each message; without those that cannot be read. BYTES are arrays of Python's bytes."""
        return tuple(
            {each.name: each.array for each in _tensors(message) if not each.fault}
            for message in self.messages
        )


class View:
    """One pair, as `verdigris.comparators` get it; both calls ended with OK."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        """All that is known of it: service, method, metadata, statuses, latencies, colours."""

    @property
    def method(self) -> str:
        """The full method, `/package.Service/Method`."""
        return self.pair.method

    @cached_property
    def request(self) -> Messages:
        return Messages(protocol.REQUESTS.get(self.method), self.pair.request, self.pair.encoding)

    @cached_property
    def primary(self) -> Messages:
        answer = self.pair.primary
        return Messages(protocol.ANSWERS.get(self.method), answer.body, answer.encoding)

    @cached_property
    def shadow(self) -> Messages:
        answer = self.pair.shadow
        return Messages(protocol.ANSWERS.get(self.method), answer.body, answer.encoding)


def _tensors(message: Any) -> tuple[Tensor, ...]:
    if isinstance(message, protocol.REQUESTS[protocol.INFER]):
        return protocol.inputs(message)
    response = None if message is None else protocol.response_of(message)
    return () if response is None else protocol.outputs(response)
