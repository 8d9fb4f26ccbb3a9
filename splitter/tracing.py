"""Tracing of calls, cheaply: decided and numbered on the hot path, encoded off it, exported by a thread.

The data path appends a tuple per span; `splitter.spans` turns slices of them into bytes on the event loop, and a
thread gives those to the exporter. What is rare stays with the SDK: resource, sampler, exporter and their `OTEL_*`
settings (`mesh.telemetry`).
"""

import asyncio
import logging
import queue
import random
import threading
from collections import deque
from time import perf_counter_ns, time_ns
from typing import Final

from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import NonRecordingSpan as RemoteSpan
from opentelemetry.trace import SpanContext, TraceFlags, set_span_in_context

from mesh.http2.blocks import literal
from mesh.telemetry import SpanSink
from splitter.request import is_sampled
from splitter.spans import Ended, SpanEncoder, SpanKey

MAX_WAITING: Final = 65_536
"""Spans that wait for encoding; beyond it the oldest are lost and counted."""
SLICE: Final = 64
"""Spans encoded in one go on the event loop: about 0.2 ms."""
FLUSH_EVERY: Final = 0.2
MAX_BATCHES: Final = 1_024
"""Encoded slices that wait for the exporter; while its collector is away, later spans are lost and counted."""
CLOSE_WITHIN: Final = 5.0
"""Seconds that a collector has for the last spans."""

log = logging.getLogger(__name__)


class Context:
    """The trace of one call: ids as hexadecimal ASCII, as they stand in `traceparent`."""

    __slots__ = ("flags", "parent_id", "sampled", "span_id", "trace_id")

    def __init__(self, trace_id: bytes, parent_id: bytes, *, sampled: bool) -> None:
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.sampled = sampled
        self.flags = b"-01" if sampled else b"-00"
        self.span_id = b"%016x" % random.getrandbits(64)

    def leg(self) -> tuple[bytes, bytes]:
        """A new span id under the server span, and the `traceparent` field that tells it to the endpoint."""
        span_id = b"%016x" % random.getrandbits(64)
        return span_id, literal(b"traceparent", b"00-%b-%b%b" % (self.trace_id, span_id, self.flags))


class Tracer:
    """Decides per call, and keeps the finished spans until they are encoded."""

    enabled = True

    def __init__(self, *, encoder: SpanEncoder, sink: SpanSink, sampler: Sampler) -> None:
        self.waiting: deque[Ended] = deque()
        self._dropped = 0
        self._undelivered = 0
        self._sampler = sampler
        description = sampler.get_description()
        self._follows_parent = description.startswith("ParentBased{")
        root = description.removeprefix("ParentBased{root:").partition(",")[0]
        self._roots = {"AlwaysOnSampler": True, "AlwaysOffSampler": False}.get(root)
        """What the sampler says of every call without a parent; None: it has to be asked."""
        self._encoder = encoder
        self._sink = sink
        self._batches: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._export, name="span export", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Spans that nobody will see: too many waited, or the exporter could not deliver them."""
        return self._dropped + self._undelivered

    def begin(self, traceparent: bytes | None) -> Context | None:
        """The context for a call with this incoming `traceparent`; None where it passes on as it is."""
        sampled = is_sampled(traceparent) if traceparent is not None else None
        if traceparent is None or sampled is None:
            trace_id = b"%032x" % random.getrandbits(128)
            root = self._roots if self._roots is not None else self._ask(trace_id, None)
            return Context(trace_id, b"", sampled=root) if root or self._roots is None else None
        if not self._follows_parent:
            sampled = self._ask(traceparent[3:35], traceparent)
            return Context(traceparent[3:35], traceparent[36:52], sampled=sampled)
        return Context(traceparent[3:35], traceparent[36:52], sampled=True) if sampled else None

    def _ask(self, trace_id: bytes, traceparent: bytes | None) -> bool:
        parent = None
        if traceparent is not None:
            flags = TraceFlags(int(traceparent[53:55], 16))
            remote = SpanContext(
                int(trace_id, 16), int(traceparent[36:52], 16), is_remote=True, trace_flags=flags
            )
            parent = set_span_in_context(RemoteSpan(remote))
        result = self._sampler.should_sample(parent, int(trace_id, 16), "")
        return result.decision is Decision.RECORD_AND_SAMPLE

    def add(
        self,
        key: SpanKey,
        trace: Context,
        span_id: bytes,
        parent_id: bytes,
        start: int,
        end: int,
        bucket: int,
    ) -> None:
        """A span has ended; times of `perf_counter_ns`."""
        if len(self.waiting) >= MAX_WAITING:
            self.waiting.popleft()
            self._dropped += 1
        self.waiting.append(Ended(key, trace.trace_id, span_id, parent_id, start, end, bucket))

    async def run(self) -> None:
        """Encode what has ended, a slice at a time; until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            while self.waiting:
                self.encode()
                await asyncio.sleep(0)

    def encode(self) -> None:
        """Turn the oldest spans into one batch for the exporter."""
        waiting = self.waiting
        ended = [waiting.popleft() for _ in range(min(SLICE, len(waiting)))]
        if self._batches.qsize() >= MAX_BATCHES:
            self._dropped += len(ended)
        else:
            encoded = self._encoder.encode(ended, offset=time_ns() - perf_counter_ns())
            self._batches.put((len(ended), encoded))

    def _export(self) -> None:
        """The exporter's thread: one request per round, whatever has come together."""
        closing = False
        while not closing:
            batches = [self._batches.get()]
            while not self._batches.empty() and len(batches) < 16:
                batches.append(self._batches.get())
            closing = None in batches
            ready = [batch for batch in batches if batch is not None]
            if ready and not self._delivered(b"".join(encoded for _, encoded in ready)):
                self._undelivered += sum(count for count, _ in ready)
        self._sink.shutdown()

    def _delivered(self, spans: bytes) -> bool:
        try:
            return self._sink.export(self._encoder.request(spans))
        except Exception:
            log.exception("spans could not be exported")
            return False

    def close(self) -> None:
        """Encode and export what is left; waits a bounded time."""
        while self.waiting:
            self.encode()
        self._batches.put(None)
        self._thread.join(CLOSE_WITHIN)
        if self._thread.is_alive():
            self._sink.shutdown()  # ends its retries


class NoTracer:
    """Nobody wants spans: a call's own `traceparent` passes on as it is."""

    enabled = False
    lost = 0

    def begin(self, traceparent: bytes | None) -> Context | None:
        return None

    def add(
        self,
        key: SpanKey,
        trace: Context,
        span_id: bytes,
        parent_id: bytes,
        start: int,
        end: int,
        bucket: int,
    ) -> None:
        raise AssertionError("no context was begun")

    async def run(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        pass
