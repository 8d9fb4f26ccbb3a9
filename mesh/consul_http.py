"""One HTTP question to one agent: address, token, time limit, and the failure named.

It is py-consul's abstract transport on an aiohttp session whose settings are ours.
py-consul's own aiohttp transport gives every call 300 s in all (a five-minute blocking query needs more),
reads certificates for plain HTTP too, warns on current aiohttp, and lets CONSUL_HTTP_TOKEN override the token
it is given. Here time is the caller's to limit, and the token is the address's or none.
"""

import asyncio
import os
import ssl
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiohttp
import consul.aio
import consul.base
from yarl import URL

CONNECT_WITHIN: Final = 5.0
"""Seconds for one TCP connection; on loopback or a LAN more is an absent host."""

ANSWER_WITHIN: Final = 10.0
"""Seconds a question may take beyond the time it asked Consul to wait."""

T = TypeVar("T")
Callback = Callable[[Any], Any]
Params = list[tuple[str, Any]] | None
Headers = dict[str, str] | None


class ConsulError(Exception):
    """A question to Consul failed; the message names address, question and reason."""


class DeniedError(ConsulError):
    """Consul's ACLs refuse this: the token is missing, unknown or lacks a policy (403)."""


class SessionLostError(ConsulError):
    """The session to renew exists no more; what it held is released or deleted. Create another."""


@dataclass(frozen=True, slots=True)
class ConsulAddress:
    """Where an agent's HTTP API listens, and the token to show it."""

    host: str
    port: int
    scheme: str = "http"
    token: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str, *, token: str | None = None) -> Self:
        """Read `HOST:PORT` or `http(s)://HOST:PORT`; ValueError names the value and the rule."""
        try:
            parts = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
            if parts.scheme not in ("http", "https") or not parts.hostname or not parts.port:
                raise ValueError
            if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
                raise ValueError
        except ValueError:
            rule = "must be HOST:PORT, http://HOST:PORT or https://HOST:PORT"
            raise ValueError(f"Consul address {text!r} {rule}") from None
        return cls(parts.hostname, parts.port, parts.scheme, token)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def read_token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The token from `file`, else from CONSUL_HTTP_TOKEN, else None; OSError if the file cannot be read."""
    text = file.read_text() if file is not None else environment.get("CONSUL_HTTP_TOKEN", "")
    return text.strip() or None


class Transport(consul.base.HTTPClient):  # type: ignore[misc]  # py-consul is untyped
    """One session to one agent. To be made inside a running event loop."""

    def __init__(self, host: str, port: int, scheme: str) -> None:
        super().__init__(f"[{host}]" if ":" in host else host, port, scheme)
        # The system's trust store; SSL_CERT_FILE and SSL_CERT_DIR point elsewhere
        trust = ssl.create_default_context() if scheme == "https" else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),  # every watch holds a connection
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN),
        )

    async def _request(
        self,
        method: str,
        callback: Callback,
        path: str,
        params: Params,
        data: str | bytes | None,
        headers: Headers,
    ) -> Any:
        uri = URL(self.uri(path, params), encoded=True)  # py-consul has quoted it
        # A redirect would carry the token to wherever it points
        request = self._session.request(method, uri, data=data, headers=headers, allow_redirects=False)
        async with request as response:
            body = await response.text(encoding="utf-8")
            return callback(consul.base.Response(response.status, response.headers, body))

    def get(
        self, callback: Callback, path: str, params: Params = None, headers: Headers = None
    ) -> Awaitable[Any]:
        return self._request("GET", callback, path, params, None, headers)

    def put(
        self,
        callback: Callback,
        path: str,
        params: Params = None,
        data: str | bytes = "",
        headers: Headers = None,
    ) -> Awaitable[Any]:
        return self._request("PUT", callback, path, params, data, headers)

    def delete(
        self,
        callback: Callback,
        path: str,
        params: Params = None,
        data: str | bytes = "",
        headers: Headers = None,
    ) -> Awaitable[Any]:
        return self._request("DELETE", callback, path, params, data, headers)

    def post(
        self,
        callback: Callback,
        path: str,
        params: Params = None,
        data: str | bytes = "",
        headers: Headers = None,
    ) -> Awaitable[Any]:
        return self._request("POST", callback, path, params, data, headers)

    def close(self) -> Awaitable[None]:
        return self._session.close()


class Api(consul.aio.Consul):  # type: ignore[misc]
    """py-consul's asyncio client over `Transport`."""

    def __init__(self, host: str, port: int, scheme: str, token: str | None) -> None:
        super().__init__(host, port, scheme=scheme, verify=True)
        self.token = token  # given to the constructor, CONSUL_HTTP_TOKEN would win over it

    def http_connect(
        self, host: str, port: int, scheme: str, verify: bool | str = True, cert: object = None
    ) -> Transport:
        return Transport(host, port, scheme)


class Agent:
    """Asks one agent; connections open with the first question, inside the loop that asks it."""

    def __init__(self, address: ConsulAddress) -> None:
        self._address = address
        self._api: Api | None = None
        self._closed = False

    async def ask(
        self,
        question: str,
        call: Callable[[Api], Awaitable[Any]],
        convert: Callable[[Any], T],
        wait: float = 0.0,
    ) -> T:
        """Ask within `wait` seconds and a margin; every failure is a ConsulError that names the question."""
        where = self._address
        if self._closed:
            raise ConsulError(f"Consul at {where}: {question}: this client is closed")
        if self._api is None:
            self._api = Api(where.host, where.port, where.scheme, where.token)
        limit = ANSWER_WITHIN + wait * 17 / 16  # Consul adds up to a sixteenth of jitter
        try:
            async with asyncio.timeout(limit):
                return convert(await call(self._api))
        except _FAILURES as error:
            kind = _KINDS.get(type(error), ConsulError)
            reason = f"no answer in {limit:g} s" if type(error) is TimeoutError else _reason(error)
            raise kind(f"Consul at {where}: {question}: {reason}") from error

    async def close(self) -> None:
        self._closed = True
        api, self._api = self._api, None
        if api is not None:
            await api.close()


_KINDS: Final = {consul.ACLPermissionDenied: DeniedError, consul.NotFound: SessionLostError}
_STRANGE: Final = (ValueError, LookupError, TypeError, AttributeError)
"""What reading an answer raises when something other than Consul gave it."""
_FAILURES: Final = (consul.ConsulException, aiohttp.ClientError, OSError, *_STRANGE)


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and error.errno:
        return f"cannot connect: {os.strerror(error.errno)}"
    if isinstance(error, _STRANGE) and not isinstance(error, aiohttp.ClientError):
        return f"not an answer of Consul's ({type(error).__name__}: {error})"
    return str(error) or type(error).__name__
