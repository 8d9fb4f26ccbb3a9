"""Who is measured, by name; a variant stands after its proxy."""

from typing import Final

from benchmarks.peers.direct import Direct
from benchmarks.peers.envoy import Envoy, EnvoyWithTLS, MirroringEnvoy, SinglySpannedEnvoy, TracedEnvoy
from benchmarks.peers.haproxy import HAProxy, HAProxyWithTLS
from benchmarks.peers.naive import NaiveRelay
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.site import Peer
from benchmarks.peers.verdigris import MirroringVerdigris, TracedVerdigris, Verdigris, VerdigrisWithTLS

PEERS: Final[tuple[Peer, ...]] = (
    Direct(),
    Verdigris(),
    TracedVerdigris(),
    MirroringVerdigris(),
    VerdigrisWithTLS(),
    Envoy(),
    TracedEnvoy(),
    SinglySpannedEnvoy(),
    MirroringEnvoy(),
    EnvoyWithTLS(),
    HAProxy(),
    HAProxyWithTLS(),
    Nginx(),
    NaiveRelay(),
)
BY_NAME: Final = {peer.name: peer for peer in PEERS}
