"""From what the data path sent to pairs: header blocks are read, credentials left out, versions filled in."""

import json
from typing import Any, Final, Self
from urllib.parse import unquote_to_bytes

from mesh import traffic as document
from mesh.http2.blocks import BadBlock, Malformed, fields
from mesh.traffic import Traffic
from shadow.pair import Answer, Outcome, Pair, PairId
from shadow.wire import RawPair

CREDENTIALS: Final = frozenset(
    ("authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key", "x-forwarded-client-cert")
)
"""Metadata that is never kept: who reads the store may know what was asked, and not become the caller."""
_TRANSPORT: Final = frozenset(
    ("content-length", "content-type", "te", "traceparent", "tracestate", "user-agent", "via")
)
"""Metadata that belongs to the connection it came by, or to the trace."""


class Terms:
    """What the pairs are read by, until there are others."""

    def __init__(self, service: str, source: str, traffic: Traffic, versions: dict[str, str]) -> None:
        self.service = service
        self.source = source
        self.traffic = traffic
        self.versions = versions

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The body of a TERMS message."""
        value: dict[str, Any] = json.loads(body)
        raw = value["document"]
        # Without a document nothing is mirrored, so the colour does not matter
        traffic = document.default("blue") if raw is None else document.parse(raw.encode())
        return cls(value["service"], value["source"], traffic, value["versions"])

    def pair(self, raw: RawPair) -> Pair:
        """The pair, as the data path saw it."""
        labels = raw.labels
        request = _metadata(raw.request_block)
        return Pair(
            PairId(self.source, raw.number),
            service=labels.service,
            method=labels.method,
            at=raw.at,
            revision=raw.revision,
            role=labels.role,
            outcome=Outcome(labels.outcome),
            reason=labels.reason,
            bucket=raw.bucket,
            trace_id=raw.trace_id,
            canceled=raw.canceled,
            request=raw.request,
            encoding=request.get("grpc-encoding", ""),
            metadata=tuple((name, value) for name, value in request.items() if _is_kept(name)),
            primary=self._answer(
                raw.primary_block,
                raw.primary,
                color=labels.primary_color,
                status=labels.primary_status,
                endpoint=labels.primary_endpoint,
                latency=raw.primary_latency,
            ),
            shadow=self._answer(
                raw.shadow_block,
                raw.shadow,
                color=labels.shadow_color,
                status=labels.shadow_status,
                endpoint=labels.shadow_endpoint,
                latency=raw.shadow_latency,
            ),
        )

    def _answer(
        self, block: bytes, body: bytes | None, *, color: str, status: str, endpoint: str, latency: int
    ) -> Answer:
        said = _metadata(block)
        return Answer(
            color,
            status=status,
            message=unquote_to_bytes(said.get("grpc-message", "")).decode(errors="replace"),
            latency=latency,
            endpoint=endpoint,
            version=self.versions.get(endpoint, ""),
            encoding=said.get("grpc-encoding", ""),
            body=body,
        )


def _is_kept(name: str) -> bool:
    return not (name.startswith((":", "grpc-")) or name in _TRANSPORT or name in CREDENTIALS)


def _metadata(block: bytes) -> dict[str, str]:
    """A block's fields; of one that repeats, values joined as HTTP joins them (RFC 9110, 5.3)."""
    found: dict[str, str] = {}
    try:
        for name, value, _, _ in fields(block):
            key, text = name.decode("latin-1"), value.decode("latin-1")
            found[key] = f"{found[key]},{text}" if key in found else text
    except (BadBlock, Malformed):  # the data path has read it before us: it was longer than our limits
        pass
    return found
