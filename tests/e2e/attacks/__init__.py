"""What hostile peers do to a server of HTTP/2: an attack has a name and `run(host, port, stop) -> Outcome`."""

from tests.e2e.attacks import blocks, crowd, floods, nonsense, patience, resets
from tests.e2e.attacks.hostile import Attack, Outcome

ATTACKS: tuple[Attack, ...] = (
    *resets.ATTACKS,
    *blocks.ATTACKS,
    *floods.ATTACKS,
    *nonsense.ATTACKS,
    *patience.ATTACKS,
    *crowd.ATTACKS,
)

__all__ = ["ATTACKS", "Attack", "Outcome"]
