"""The trace file: spans as OTLP/JSON lines, appended by several processes, bounded, and read again.

The promise: a line is one export request, written by one `write` under a lock, whole or not at all; past
`max_bytes` the file becomes `NAME.1` (the one before is gone) and a new one begins, so traces never take
more than twice that. Left out: an index. Reading is for a person who looks at a trace.
"""

import contextlib
import fcntl
import logging
import mmap
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mesh.otlp_json import Span, from_json, to_json

__all__ = ["MAX_BYTES", "Span", "TraceFile", "read_spans", "rotated"]

MAX_BYTES: Final = 64 * 1024 * 1024

log = logging.getLogger(__name__)


def rotated(path: Path) -> Path:
    """Where the file's older half is."""
    return path.with_name(f"{path.name}.1")


class TraceFile:
    """A `mesh.span_sink.SpanSink`. Thread-safe; it opens, and makes its directory, when first written to."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._file: int | None = None
        self._closed = False
        self._failing = False

    def __repr__(self) -> str:
        return f"TraceFile({str(self.path)!r})"

    def export(self, request: ExportTraceServiceRequest) -> bool:
        """Append the request; False if that failed, which is logged once until it works again."""
        try:
            self.write_request(request)
        except OSError as error:
            if not self._failing:
                log.error("traces cannot be written to %s: %s", self.path, error)
            self._failing = True
            return False
        self._failing = False
        return True

    def write_request(self, request: ExportTraceServiceRequest) -> None:
        """Append the request as one line; OSError if it cannot be, and then nothing of it stays."""
        line = to_json(request).encode() + b"\n"
        with self._lock:
            if self._closed:
                raise OSError("the trace file is closed")
            file, size = self._locked(len(line))
            try:
                _write_all(file, line)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(file, size)
                raise
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)

    def shutdown(self) -> None:
        """Close the file; later spans are refused. Safe to call twice."""
        with self._lock:
            self._closed = True
            self._close()

    def _locked(self, more: int) -> tuple[int, int]:
        """The current file, locked and with room for `more` bytes, and its size."""
        while True:
            file = self._open()
            fcntl.flock(file, fcntl.LOCK_EX)
            mine = os.fstat(file)
            try:
                current = os.path.samestat(mine, os.stat(self.path))
            except FileNotFoundError:
                current = False
            if current:
                if not mine.st_size or mine.st_size + more <= self.max_bytes:
                    return file, mine.st_size
                os.replace(self.path, rotated(self.path))
            self._close()  # rotated, by us or by another process; closing unlocks

    def _open(self) -> int:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._file

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _write_all(file: int, data: bytes) -> None:
    # A regular file takes it whole unless the disk is full; then the second write says so
    while data:
        data = data[os.write(file, data) :]


def read_spans(path: Path, *, trace_id: str | None = None, newest_first: bool = False) -> Iterator[Span]:
    """Every span of the file and its older half, or of one trace, in order of writing or the reverse.

    A file that is not there has no spans; a line that is no request (one being written, say) is passed over.
    """
    wanted = None if trace_id is None else trace_id.lower()
    needle = b"" if wanted is None else wanted.encode()
    files = (path, rotated(path)) if newest_first else (rotated(path), path)
    for file in files:
        for line in _lines(file, newest_first):
            if needle not in line:  # most lines of a big file, unread
                continue
            try:
                spans = list(from_json(line))
            except ValueError:
                continue
            for span in reversed(spans) if newest_first else spans:
                if wanted is None or span.trace_id == wanted:
                    yield span


def _lines(path: Path, newest_first: bool) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if not newest_first:
                yield from file
            elif os.fstat(file.fileno()).st_size:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                    yield from _backwards(text)
    except FileNotFoundError:
        return


def _backwards(text: mmap.mmap) -> Iterator[bytes]:
    end = len(text)
    while end > 0:
        start = text.rfind(b"\n", 0, end - 1) + 1
        yield text[start:end]
        end = start
