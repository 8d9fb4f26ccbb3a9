"""What a data path sends its recorder, made by hand."""

import json
from typing import Any

from mesh.http2.blocks import literal
from shadow import wire

METHOD = "/films.Films/Best"
ENDPOINT = "10.0.0.1:7"


def block(**fields: str) -> bytes:
    """A stateless header block; `_` in names stands for `-`."""
    return b"".join(literal(name.replace("_", "-").encode(), text.encode()) for name, text in fields.items())


def framed(*messages: bytes) -> bytes:
    """gRPC's length-prefixed messages, not compressed."""
    return b"".join(b"\0" + len(each).to_bytes(4) + each for each in messages)


def document(**more: Any) -> dict[str, Any]:
    return {"split": {"blue": 100}, "mirror": [{"color": "green", "percent": 100}], **more}


def terms(
    *, source: str = "here", revision: int = 5, versions: dict[str, str] | None = None, **more: Any
) -> bytes:
    """`more` goes into the traffic document."""
    value = {
        "service": "films",
        "source": source,
        "revision": revision,
        "document": json.dumps(document(**more)),
        "versions": versions or {},
    }
    return wire.terms(value)


def pair(
    number: int = 1,
    *,
    request: bytes | None = framed(b"7"),
    primary: bytes | None = framed(b'{"best": 1}'),
    shadow: bytes | None = framed(b'{"best": 1}'),
    request_block: bytes = b"",
    primary_block: bytes = b"",
    shadow_block: bytes = b"",
    outcome: str = "compared",
    reason: str = "",
    status: str = "OK",
    role: str = "shadow",
) -> bytes:
    """A PAIR message."""
    labels = wire.SEPARATOR.join(
        (METHOD, role, outcome, reason, "blue", ENDPOINT, "OK", "green", "10.0.0.2:7", status, "films")
    ).encode()
    bodies = (request, primary, shadow)
    blocks = (request_block, primary_block, shadow_block)
    lengths = [
        length
        for head, body in zip(blocks, bodies, strict=True)
        for length in (len(head), wire.LEFT_OUT if body is None else len(body))
    ]
    facts = wire.FACTS.pack(
        number, 10**18 + number, 5, -1, False, 2_000_000, 3_000_000, wire.NO_TRACE, len(labels), *lengths
    )
    parts = [facts, labels]
    for head, body in zip(blocks, bodies, strict=True):
        parts += [head, body or b""]
    return wire.message(wire.PAIR, b"".join(parts))
