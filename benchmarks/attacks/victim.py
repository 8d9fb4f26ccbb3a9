"""Who is attacked: a peer as elsewhere, the splitter with limits that can be waited for."""

import re
import urllib.request
from collections import Counter
from collections.abc import Sequence
from typing import Final

from benchmarks.peers.envoy import Envoy
from benchmarks.peers.haproxy import HAProxy
from benchmarks.peers.site import SPLIT, Peer, Site, Target
from benchmarks.peers.verdigris import Verdigris, help_text
from benchmarks.process import HOST

LIMITS: Final = (
    "max_connections=500",
    "greeting_timeout=1",
    "block_timeout=1",
    "write_timeout=1",
    "client_keepalive=1",
    "keepalive_timeout=1",
)
"""The defaults are 10 000 connections, and 10 to 60 s."""
FAULT: Final = re.compile(r"^verdigris_connection_faults_total\{(.*)\} (\S+)$", re.MULTILINE)
LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


class ImpatientVerdigris(Verdigris):
    """The splitter with short limits, where it has an option for them."""

    def start(self, site: Site) -> Target:
        options: Sequence[str] = ()
        if "--limit " in help_text():
            options = [text for limit in LIMITS for text in ("--limit", limit)]
        return self._run(site, dict.fromkeys(SPLIT, site.backend), {"split": SPLIT}, options=options)


VICTIMS: Final[dict[str, Peer]] = {peer.name: peer for peer in (ImpatientVerdigris(), Envoy(), HAProxy())}


def faults(target: Target) -> Counter[str]:
    """Connections that the splitter has ended for their client's fault so far, by reason; others do not say."""
    if target.admin is None:
        return Counter()
    with urllib.request.urlopen(f"http://{HOST}:{target.admin}/metrics", timeout=10) as answer:
        return parse_faults(answer.read().decode())


def parse_faults(page: str) -> Counter[str]:
    """Of a page of metrics."""
    found: Counter[str] = Counter()
    for text, count in FAULT.findall(page):
        labels = dict(LABEL.findall(text))
        if labels["side"] == "client":
            found[labels["reason"]] += int(float(count))
    return found
