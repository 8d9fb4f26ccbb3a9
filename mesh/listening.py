"""An address that cannot be listened on, in the operator's words: the option, its value, and what the system says."""

import os

from mesh.address import Address


class CannotListen(OSError):
    """`option` gave this address, and the system refuses it: taken, not permitted, not ours, or an unknown host."""

    def __init__(self, option: str, address: Address, error: OSError) -> None:
        super().__init__(f"{option} {str(address)!r}: cannot listen there: {_said(error)}")


def _said(error: OSError) -> str:
    """The system's words. Event loops put words of their own around them; what the resolver says has no errno."""
    number = error.errno
    text = os.strerror(number) if number is not None and number > 0 else error.strerror or str(error)
    return text[:1].lower() + text[1:]
