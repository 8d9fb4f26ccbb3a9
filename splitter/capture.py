"""What is kept of a mirrored call for its pairs: the request, and what each leg answers, as it passes.

Nothing is read here but lengths: the bytes are kept by reference, put together once when both answers are there, and
offered to the recorder's outbox. Hot where everything is mirrored: about 4 µs a pair, compiled.
"""

from struct import Struct
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from mesh import contract
from shadow.wire import FACTS, LEFT_OUT, NO_TRACE, PAIR, PREFIX, SEPARATOR
from splitter.kept import KEPT_LEAST
from splitter.outbox import Outbox
from splitter.outcome import COMPARED, COMPLETED, DROPPED

if TYPE_CHECKING:
    from splitter.call import Call
    from splitter.shadowcall import ShadowCall

MAX_CAPTURED: Final = 32 << 20
"""Bytes captured of calls under way, all together; beyond it pairs lose their bodies (`bytes`)."""
_LABELS: Final = 4_096
"""Different labels that are remembered."""

# Why a pair has no bodies, or is none
TOO_LARGE: Final = "too_large"
BYTES: Final = "bytes"
CANCELED: Final = "canceled"
FALLBACK: Final = "fallback"
"""The primary was answered by another colour after all: by the shadow's own, or, of noise, by any other."""
NOT_SAMPLED: Final = "not_sampled"
RECORDER_FULL: Final = "recorder_full"
OVER: Final = "over"
"""The pair is made: what a call still carries (of a request that was answered early) is nobody's."""


_HEAD: Final = Struct(PREFIX.format + FACTS.format.lstrip("<")).pack
_FACTS: Final = FACTS.size
_PREFIX: Final = PREFIX.size


class Said:
    """The header blocks and the body of one side of a call. Almost all bodies are one frame, so that has no list."""

    __slots__ = ("block", "captures", "cost", "first", "lost", "rest", "size")

    def __init__(self, captures: "Captures", block: bytes) -> None:
        self.captures = captures
        self.block = block
        self.first = b""
        self.rest: list[bytes] | None = None
        self.size = 0
        self.cost = 0
        """What it counts of what all may hold: a piece costs at least `KEPT_LEAST`."""
        self.lost = ""
        """Why the body is not kept."""

    def add(self, payload: bytes, largest: int) -> None:
        """More of the body."""
        if self.lost:
            return
        captures = self.captures
        size = len(payload)
        cost = size if size > KEPT_LEAST else KEPT_LEAST
        self.size += size
        self.cost += cost
        captures.size += cost
        if self.size > largest:
            self.lose(TOO_LARGE)
        elif captures.size > captures.limit:
            self.lose(BYTES)
        elif not self.first:
            self.first = payload
        elif self.rest is None:
            self.rest = [payload]
        else:
            self.rest.append(payload)

    def put(self, room: bytearray) -> None:
        """Write it down: block, body."""
        room += self.block
        room += self.first
        if self.rest is not None:
            for payload in self.rest:
                room += payload

    @property
    def length(self) -> int:
        """Of the body, as a pair says it."""
        return LEFT_OUT if self.lost else self.size

    def lose(self, reason: str) -> None:
        """Keep nothing of the body, whatever still comes."""
        self.lost = self.lost or reason
        self.captures.size -= self.cost
        self.size = self.cost = 0
        self.first = b""
        self.rest = None


class Capture:
    """One mirrored call: its request and its primary answer, until the last of its shadows has ended."""

    __slots__ = (
        "answer", "at", "bucket", "canceled", "captures", "color", "ended", "endpoint", "finished", "largest",
        "latency", "open", "path", "request", "revision", "started", "status", "trace_id",
    )  # fmt: skip

    def __init__(self, captures: "Captures", call: "Call", largest: int) -> None:
        self.captures = captures
        self.request = Said(captures, call.block)
        self.answer = Said(captures, b"")
        self.largest = largest
        """Bytes of a body that are kept."""
        self.path = call.path
        self.revision = call.table.revision
        self.bucket = call.bucket
        trace = call.trace
        self.trace_id = trace.trace_id if trace is not None and trace.sampled else NO_TRACE
        self.started = call.started
        self.at = 0
        """Unix time in ns when it began, the same for all its pairs; 0 before the first."""
        self.ended = False
        """The primary has ended."""
        self.canceled = False
        self.status = self.color = self.endpoint = ""
        self.latency = 0
        self.open = 0
        """Shadows that have not ended."""
        self.finished: list[tuple[ShadowCall, str, str, int]] | None = None
        """Shadows that ended before the primary: outcome, detail, latency."""

    def begin(self, shadow: "ShadowCall") -> None:
        """This shadow's answer will be one of a pair."""
        shadow.capture = self
        shadow.answer = Said(self.captures, b"")
        self.open += 1

    def on_primary_end(self, call: "Call", status: str) -> None:
        """What the caller got is complete."""
        self.latency = perf_counter_ns() - self.started
        self.status = status
        self.canceled = status == "CANCELLED" and not call.sent_end
        self.color = call.target.color
        self.endpoint = call.pool.name if call.attempts else ""
        self.ended = True
        if self.finished is not None:
            for shadow, outcome, detail, latency in self.finished:
                self._emit(shadow, outcome, detail, latency)
            self.finished = None
        self._let_go()

    def on_shadow_end(self, shadow: "ShadowCall", outcome: str, detail: str) -> None:
        """What this shadow said is complete, or there will be no more of it."""
        latency = perf_counter_ns() - shadow.started
        if self.ended or outcome == DROPPED:
            self._emit(shadow, outcome, detail, latency)
        elif self.finished is None:
            self.finished = [(shadow, outcome, detail, latency)]
        else:
            self.finished.append((shadow, outcome, detail, latency))

    def _emit(self, shadow: "ShadowCall", outcome: str, detail: str, latency: int) -> None:
        captures, request, answer, said = self.captures, self.request, self.answer, shadow.answer
        if said is None:
            return
        reason, status = detail, ""
        if outcome == COMPLETED:
            reason, status = request.lost or answer.lost or said.lost, detail
            if self.canceled:
                reason = CANCELED
            elif (self.color == shadow.color) != (shadow.role == contract.ROLE_NOISE):
                reason = FALLBACK
            outcome = DROPPED if reason else COMPARED
        if outcome == DROPPED and not status:  # it never had a chance to answer
            captures.outbox.count(shadow.color, shadow.role, self.revision, outcome, reason)
        else:
            self._put(shadow, said, outcome, reason, status, latency)
        said.lose(OVER)
        self.open -= 1
        self._let_go()

    def _let_go(self) -> None:
        if self.ended and not self.open:
            self.request.lose(OVER)
            self.answer.lose(OVER)

    def _put(
        self, shadow: "ShadowCall", said: Said, outcome: str, reason: str, status: str, latency: int
    ) -> None:
        captures, request, answer = self.captures, self.request, self.answer
        outbox = captures.outbox
        labels = captures.labels(self, shadow, outcome, reason, status)
        length = _FACTS + len(labels) + len(request.block) + request.size
        length += len(answer.block) + answer.size + len(said.block) + said.size
        room = outbox.room(_PREFIX + length)
        if room is None:
            outbox.count(shadow.color, shadow.role, self.revision, DROPPED, RECORDER_FULL)
            return
        outbox.number += 1
        if not self.at:
            self.at = self.started + outbox.epoch
        room += _HEAD(
            length,
            PAIR,
            outbox.number,
            self.at,
            self.revision,
            self.bucket,
            self.canceled,
            self.latency,
            latency,
            self.trace_id,
            len(labels),
            len(request.block),
            request.length,
            len(answer.block),
            answer.length,
            len(said.block),
            said.length,
        )
        room += labels
        request.put(room)
        answer.put(room)
        said.put(room)


class Captures:
    """What all captures of a data path share."""

    def __init__(self, service: str, outbox: Outbox, *, limit: int = MAX_CAPTURED) -> None:
        self.service = service
        self.outbox = outbox
        self.limit = limit
        self.size = 0
        """Bytes captured of calls under way, at least `KEPT_LEAST` a piece."""
        self._labels: dict[tuple[bytes, str, str, str, str, str, str, str, str, str], bytes] = {}

    def labels(self, capture: Capture, shadow: "ShadowCall", outcome: str, reason: str, status: str) -> bytes:
        """`wire.Labels`, encoded: pairs by the million have a handful."""
        key = (
            capture.path, shadow.role, outcome, reason, capture.color, capture.endpoint, capture.status,
            shadow.color, shadow.pool.name, status,
        )  # fmt: skip
        known = self._labels.get(key)
        if known is None:
            texts = (key[0].decode("latin-1"), *key[1:], self.service)
            known = SEPARATOR.join(texts).encode()
            if len(self._labels) >= _LABELS:
                self._labels.clear()
            self._labels[key] = known
        return known
