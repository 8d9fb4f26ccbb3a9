"""Echoes the messages of a call and tells in a trailer exactly what of it arrived on the wire.

    python -m tests.e2e.backends.witness PORT

`x-seen-bin` is JSON: every header field in order, and the compressed flag and size of every message. The
other metadata of the answer has what a proxy may lose: duplicates apart from each other, binary values,
order, percent signs in the status message, status details. `/Refuse` answers with trailers alone.
"""

import asyncio
import base64
import json
import sys
from typing import Final

from tests.e2e.backends.wire import Reply, Request, message, serve

EVERY_BYTE: Final = base64.b64encode(bytes(range(256))).rstrip(b"=")
METADATA: Final = (
    (b"x-twice", b"first"),
    (b"x-between", b""),
    (b"x-twice", b"second"),
    (b"x-bytes-bin", EVERY_BYTE),
    (b"x-bytes-bin", b"AAE"),
    (b"x-long", b"v" * 1000),
)


def answer(request: Request) -> Reply:
    """The messages as they came, or one that is empty; the status that `x-code` asks for."""
    asked = dict(request.fields)
    seen = {
        "fields": [[name.decode(), value.decode("latin-1")] for name, value in request.fields],
        "messages": [[compressed, len(data)] for compressed, data in request.messages()],
    }
    status = (
        (b"grpc-status", asked.get(b"x-code", b"0")),
        (b"grpc-message", b"50%25 of it, %E2%82%AC%0A"),
        (b"grpc-status-details-bin", EVERY_BYTE),
        (b"x-seen-bin", base64.b64encode(json.dumps(seen).encode()).rstrip(b"=")),
    )
    if request.path.endswith("/Refuse"):
        return Reply((*status, *METADATA), alone=True)
    encoding = tuple(each for each in request.fields if each[0] == b"grpc-encoding")
    # Without any message, grpc.aio now and then shows no initial metadata
    body = request.body or message(b"")
    return Reply((*METADATA, *status), initial=(*METADATA, *encoding), body=body)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), answer))
