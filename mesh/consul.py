"""Typed one-shot questions to Consul: each call asks once and returns values or raises ConsulError.

The promise: values stay bytes, every failure is one type that names the address, the question and the
reason, a token travels only in a header and appears in no message, and a call ends (a blocking one after its
wait and a margin). Left out on purpose: loops, retries and back-off, which are `mesh.follow`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import consul

from mesh.consul_http import Agent, ConsulAddress, ConsulError, DeniedError, SessionLostError, read_token

__all__ = [
    "Answer",
    "CheckTLS",
    "Consul",
    "ConsulAddress",
    "ConsulError",
    "DeniedError",
    "Entry",
    "Instance",
    "SessionLostError",
    "read_token",
]

T_co = TypeVar("T_co", covariant=True)

LONGEST_WAIT: Final = 600.0
"""Seconds; Consul caps a blocking query at ten minutes (API docs, "Blocking Queries")."""
SESSION_TTL: Final = (10, 86_400)
"""Seconds; what Consul accepts for a session."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key: its value, its ModifyIndex, and the session that holds it."""

    key: str
    value: bytes
    revision: int
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One registered instance; `address` is the service's own, or its node's when it gave none."""

    id: str
    address: str
    port: int
    tags: tuple[str, ...]
    meta: Mapping[str, str]
    passing: bool
    """All checks of the instance and of its node pass; one without any check passes."""


@dataclass(frozen=True, slots=True)
class CheckTLS:
    """How Consul's own check of an instance speaks TLS. Consul believes the CAs of its system, or with
    `enable_agent_tls_for_checks` its `ca_file`, and shows its certificate only then.

    `server_name` is what the instance's certificate names, if not its address; Consul 1.8 does not know it, refuses
    the registration, and expects the address (where it shows a certificate: its own `server_name`).
    """

    server_name: str | None = None
    skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """A value and the index to ask with next (`X-Consul-Index`)."""

    index: int
    value: T_co


class Consul:
    """A client of one agent. An async context manager; connections open with the first question."""

    def __init__(self, address: ConsulAddress) -> None:
        self.address = address
        self._agent = Agent(address)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Consul({str(self.address)!r})"

    async def close(self) -> None:
        """Close every connection; questions still running fail. Safe to call twice."""
        await self._agent.close()

    async def get(self, key: str, *, index: int | None = None, wait: float = 0.0) -> Answer[Entry | None]:
        """The key, or None. With `index` and `wait` (seconds), answers once something moved past `index`."""
        block, held = _blocking(index, wait)
        return await self._agent.ask(f"get {key}", lambda api: api.kv.get(key, **block), _one_entry, held)

    async def list(
        self, prefix: str, *, index: int | None = None, wait: float = 0.0
    ) -> Answer[tuple[Entry, ...]]:
        """Every key under the prefix, in Consul's order (by key)."""
        block, held = _blocking(index, wait)
        ask = f"list {prefix}"
        return await self._agent.ask(
            ask, lambda api: api.kv.get(prefix, recurse=True, **block), _entries, held
        )

    async def folders(self, prefix: str) -> tuple[str, ...]:
        """The folders right under the prefix (a folder itself: it ends with a slash), by name; no value is read."""
        return await self._agent.ask(
            f"list folders of {prefix}",
            lambda api: api.kv.get(prefix, keys=True, separator="/"),
            lambda answer: _folders(prefix, answer),
        )

    async def put(
        self, key: str, value: bytes, *, cas: int | None = None, acquire: str | None = None
    ) -> bool:
        """Write; False means nothing was written: the revision was not `cas` (0: the key must not exist), or
        another session holds the key. A PUT repeated after its connection broke can say so about itself.
        """
        if cas is not None and acquire is not None:
            raise ValueError("put: give cas or acquire; Consul refuses both in one write")
        return await self._agent.ask(
            f"put {key}", lambda api: api.kv.put(key, value, cas=cas, acquire=acquire), _yes_or_no
        )

    async def delete(self, key: str, *, cas: int | None = None, recurse: bool = False) -> bool:
        """Delete a key, or all under it; False means its revision was not `cas`. Absent is True."""
        return await self._agent.ask(
            f"delete {key}", lambda api: api.kv.delete(key, cas=cas, recurse=recurse), _yes_or_no
        )

    async def instances(
        self, service: str, *, index: int | None = None, wait: float = 0.0
    ) -> Answer[tuple[Instance, ...]]:
        """Every instance of the service, passing or not, in order of id."""
        block, held = _blocking(index, wait)
        return await self._agent.ask(
            f"instances of {service}", lambda api: api.health.service(service, **block), _instances, held
        )

    async def register(
        self,
        *,
        id: str,
        service: str,
        address: str,
        port: int,
        tags: tuple[str, ...],
        meta: Mapping[str, str],
        grpc_check: str | None,
        check_tls: CheckTLS | None = None,
        interval: str = "5s",
        deregister_after: str = "1m",
        initially_passing: bool = True,
    ) -> None:
        """Register an instance, or replace it and its checks. `grpc_check` is `HOST:PORT[/SERVICE]`."""
        check = None
        if grpc_check is not None:
            check = consul.Check.grpc(grpc_check, interval, timeout=interval, deregister=deregister_after)
            if check_tls is not None:
                check |= {"GRPCUseTLS": True, "TLSSkipVerify": check_tls.skip_verify}
                if check_tls.server_name is not None:
                    check["TLSServerName"] = check_tls.server_name
            check["status"] = "passing" if initially_passing else "critical"
        await self._agent.ask(
            f"register {id}",
            lambda api: api.agent.service.register(
                service,
                service_id=id,
                address=address,
                port=port,
                tags=[*tags],
                meta={**meta},
                check=check,
                replace_existing_checks=True,
            ),
            _nothing,
        )

    async def deregister(self, id: str) -> None:
        """Take an instance out; one the agent does not know is no error, whatever this Consul says to it."""
        await self._agent.ask(
            f"deregister {id}", lambda api: api.agent.service.deregister(id), lambda _: None
        )

    async def create_session(self, *, name: str, ttl: float, behavior: str = "delete") -> str:
        """A session that Consul ends between `ttl` and 2 x `ttl` seconds after its last renewal.

        No lock delay: each of our keys has one writer, who must be able to take it again at once.
        """
        low, high = SESSION_TTL
        if not low <= ttl <= high:
            raise ValueError(f"session ttl {ttl:g} must be from {low} to {high} seconds")
        return await self._agent.ask(
            f"create session {name}",
            lambda api: api.session.create(name, lock_delay=0, behavior=behavior, ttl=ttl),
            str,
        )

    async def renew_session(self, id: str) -> None:
        """Start the session's time again; SessionLostError if it is gone."""
        await self._agent.ask(f"renew session {id}", lambda api: api.session.renew(id), _nothing)

    async def destroy_session(self, id: str) -> None:
        """End a session; one that is gone already is no error."""
        await self._agent.ask(f"destroy session {id}", lambda api: api.session.destroy(id), _nothing)


def _blocking(index: int | None, wait: float) -> tuple[dict[str, Any], float]:
    """py-consul's arguments, and the seconds Consul may hold the question for them."""
    # An index without a wait would block for Consul's own five minutes
    if not index or wait <= 0:
        return {}, 0.0
    held = min(wait, LONGEST_WAIT)
    return {"index": index, "wait": f"{held * 1000:.0f}ms"}, held


def _entry(item: Mapping[str, Any]) -> Entry:
    # Consul says null for an empty value
    return Entry(item["Key"], item["Value"] or b"", item["ModifyIndex"], item.get("Session"))


def _one_entry(answer: tuple[str, Any]) -> Answer[Entry | None]:
    index, item = answer
    return Answer(int(index), None if item is None else _entry(item))


def _entries(answer: tuple[str, Any]) -> Answer[tuple[Entry, ...]]:
    index, items = answer
    return Answer(int(index), tuple(_entry(item) for item in items or ()))


def _folders(prefix: str, answer: tuple[str, Any]) -> tuple[str, ...]:
    _, keys = answer
    names = (key.removeprefix(prefix) for key in keys or ())
    return tuple(name.removesuffix("/") for name in names if name.strip("/") and name.endswith("/"))


def _instance(item: Mapping[str, Any]) -> Instance:
    service = item["Service"]
    return Instance(
        id=service["ID"],
        address=service["Address"] or item["Node"]["Address"],
        port=service["Port"],
        tags=tuple(service["Tags"] or ()),
        meta=dict(service["Meta"] or {}),
        passing=all(check["Status"] == "passing" for check in item["Checks"]),
    )


def _instances(answer: tuple[str, Any]) -> Answer[tuple[Instance, ...]]:
    index, items = answer
    return Answer(int(index), tuple(sorted(map(_instance, items), key=lambda instance: instance.id)))


def _yes_or_no(answer: Any) -> bool:
    if not isinstance(answer, bool):
        raise TypeError(f"true or false expected, got {answer!r}")
    return answer


def _nothing(answer: Any) -> None:
    if answer is False:  # how py-consul says 404 where it allows one
        raise LookupError("not found")
