"""A Consul that denies everything by default, and tokens with the policies of `deploy/consul/`."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mesh.consul import ConsulAddress
from tests.consul_agent import ConsulAgent
from tests.e2e.harness.process import CHECKOUT

DENY: Final = 'acl { enabled = true default_policy = "deny" }'
DENY_LISTS: Final = 'acl { enabled = true default_policy = "deny" enable_key_list_policy = true }'
"""Also to whoever may only read."""
POLICIES: Final = CHECKOUT / "deploy/consul"


@dataclass(frozen=True, slots=True)
class Guarded:
    """The agent's address, and the token that may do everything."""

    url: str
    management: str

    @property
    def consul(self) -> ConsulAddress:
        return ConsulAddress.parse(self.url, token=self.management)

    def token(self, role: str) -> str:
        """A new token with the one policy that `deploy/consul/ROLE.policy.hcl` describes."""
        rules = (POLICIES / f"{role}.policy.hcl").read_text()
        name = self.put("acl/policy", {"Name": role, "Rules": rules})["Name"]
        return str(self.put("acl/token", {"Policies": [{"Name": name}]})["SecretID"])

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """One question to the ACL part of the API, which the product never uses."""
        return put(self.url, path, body, self.management)


def put(url: str, path: str, body: dict[str, Any] | None = None, token: str = "") -> Any:
    request = urllib.request.Request(
        f"{url}/v1/{path}",
        method="PUT",
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Consul-Token": token},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


@contextmanager
def guarded(hcl: str = DENY) -> Iterator[Guarded]:
    """Start such an agent; its own token lets it register its node."""
    with ConsulAgent(hcl=hcl) as agent:
        management = str(put(agent.url, "acl/bootstrap")["SecretID"])
        put(agent.url, "agent/token/agent", {"Token": management}, management)
        yield Guarded(agent.url, management)
