"""The splitter, with a real Consul beside it."""

import json
import sys
import urllib.request

from benchmarks.peers.site import SPLIT, Site, Target, first_line, program
from benchmarks.process import HOST
from tests.consul_agent import ConsulAgent, consul_binary


class Verdigris:
    """The splitter, with a real Consul that holds the endpoints and the traffic document."""

    name = "verdigris"
    service = "benchmark"

    def missing(self) -> str | None:
        if program("splitter") is None:
            return "no command splitter beside this Python (make setup)"
        return None if consul_binary() else "no Consul (make consul)"

    def version(self) -> str:
        return (
            f"commit {first_line('git', 'describe', '--always', '--dirty')}, Python {sys.version.split()[0]}"
        )

    def start(self, site: Site) -> Target:
        consul = site.stack.enter_context(ConsulAgent())
        for color in SPLIT:
            instance = {"ID": f"echo-{color}", "Name": self.service, "Tags": ["verdigris", color]}
            at = {"Address": HOST, "Port": site.backend}
            _put(f"{consul.url}/v1/agent/service/register", instance | at)
        _put(f"{consul.url}/v1/kv/verdigris/{self.service}/traffic", {"split": SPLIT})
        port, admin = site.port(), site.port()
        argv = [str(program("splitter")), "--service", self.service, "--listen", f"{HOST}:{port}"]
        argv += ["--consul-addr", consul.address, "--admin", f"{HOST}:{admin}", "--default-color", "blue"]
        argv += ["--state-dir", str(site.directory / "verdigris-state")]
        env = {"OTEL_TRACES_EXPORTER": "none"}
        return site.run(self.name, argv, port=port, env=env)


def _put(url: str, document: object) -> None:
    request = urllib.request.Request(url, data=json.dumps(document).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=10).close()
