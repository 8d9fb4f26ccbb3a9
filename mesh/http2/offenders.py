"""What the addresses of clients owe for the streams that they gave up, so that a new connection is no new allowance.

An address owes what the worst of its connections does, with what that one began with, and never their sum: behind one
there may be many clients (behind 127.0.0.1, all of them), and a connection that is there already loses nothing by what
the others do. Only what goes on where nothing was left adds up. All of it fades with time.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final

MOST: Final = 4_096
"""Addresses remembered, 200 bytes each; whoever offended longest ago is forgotten first."""
_NETWORK: Final = 64
"""Bits of an IPv6 address that name one network: its hosts may use as many addresses as they like."""


class Offenders:
    """Of one process. `rate`: what an address is forgiven in a second."""

    __slots__ = ("_debts", "_most", "_rate")

    def __init__(self, *, rate: float, most: int = MOST) -> None:
        self._debts: dict[str, tuple[float, float]] = {}
        """By address: how much it owed, and when."""
        self._most = most
        self._rate = rate

    def __len__(self) -> int:
        return len(self._debts)

    def owed(self, address: str, *, now: float) -> int:
        """By a new connection from there."""
        return int(self._debt(address, now))

    def note(self, address: str, owes: int, *, now: float) -> None:
        """One connection from there owes so much."""
        if owes > self._debt(address, now):
            self._put(address, owes, now)

    def add(self, address: str, *, now: float) -> None:
        """One connection from there went on though nothing was left to it."""
        self._put(address, self._debt(address, now) + 1, now)

    def pay(self, address: str, count: int, *, now: float) -> None:
        """One connection from there has ended, and so many of its streams had ended well."""
        if address in self._debts:
            owes = self._debt(address, now) - count
            if owes > 0:
                self._debts[address] = (owes, now)
            else:
                del self._debts[address]

    def _debt(self, address: str, now: float) -> float:
        debt, then = self._debts.get(address, (0.0, now))
        return max(0.0, debt - (now - then) * self._rate)

    def _put(self, address: str, owes: float, now: float) -> None:
        if not address:
            return
        self._debts.pop(address, None)
        self._debts[address] = (owes, now)
        if len(self._debts) > self._most:
            del self._debts[next(iter(self._debts))]


FORGETFUL: Final = Offenders(rate=0.0, most=0)
"""Remembers nobody."""


def address_of(peer: object) -> str:
    """Whom a connection's `peername` stands for; empty for nobody in particular."""
    if not isinstance(peer, tuple) or not peer:
        return ""
    try:
        address = ip_address(peer[0])
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 128 - _NETWORK << 128 - _NETWORK)}/{_NETWORK}"
