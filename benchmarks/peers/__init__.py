"""Who is measured, in the order of the table."""

from typing import Final

from benchmarks.peers.direct import Direct
from benchmarks.peers.envoy import Envoy
from benchmarks.peers.haproxy import HAProxy
from benchmarks.peers.naive import NaiveRelay
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.site import Peer
from benchmarks.peers.verdigris import Verdigris

PEERS: Final[tuple[Peer, ...]] = (Direct(), Verdigris(), Envoy(), HAProxy(), Nginx(), NaiveRelay())
