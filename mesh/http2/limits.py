"""What a peer may cost us, each figure with its reason. Beyond it: the error of RFC 9113 that fits."""

from typing import Final

CONNECTION_WINDOW: Final = 16 << 20
"""Bytes a client may have under way to us on one connection; refilled as they are passed on."""
UPSTREAM_WINDOW: Final = (1 << 31) - 1
"""The same for an upstream: no limit, because one connection serves many clients, and those that do not read must not
use up what the others need. What each stream may hold is bounded by its own window."""
CREDIT_STEP: Final = CONNECTION_WINDOW // 4
"""Bytes passed on before the peer is told: large steps, few frames."""
MAX_STREAMS: Final = 4_096
"""Streams one client may have open: bounds its queues to 4 096 × 64 KiB; gRPC clients wait beyond it."""
MAX_BLOCK: Final = 65_536
"""Largest header block, in bytes (gRPC's own hard limit is 16 KiB by default). Beyond: ENHANCE_YOUR_CALM."""
EMPTY_CONTINUATION: Final = 1_024
"""What a CONTINUATION without payload counts, or a flood of them would be free (CVE-2024-27316)."""
WRITE_HIGH_WATER: Final = 262_144
"""Bytes written but not taken by the socket before its streams queue instead."""
MAX_UNREAD_ANSWERS: Final = 1_000
"""Acknowledgements and refusals we hold for a peer that does not read (Envoy's limit)."""
MAX_UNREAD: Final = 4 << 20
"""Bytes of anything but data that we hold for a client that does not read, before we cut it off: 4 096 streams' header
blocks of 1 KiB."""
MAX_UNREAD_UPSTREAM: Final = 64 << 20
"""The same for an upstream, which pauses for honest reasons while many clients call it."""
MAX_USELESS_FRAMES: Final = 10_000
"""Frames at once that carry nothing of a call (SETTINGS, PING, PRIORITY, unknown types, empty DATA, headers and resets
of closed streams) before we call it a flood. Each stream opened and each millisecond that passed pays for one."""
CLOSE_TIMEOUT: Final = 5.0
"""Seconds for what is written to reach the peer before the socket is cut."""
