"""A client made of HTTP/2 alone, for calls that no gRPC client would send; one connection, one call at a time."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import h2.config
import h2.connection
import h2.events

METHOD = "/inference.GRPCInferenceService/ModelInfer"
PROPER = {
    ":method": "POST",
    ":scheme": "http",
    ":path": METHOD,
    ":authority": "test",
    "te": "trailers",
    "content-type": "application/grpc",
}
PATIENCE = 20.0


def framed(message: bytes, *, flag: int = 0, length: int | None = None) -> bytes:
    """As gRPC frames it, or with another flag (0: not compressed), or another length than it has."""
    return bytes([flag]) + (len(message) if length is None else length).to_bytes(4, "big") + message


@dataclass(frozen=True, slots=True)
class Answer:
    """All headers and trailers, the body, and the code of the reset if the stream ended with one."""

    headers: Mapping[str, str]
    body: bytes
    reset: int | None

    @property
    def status(self) -> str:
        """gRPC's, or HTTP's if there is none."""
        return self.headers.get("grpc-status", "HTTP " + self.headers.get(":status", "none"))


class Connection:
    """`with Connection(port) as connection:`; an answer is waited for, and the server's windows are large enough."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        # What a strict client would refuse to send is what we are here for
        self._http2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
            )
        )

    def call(self, body: bytes, *, without: str = "", **headers: str) -> Answer:
        """Proper headers but for those given (`content_type=…`, `_path` for `:path`) and the one left out."""
        return self._answer(self.send(body, without=without, **headers))

    def send(self, body: bytes, *, without: str = "", **headers: str) -> int:
        """As `call`, for what may never be answered; the stream's number."""
        fields = PROPER | {
            (f":{name[1:]}" if name[0] == "_" else name).replace("_", "-"): value
            for name, value in headers.items()
        }
        fields.pop(without, None)
        stream = self._http2.get_next_available_stream_id()
        self._http2.send_headers(stream, list(fields.items()), end_stream=not body)
        if body:
            self._http2.send_data(stream, body, end_stream=True)
        self._flush()
        return stream

    def _answer(self, stream: int) -> Answer:
        headers: dict[str, str] = {}
        body = b""
        while True:
            data = self.socket.recv(65_536)
            if not data:
                raise ConnectionError(f"closed by the server, which had said {headers}")
            for event in self._http2.receive_data(data):
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                    headers |= {str(name): str(value) for name, value in event.headers or ()}
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                elif isinstance(event, h2.events.StreamEnded):
                    self._flush()
                    return Answer(headers, body, None)
                elif isinstance(event, h2.events.StreamReset):
                    self._flush()
                    return Answer(headers, body, int(event.error_code or 0))
            self._flush()

    def _flush(self) -> None:
        self.socket.sendall(self._http2.data_to_send())

    def __enter__(self) -> Self:
        self._http2.initiate_connection()
        self._flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()
