"""What a peer may cost us, each figure with its reason. Beyond it: the error of RFC 9113 that fits."""

from dataclasses import dataclass, fields
from math import isfinite
from typing import Final

CONNECTION_WINDOW: Final = 16 << 20
"""Bytes a client may have under way to us on one connection; refilled as they are passed on."""
UPSTREAM_WINDOW: Final = (1 << 31) - 1
"""The same for an upstream: no limit, because one connection serves many clients, and those that do not read must not
use up what the others need. What each stream may hold is bounded by its own window."""
CREDIT_STEP: Final = CONNECTION_WINDOW // 4
"""Bytes passed on before the peer is told: large steps, few frames."""
EMPTY_CONTINUATION: Final = 1_024
"""What a CONTINUATION without payload counts, or a flood of them would be free (CVE-2024-27316)."""
CLOSE_TIMEOUT: Final = 5.0
"""Seconds for what is written to reach the peer before the socket is cut."""
LINGER_TIMEOUT: Final = 1.0
"""Seconds after our last words in which we still read, and drop, what the peer says: closing a socket with bytes
unread makes TCP destroy what the peer has not read yet, our GOAWAY above all."""
LINGER_BYTES: Final = 1 << 20
"""Bytes dropped meanwhile, before a peer that goes on talking is not worth it."""
DRAIN_TIMEOUT: Final = 1.0
"""Seconds that a client has to answer the PING of a drain, before its last stream is named without it."""

BANNED: Final = 2
"""Times `reset_burst` that an address owes, when its new connections are refused: it has used up the allowance, and
come again as many times to go on. `reset_rate` forgives that too, and connections that are there already stay."""
LEAST_STREAMS: Final = 4
"""That a new connection may have open whose address owes for streams given up: a client that shares the address can
work, and the one that owes has nothing from connecting again. Each second it is allowed what has been paid since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All that can be set. Sizes in bytes, times in seconds."""

    max_connections: int = 10_000
    """Connections of clients: each costs about 10 KiB and a file descriptor."""
    max_streams: int = 1_024
    """Streams one client may have open. gRPC clients wait beyond it, or open another connection."""
    max_block: int = 65_536
    """One header block as it was sent; also the MAX_HEADER_LIST_SIZE that we announce (gRPC's own limit is 16 KiB)."""
    max_fields: int = 256
    """Fields of one header block: reading one costs up to 1 µs, however short it is."""
    max_useless_frames: int = 10_000
    """Frames at once that carry nothing of a call (SETTINGS, PING, PRIORITY, unknown types, empty DATA, what comes on
    closed streams, windows granted for nothing) before we call it a flood. Each stream opened and each millisecond that
    passed pays for one."""
    reset_burst: int = 500
    """Young streams that a client may give up, or make us reset, at once (CVE-2023-44487, CVE-2025-8671). Young: opened
    within the last second or two (Envoy's is one), because only a stream that ends at once escapes `max_streams`; and
    nothing of its response has been sent, or the client would have got something for what it cost."""
    reset_rate: float = 33.0
    """… and per second (nghttp2's figure). A stream that ends otherwise pays for one more, so clients whose deadlines
    pass now and then owe nothing. Never 0: an address that is refused can pay by nothing but time."""
    greeting_timeout: float = 10.0
    """For preface, SETTINGS and the acknowledgement of ours; until then header blocks take the slow way."""
    block_timeout: float = 10.0
    """For the rest of a frame or of a header block that has begun."""
    write_timeout: float = 60.0
    """In which a peer takes no byte of what we hold for it."""
    client_keepalive: float = 60.0
    """Of silence, after which a client is asked whether it is there."""
    keepalive_timeout: float = 20.0
    """For a client's answer to that."""
    upstream_keepalive: float = 10.0
    """Of silence of an upstream that has calls under way. gRPC servers call the third PING in a row abuse, so there are
    two at most between what it sends of calls."""
    upstream_keepalive_timeout: float = 10.0
    """For an upstream's answer; then its calls have lost their connection."""
    max_unread: int = 4 << 20
    """Anything but data that we hold for a client that does not read, before it is cut off: the header blocks of 1 024
    streams, of 4 KiB each."""
    max_unread_upstream: int = 64 << 20
    """The same for an upstream, which pauses for honest reasons while many clients call it."""
    max_unread_answers: int = 1_000
    """Acknowledgements and refusals that we hold for a peer that does not read (Envoy's limit)."""
    write_high_water: int = 262_144
    """Written but not taken by the socket, before its streams queue instead."""
    stream_window: int = 262_144
    """What the sender of one stream may have under way to us or queued here, announced as INITIAL_WINDOW_SIZE: large
    enough for a message of 64 KiB and what follows it; beyond, a window buys memory and no throughput."""
    max_queued: int = 64 << 20
    """Data that waits for one connection, before those who send it are granted nothing more."""
    max_queued_total: int = 512 << 20
    """Data that waits for all connections together, before the one that most of it waits for is cut off."""

    def __post_init__(self) -> None:
        """ValueError, naming the field and the rule."""
        for each in fields(self):
            least = _LEAST.get(each.name, 1)
            value = getattr(self, each.name)
            if not (value >= least and isfinite(value)):  # so that NaN is refused too
                raise ValueError(f"{each.name}: at least {least}, not {value}")
        if self.stream_window > _LARGEST_WINDOW:
            raise ValueError(f"stream_window: at most {_LARGEST_WINDOW}, not {self.stream_window}")


_LARGEST_WINDOW: Final = (1 << 31) - 1
_LEAST: Final = {
    "max_block": 16_384,  # one frame
    "stream_window": 65_535,  # everybody has it before anything is said
    "max_queued": 0,
    "reset_burst": 0,
    "reset_rate": 0.01,
}

DEFAULT: Final = Limits()
