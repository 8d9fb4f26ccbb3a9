"""Keeps one instance registered in Consul for as long as it serves, and takes it out when it stops serving.

No polling: a blocking query on the service's instances tells when ours is not among them, which is so at the
start, after an agent lost its memory, and after Consul reaped us. Consul being away changes nothing but the
log: both the query and the registration are tried again with back-off.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from mesh import contract
from mesh.address import Address
from mesh.consul import Answer, CheckTLS, Consul, ConsulError, Instance
from mesh.follow import follow
from model_server.models import Model

log = logging.getLogger(__name__)

FIRST_BACK_OFF: Final = 0.2
LAST_BACK_OFF: Final = 10.0
"""Seconds between attempts to register, doubled on every failure in a row; between half and all is slept."""

LONGEST_META: Final = 512
"""Bytes of a value of a service's meta (Consul's structs.metaValueMaxLength)."""
AND_MORE: Final = "..."

Sight: TypeAlias = tuple[int, tuple[Instance, ...]]
"""How often we had registered, and which instances were there afterwards."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is registered: one instance of a service, in one colour, at one address."""

    service: str
    color: str
    address: str
    port: int
    models: tuple[Model, ...] = ()

    @property
    def id(self) -> str:
        """One address is one instance. The colour stays out of it, and so does anything random: whoever
        starts on an address replaces what a crashed predecessor left in Consul, whose health check would
        otherwise find the newcomer and call the predecessor, with its colour, healthy.
        """
        return f"{self.service}-{self.address}-{self.port}"

    @property
    def tags(self) -> tuple[str, ...]:
        return (self.color, contract.TAG)

    @property
    def meta(self) -> dict[str, str]:
        return {
            contract.META_MODEL: _listed(model.name for model in self.models),
            contract.META_MODEL_VERSION: _listed(model.version for model in self.models),
            contract.META_PROTOCOL: contract.PROTOCOL_OIP,
        }

    def is_in(self, instance: Instance) -> bool:
        """Whether this is our registration, as we would write it."""
        return (
            (instance.id, instance.address, instance.port) == (self.id, self.address, self.port)
            and set(instance.tags) == set(self.tags)
            and instance.meta == self.meta
        )


def _listed(names: Iterable[str]) -> str:
    """With commas; what is too much for Consul is left out, because it would refuse the registration."""
    text = ",".join(names)
    if len(text.encode()) <= LONGEST_META:
        return text
    room = LONGEST_META - len(f",{AND_MORE}")
    return text.encode()[: room + 1].decode(errors="ignore").rpartition(",")[0] + f",{AND_MORE}"


class Registration(Protocol):
    async def keep(self) -> None:
        """Register, and again whenever the registration is lost; runs until cancelled."""

    def models_changed(self, models: tuple[Model, ...]) -> None:
        """These are served from now on: register them in the place of the others."""

    async def withdraw(self, timeout: float) -> None:
        """Stay out of Consul from now on; takes at most `timeout` seconds and never fails."""


class Unregistered:
    """Consul is not used."""

    async def keep(self) -> None:
        pass

    def models_changed(self, models: tuple[Model, ...]) -> None:
        pass

    async def withdraw(self, timeout: float) -> None:
        pass


class ConsulRegistration:
    """One `Identity` in one Consul. `keep` runs once."""

    def __init__(
        self,
        consul: Consul,
        identity: Identity,
        *,
        check_tls: CheckTLS | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._consul = consul
        self._identity = identity
        self._check_tls = check_tls
        self._sleep = sleep
        self._jitter = jitter
        self._missing = asyncio.Event()
        self._writing = asyncio.Lock()
        self._registrations = 0
        self._withdrawn = False
        self._unreachable = False

    async def keep(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow(self._ask, publish=self._seen, on_error=self._tell))
            tasks.create_task(self._register_when_missing())

    def models_changed(self, models: tuple[Model, ...]) -> None:
        before, self._identity = self._identity, replace(self._identity, models=models)
        if before.meta != self._identity.meta:
            self._missing.set()

    async def withdraw(self, timeout: float) -> None:
        self._withdrawn = True
        try:
            # A registration that is on its way must not arrive after the deregistration
            async with asyncio.timeout(timeout), self._writing:
                await self._consul.deregister(self._identity.id)
        except (ConsulError, TimeoutError) as error:
            # Consul finds out by itself: the check fails within its interval
            log.warning("not deregistered: %s", str(error) or f"no answer within {timeout:g} s")
        else:
            log.info("deregistered %s", self._identity.id)

    async def _ask(self, *, index: int | None, wait: float) -> Answer[Sight]:
        """With the number of registrations before the question. `follow` publishes what is new, and after each
        registration it is news that we are not there: also where Consul lost us before we were ever seen.
        """
        registrations = self._registrations
        answer = await self._consul.instances(self._identity.service, index=index, wait=wait)
        return Answer(answer.index, (registrations, answer.value))

    def _seen(self, sight: Sight, restarted: bool) -> None:
        registrations, instances = sight
        self._unreachable = False
        there = any(map(self._identity.is_in, instances))
        if restarted and not there:
            log.warning("Consul lost its data; registering again")
        # The first time in any case: what is there may be a predecessor's, with its failed check
        if not there or not registrations:
            self._missing.set()

    def _tell(self, error: Exception) -> None:
        """Told once for each outage, not for each attempt."""
        if not self._unreachable:
            self._unreachable = True
            log.warning("%s; serving on, and trying again", error)

    async def _register_when_missing(self) -> None:
        while True:
            await self._missing.wait()
            self._missing.clear()
            back_off = FIRST_BACK_OFF
            while not await self._register():
                await self._sleep(back_off * (1 + self._jitter()) / 2)
                back_off = min(back_off * 2, LAST_BACK_OFF)

    async def _register(self) -> bool:
        """Whether there is nothing left to do."""
        identity = self._identity
        async with self._writing:
            if self._withdrawn:
                return True
            try:
                await self._consul.register(
                    id=identity.id,
                    service=identity.service,
                    address=identity.address,
                    port=identity.port,
                    tags=identity.tags,
                    meta=identity.meta,
                    grpc_check=str(Address(identity.address, identity.port)),
                    check_tls=self._check_tls,
                )
            except ConsulError as error:
                self._tell(error)
                return False
        self._registrations += 1
        self._unreachable = False
        log.info("registered %s as %s", identity.id, identity.color)
        return True
