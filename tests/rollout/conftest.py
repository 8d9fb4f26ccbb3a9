"""What the command's tests may ask for: a real Consul, a service of their own in it, and the command itself."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mesh import contract
from mesh.consul import Consul, ConsulAddress
from rollout.cli import verdigris
from tests.consul_agent import ConsulAgent, consul_binary

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def consul_agent() -> Iterator[ConsulAgent]:
    """One agent for all tests here; each test has a service of its own in it."""
    if consul_binary() is None:
        pytest.skip("needs a Consul agent: make consul")
    with ConsulAgent() as agent:
        yield agent


@pytest.fixture
async def consul(consul_agent: ConsulAgent) -> AsyncIterator[Consul]:
    async with Consul(ConsulAddress.parse(consul_agent.address)) as consul:
        yield consul


@dataclass(frozen=True, slots=True)
class Site:
    """A service in a Consul, and the command that operates it."""

    address: str
    service: str
    consul: Consul

    async def run(self, *words: str, env: dict[str, str | None] | None = None) -> Result:
        """`verdigris WORDS`, in a thread of its own, as it runs in a process of its own."""
        settings = {"VERDIGRIS_CONSUL_ADDR": self.address, "COLUMNS": "100", **(env or {})}
        return await asyncio.to_thread(CliRunner(env=settings).invoke, verdigris, list(words))

    async def ask(self, *words: str) -> Any:
        """The answer of `verdigris WORDS --json`, whatever the exit code."""
        return json.loads((await self.run(*words, "--json")).stdout)

    async def put(self, raw: bytes) -> int:
        """Somebody edits the key in Consul; its revision."""
        key = contract.traffic_key(self.service)
        assert await self.consul.put(key, raw)
        entry = (await self.consul.get(key)).value
        assert entry is not None
        return entry.revision

    async def seen(self, revision: int) -> None:
        """Return when a sidecar has told the history of this revision. One that was replaced before a sidecar
        asked for it never gets there: Consul tells of the latest only.
        """
        key = contract.history_key(self.service, revision)
        answer = await self.consul.get(key)
        while answer.value is None:
            answer = await self.consul.get(key, index=answer.index, wait=30)

    async def document(self) -> Any:
        entry = (await self.consul.get(contract.traffic_key(self.service))).value
        return json.loads(entry.value) if entry else None

    async def register(self, color: str, *, port: int = 1) -> None:
        await self.consul.register(
            id=f"{self.service}-{color}",
            service=self.service,
            address="127.0.0.1",
            port=port,
            tags=(color, contract.TAG),
            meta={contract.META_MODEL: "films", contract.META_MODEL_VERSION: "3"},
            grpc_check=None,
        )


@pytest.fixture
async def site(consul_agent: ConsulAgent, consul: Consul) -> AsyncIterator[Site]:
    """A service that nobody else uses; whatever it left in Consul is taken out."""
    site = Site(consul_agent.address, f"service-{next(_numbers)}", consul)
    yield site
    for instance in (await consul.instances(site.service)).value:
        await consul.deregister(instance.id)
    await consul.delete(f"{contract.KEY_ROOT}/{site.service}/", recurse=True)
