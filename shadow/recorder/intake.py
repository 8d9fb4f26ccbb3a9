"""From what the data path sent to pairs: header blocks are read, credentials left out, versions filled in."""

import json
import re
from dataclasses import replace
from typing import Any, Final, NamedTuple, Self
from urllib.parse import unquote_to_bytes

from mesh import traffic as document
from mesh.http2.blocks import BadBlock, Malformed, fields
from mesh.http2.limits import DEFAULT
from mesh.traffic import Traffic
from shadow.pair import Answer, Outcome, Pair, PairId
from shadow.wire import RawPair

CREDENTIALS: Final = re.compile(
    r"(^|-)(auth|authorization|cookie|credentials?|jwt|keys?|passw(or)?d|secret|session|signature|token)(-|$)|apikey"
    r"|^x-forwarded-client-cert$"
)
"""Names of metadata that is never kept, nor is what its sender marked as never to be indexed (RFC 7541, 7.1.3): who
reads the store may know what was asked, and not become the caller."""
TWICE: Final = replace(DEFAULT, max_fields=2 * DEFAULT.max_fields, max_block=2 * DEFAULT.max_block)
"""What the data path lets pass, of headers and of trailers."""
NEVER_INDEXED: Final = 0x10
"""The first bits of such a literal (RFC 7541, 6.2.3)."""
_TRANSPORT: Final = frozenset(
    ("content-length", "content-type", "te", "traceparent", "tracestate", "user-agent", "via")
)
"""Metadata that belongs to the connection it came by, or to the trace."""


class Field(NamedTuple):
    name: str
    value: str
    never_indexed: bool


class Terms:
    """What the pairs are read by, until there are others."""

    def __init__(
        self, service: str, source: str, revision: int, traffic: Traffic, versions: dict[str, str]
    ) -> None:
        self.service = service
        self.source = source
        self.revision = revision
        self.traffic = traffic
        self.versions = versions

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The body of a TERMS message."""
        value: dict[str, Any] = json.loads(body)
        raw = value["document"]
        # Without a document nothing is mirrored, so the colour does not matter
        traffic = document.default("blue") if raw is None else document.parse(raw.encode())
        return cls(value["service"], value["source"], value["revision"], traffic, value["versions"])

    def pair(self, raw: RawPair) -> Pair:
        """The pair, as the data path saw it."""
        labels = raw.labels
        request = _fields(raw.request_block)
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
            encoding=_value(request, "grpc-encoding"),
            metadata=tuple((each.name, each.value) for each in request if _is_kept(each)),
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
        said = _fields(block)
        return Answer(
            color,
            status=status,
            message=unquote_to_bytes(_value(said, "grpc-message")).decode(errors="replace"),
            latency=latency,
            endpoint=endpoint,
            version=self.versions.get(endpoint, ""),
            encoding=_value(said, "grpc-encoding"),
            body=body,
        )


def _is_kept(field: Field) -> bool:
    name = field.name
    return not (
        name.startswith((":", "grpc-"))
        or name in _TRANSPORT
        or CREDENTIALS.search(name)
        or field.never_indexed
    )


def _fields(block: bytes) -> list[Field]:
    """A block's, or two after each other; none where it cannot be read."""
    try:
        return [
            Field(
                each.name.decode("latin-1"),
                each.value.decode("latin-1"),
                block[each.start] & 0xF0 == NEVER_INDEXED,
            )
            for each in fields(block, 0, TWICE)
        ]
    except (BadBlock, Malformed):
        return []


def _value(said: list[Field], name: str) -> str:
    """Of the first field of this name; empty if there is none."""
    return next((each.value for each in said if each.name == name), "")
