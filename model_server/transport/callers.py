"""Which callers are served, by the names in their certificates.

That a certificate is of the right CA is settled in the handshake; gRPC for Python has no place there for names, so
each call is asked. Health is not: Consul and Kubernetes probe with certificates of their own.
"""

from typing import Any

from mesh.tls_peer import stranger
from model_server.errors import ForbiddenError

_KINDS = (("DNS", "peer_dns"), ("URI", "peer_uri"))
"""What gRPC's authentication context calls them."""


class Callers:
    """`names`: DNS names and URIs, one of which a caller's certificate has to name; none: everybody is served."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def check(self, context: Any) -> None:
        """ForbiddenError if this call is from somebody else."""
        if not self._names:
            return
        proved = context.auth_context()
        shown = [
            (kind, each.decode("utf-8", "replace")) for kind, key in _KINDS for each in proved.get(key, ())
        ]
        why = stranger(shown, self._names)
        if why is not None:
            raise ForbiddenError(f"client refused: {why}")
