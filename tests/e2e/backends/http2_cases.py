"""gRPC's misbehaving HTTP/2 server: one method per case, so that one server plays all of them.

    python -m tests.e2e.backends.http2_cases PORT

The cases and what a client must make of them: "Negative HTTP/2 Interop Test Case Descriptions" of gRPC. There a
server plays one case of `UnaryCall`; here the method names the case, and the messages are bytes. `report`
answers, as JSON, what only the server sees: the connections each case came on, PINGs without an answer, streams
above the limit.
"""

import asyncio
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from tests.e2e.backends.wire import (
    ACK,
    GOAWAY,
    HEADERS,
    PING,
    SETTINGS,
    Connection,
    Fields,
    Reply,
    Request,
    Stream,
    listen,
    message,
)

SERVICE: Final = "verdigris.test.Http2"
REQUEST_SIZE: Final = 271_828
ANSWER_SIZE: Final = 314_159
ANSWER: Final = message(bytes(ANSWER_SIZE))
OK: Final = ((b"grpc-status", b"0"),)
MAX_CONCURRENT_STREAMS: Final = 3
LATE: Final = 2
"""PINGs beside the trailers: a client that has its answer may close before it has answered them."""
SMALL: Final = 5
"""Bytes of a DATA frame in the padding cases: 300 KB become 15 MB of flow control."""
REPLIES: Final = {
    "goaway": Reply(OK, body=ANSWER),
    "rst_after_header": Reply(reset=0),
    "rst_during_data": Reply(body=ANSWER[: len(ANSWER) // 2], reset=0),
    "rst_after_data": Reply(body=ANSWER, reset=0),
    "ping": Reply(OK, body=ANSWER),
    "data_frame_padding": Reply(OK, body=ANSWER, piece=SMALL, padding=255),
    "no_df_padding_sanity_test": Reply(OK, body=ANSWER, piece=SMALL),
    "max_streams": Reply(OK, body=ANSWER),
}


@dataclass(slots=True)
class Witness:
    """What the server saw, over all connections."""

    connections: int = 0
    cases: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Of each case, the number of the connection that each call came on."""
    pings: int = 0
    """Sent, and not answered yet; those beside the trailers count only while their connection stands."""
    too_many: int = 0
    """Streams that were opened though MAX_CONCURRENT_STREAMS was known not to allow it."""

    def report(self) -> bytes:
        return json.dumps({"cases": self.cases, "pings": self.pings, "too_many": self.too_many}).encode()


class Misbehaving(Connection):
    """One connection; the cases that concern the whole of it are the methods here."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(self.answer)
        witness.connections += 1
        self._witness, self._number = witness, witness.connections
        self._cases: dict[int, str] = {}
        self._unacknowledged, self._limited = 1, False
        self._pings = 0

    def answer(self, request: Request) -> Reply:
        case = request.path.rpartition("/")[2]
        if case == "report":
            return Reply(OK, body=message(self._witness.report()))
        assert len(request.body) == REQUEST_SIZE + 5
        return REPLIES[case]

    def _reply(self, number: int, stream: Stream) -> None:
        case = self._cases[number] = Request(stream.fields, b"").path.rpartition("/")[2]
        self._witness.cases[case].append(self._number)
        if case == "max_streams" and not self._limited:
            self._limited, self._unacknowledged = True, self._unacknowledged + 1
            self._send(SETTINGS, 0, 0, MAX_CONCURRENT_STREAMS.to_bytes(2, "big") + (1).to_bytes(4, "big"))
        super()._reply(number, stream)

    def _end(self, number: int, reply: Reply) -> None:
        super()._end(number, reply)
        if self._cases[number] == "goaway":
            self._send(GOAWAY, 0, 0, number.to_bytes(4, "big") + bytes(4))

    def _send_fields(self, flags: int, number: int, fields: Fields) -> None:
        """Headers, or trailers; with a PING before and after."""
        pings = self._cases.get(number) == "ping"
        for _ in range(pings):
            self._ping()
        super()._send_fields(flags, number, fields)
        for _ in range(pings):
            self._ping()

    def _ping(self) -> None:
        self._count_pings(1)
        self._send(PING, 0, 0, bytes(8))

    def _count_pings(self, more: int) -> None:
        self._pings += more
        self._witness.pings += more

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._count_pings(-min(self._pings, LATE))

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == PING and flags & ACK:
            self._count_pings(-1)
        elif kind == SETTINGS and flags & ACK:
            self._unacknowledged -= 1
        elif kind == HEADERS and self._limited and not self._unacknowledged and self._streams:
            self._witness.too_many += (
                1  # request trailers, that might be HEADERS of an open stream, do not occur
            )
        super()._frame(kind, flags, number, payload)


async def serve(port: int) -> None:
    witness = Witness()
    await listen(port, lambda: Misbehaving(witness))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
