"""Pairs as a Parquet file, for notebooks: one row a pair, its differences inside, in the order of time.

Needs pyarrow, which the extra `parquet` brings. The file is written under another name and is there at once when it is
whole. Times are UTC; latencies are seconds.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shadow.comparison.difference import Comparison
from shadow.pair import NO_BUCKET, Answer
from shadow.store.values import Stored

if TYPE_CHECKING:
    import pyarrow

ROWS: Final = 10_000
"""Of a row group: a few MB without payloads."""
_LEG: Final = ("color", "status", "message", "endpoint", "version", "encoding")


class ExportError(Exception):
    """What was to be exported to, and what has to hold."""


def export(pairs: Iterable[Stored], file: Path, *, payloads: bool) -> int:
    """How many were written. ExportError if the file cannot be, or pyarrow is not there."""
    if find_spec("pyarrow") is None:
        raise ExportError(f"{file}: pyarrow is not installed; pip install 'verdigris[parquet]' brings it")
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetWriter

    schema = _schema(payloads)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    number = 0
    try:
        try:
            with ParquetWriter(partial, schema, compression="zstd") as writer:
                for some in _groups(pairs):
                    writer.write_batch(
                        RecordBatch.from_pylist([_row(each, payloads) for each in some], schema)
                    )
                    number += len(some)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(
            f"{file}: {error.strerror or error}; its folder must be there, with room, to be written"
        ) from error
    return number


def _groups(pairs: Iterable[Stored]) -> Iterator[Sequence[Stored]]:
    left = iter(pairs)
    while some := list(islice(left, ROWS)):
        yield some


def _schema(payloads: bool) -> "pyarrow.Schema":
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    difference = pa.struct(
        [
            ("output", pa.string()),
            ("measure", pa.string()),
            ("agrees", pa.bool_()),
            ("score", pa.float64()),
            ("figures", pa.map_(pa.string(), pa.float64())),
            ("detail", pa.string()),
        ]
    )
    legs = [
        (f"{leg}_{name}", pa.string() if name == "message" else word)
        for leg in ("primary", "shadow")
        for name in _LEG
    ]
    kept = [
        ("request", pa.binary()),
        ("primary_body", pa.binary()),
        ("shadow_body", pa.binary()),
        ("metadata", pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))),
    ]
    return pa.schema(
        [
            ("source", word),
            ("number", pa.int64()),
            *(
                (name, word)
                for name in ("service", "method", "role", "outcome", "reason", "request_encoding")
            ),
            ("at", pa.timestamp("ns", tz="UTC")),
            ("revision", pa.int64()),
            ("bucket", pa.int32()),
            ("canceled", pa.bool_()),
            ("trace_id", pa.string()),
            *legs,
            ("primary_latency", pa.float64()),
            ("shadow_latency", pa.float64()),
            ("agrees", pa.bool_()),
            ("score", pa.float64()),
            ("error", pa.string()),
            ("differences", pa.list_(difference)),
            *(kept if payloads else ()),
        ]
    )


def _row(stored: Stored, payloads: bool) -> dict[str, Any]:
    """Null where there is nothing: no comparison, no key, no trace, no body."""
    pair, comparison = stored.pair, stored.comparison
    row = {
        "source": pair.id.source,
        "number": pair.id.number,
        "service": pair.service,
        "method": pair.method,
        "role": pair.role,
        "outcome": str(pair.outcome),
        "reason": pair.reason or None,
        "request_encoding": pair.encoding or None,
        "at": pair.at,
        "revision": pair.revision,
        "bucket": None if pair.bucket == NO_BUCKET else pair.bucket,
        "canceled": pair.canceled,
        "trace_id": pair.trace_id or None,
        **_leg("primary", pair.primary),
        **_leg("shadow", pair.shadow),
        **_compared(comparison),
    }
    if payloads:
        row["request"], row["primary_body"], row["shadow_body"] = (
            pair.request,
            pair.primary.body,
            pair.shadow.body,
        )
        row["metadata"] = [{"name": name, "value": value} for name, value in pair.metadata]
    return row


def _leg(leg: str, answer: Answer) -> dict[str, Any]:
    words = {f"{leg}_{name}": getattr(answer, name) or None for name in _LEG}
    return words | {f"{leg}_latency": answer.latency / 1e9}


def _compared(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None:
        return {}
    if comparison.error:
        return {"error": comparison.error}
    differences = [
        {
            "output": each.output,
            "measure": each.measure,
            "agrees": each.agrees,
            "score": each.score,
            "figures": list(each.figures.items()),
            "detail": each.detail or None,
        }
        for each in comparison.differences
    ]
    return {"agrees": comparison.agrees, "score": comparison.score, "differences": differences}
