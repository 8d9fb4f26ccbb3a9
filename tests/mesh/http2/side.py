"""One stream as one peer sees it, and the bytes that messages are made of."""

import random

_PERIOD = random.Random(1).randbytes(1 << 20)
_PATTERN = _PERIOD + _PERIOD[: 1 << 14]


def content(call: int, answer: bool, at: int, size: int) -> bytes:
    """Bytes `at` to `at + size` (at most 16 384) of a call's request or answer, different for each call."""
    at = (at + call * 7919 + answer * 524_287) % (1 << 20)
    return _PATTERN[at : at + size]


class Side:
    """One stream as one peer sees it."""

    def __init__(self, stream_id: int, *, send_window: int, recv_window: int) -> None:
        self.id = stream_id
        self.call = -1
        self.send_window = send_window
        self.recv_window = recv_window
        self.heard_headers = self.heard_end = False
        self.said_headers = self.said_end = False
        self.heard_reset: int | None = None
        self.said_reset: int | None = None
        self.heard = 0
        self.said = 0
        self.used = 0
        """Bytes heard and not granted again."""
        self.widest = recv_window
        """The most this side has ever granted."""

    def __repr__(self) -> str:
        return f"<{vars(self)}>"

    @property
    def reset(self) -> bool:
        return self.heard_reset is not None or self.said_reset is not None

    @property
    def over(self) -> bool:
        return self.reset or (self.heard_end and self.said_end)
