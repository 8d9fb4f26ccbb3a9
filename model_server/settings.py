"""What the operator decides, checked once: everything after this may trust it.

`checked` raises BadSettingError: the setting as the command line spells it, the value and the rule.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mesh import contract
from mesh.address import Address
from mesh.consul import CheckTLS, ConsulAddress
from mesh.tls import BadTLS, ServerTLS
from model_server.models import Batching
from model_server.onnx_model import CPU, available_providers
from model_server.repository.names import fault

EVERY: Final = "*"
"""In the place of a name: all models."""
BATCH: Final = re.compile(r"(?P<name>[^=]+)=(?P<most>[0-9]{1,5})(?::(?P<delay>[0-9]{1,9}))?", re.ASCII)


class BadSettingError(Exception):
    """A setting breaks its rule."""

    def __init__(self, name: str, value: object, rule: str) -> None:
        super().__init__(f"{name} {str(value)!r}: {rule}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    service: str
    color: str
    models: Mapping[str, Path]
    """Files and folders by the name of the model."""
    repository: Path | None = None
    """A folder of folders of models."""
    explicit: bool = False
    """Models can be loaded and unloaded by request."""
    load_models: tuple[str, ...] = ()
    """With `explicit`: what of the repository to start with; `*` is all of it."""
    batching: Mapping[str, Batching] = field(default_factory=lambda: MappingProxyType({}))  # cannot change
    """Of models in `models`, by name."""
    providers: tuple[str, ...] = (CPU,)
    """ONNX Runtime's execution providers, the preferred first."""
    graph_optimization: str = "all"
    """How much of a graph may be rewritten: a name of `onnx_model.OPTIMIZATIONS`."""
    listen: Address
    advertise: Address | None = None
    """Where others reach us; port 0 is the port we listen on. None: found out."""
    consul: ConsulAddress | None = None
    """None: do not register."""
    threads: int = 1
    """Runs at a time."""
    intra_op_threads: int = 1
    """Threads that share one run."""
    queue: int = 1024
    """Calls of one model that may wait for a thread."""
    max_message: int = 512 * 2**20
    """Bytes of one message, either way."""
    linger: float = 1.0
    """Seconds between leaving Consul and refusing new calls."""
    drain: float = 10.0
    """Seconds that calls in flight have to finish."""
    admin: Address | None = None
    """Where metrics are served; None: nowhere."""
    trace_file: Path | None = None
    tls: ServerTLS | None = None
    """None: plain text."""
    plaintext: bool = False
    """Plain text is allowed beyond this machine."""
    check_tls: CheckTLS = CheckTLS()  # noqa: RUF009  # frozen
    """How Consul's check speaks TLS, if we do."""

    def checked(self) -> "Settings":
        """Itself, or BadSettingError for the first rule that is broken."""
        if not contract.SERVICE.fullmatch(self.service):
            raise BadSettingError(
                "--service", self.service, f"must be a DNS label: {contract.SERVICE.pattern}"
            )
        if not contract.COLOR.fullmatch(self.color):
            raise BadSettingError("--color", self.color, f"must match {contract.COLOR.pattern}")
        if self.color == contract.TAG:
            raise BadSettingError("--color", self.color, "is the tag of every instance; choose another")
        self._check_models()
        for name, value, least in (
            ("--threads", self.threads, 1),
            ("--intra-op-threads", self.intra_op_threads, 1),
            ("--queue", self.queue, 0),
            ("--max-message-mib", self.max_message // 2**20, 1),
            ("--linger", self.linger, 0),
            ("--drain", self.drain, 0),
        ):
            if not least <= value < float("inf"):
                raise BadSettingError(name, value, f"must be {least} or more")
        if self.max_message >= 2**31:
            raise BadSettingError(
                "--max-message-mib", self.max_message // 2**20, "must be below 2048: gRPC counts in 31 bits"
            )
        if self.advertise is not None and self.advertise.is_wildcard:
            raise BadSettingError("--advertise", self.advertise, "must be an address others can connect to")
        if self.admin is not None and not self.admin.is_loopback:
            raise BadSettingError(
                "--admin", self.admin, "must be a loopback address: the port asks for no password"
            )
        self._check_tls()
        return self

    def _check_models(self) -> None:
        if not self.models and self.repository is None:
            raise BadSettingError("--model", "", "must be given at least once, or --repository")
        for name, path in self.models.items():
            if not path.exists():
                raise BadSettingError("--model", f"{name}={path}", "no such file or folder")
        if self.repository is not None and not self.repository.is_dir():
            raise BadSettingError("--repository", self.repository, "no such folder")
        if self.load_models and not (self.explicit and self.repository):
            raise BadSettingError(
                "--load-model", self.load_models[0], "needs --repository and --model-control explicit"
            )
        for name in self.load_models:
            if name != EVERY and fault(name):
                raise BadSettingError("--load-model", name, fault(name))
        for name in self.batching:
            if name not in self.models:
                raise BadSettingError(
                    "--batch", name, "is no model of --model; for the repository's there is config.pbtxt"
                )
        available = available_providers()
        for name in self.providers:
            if name not in available:
                raise BadSettingError("--provider", name, f"must be one of {', '.join(available)}")

    def _check_tls(self) -> None:
        if self.tls is not None:
            try:
                self.tls.checked("--tls")
            except BadTLS as error:
                raise BadSettingError(error.setting, error.value, error.rule) from None
            return
        if not self.plaintext and not self.listen.is_loopback:
            raise BadSettingError(
                "--listen",
                self.listen,
                "an address that is not loopback needs --tls-cert and --tls-key, "
                "or --plaintext if the network is trusted",
            )
        if self.check_tls != CheckTLS():
            name, value = (
                ("name", self.check_tls.server_name) if self.check_tls.server_name else ("skip-verify", "")
            )
            raise BadSettingError(f"--check-tls-{name}", value, "needs --tls-cert and --tls-key")


def parse_address(name: str, text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise BadSettingError(name, text, str(error)) from None


def parse_consul(name: str, text: str, token: str | None) -> ConsulAddress:
    try:
        return ConsulAddress.parse(text, token=token)
    except ValueError as error:
        raise BadSettingError(name, text, str(error).removeprefix(f"Consul address {text!r} ")) from None


def parse_models(name: str, texts: Iterable[str]) -> Mapping[str, Path]:
    """`NAME=PATH` each, every name once."""
    models: dict[str, Path] = {}
    for text in texts:
        model, equals, path = text.partition("=")
        if not equals or not path:
            raise BadSettingError(name, text, "must be NAME=PATH")
        if fault(model):
            raise BadSettingError(name, text, f"the name {fault(model)}")
        if model in models:
            raise BadSettingError(name, text, f"{model!r} is given twice")
        models[model] = Path(path)
    return MappingProxyType(models)


def parse_batching(name: str, texts: Iterable[str]) -> Mapping[str, Batching]:
    """`NAME=MAX[:DELAY_US]` each, every name once."""
    found: dict[str, Batching] = {}
    for text in texts:
        match = BATCH.fullmatch(text)
        if match is None or int(match["most"]) < 2:
            raise BadSettingError(name, text, "must be NAME=MAX[:MICROSECONDS] with a MAX of 2 or more")
        if match["name"] in found:
            raise BadSettingError(name, text, f"{match['name']!r} is given twice")
        found[match["name"]] = Batching(int(match["most"]), int(match["delay"] or 0) / 1e6)
    return MappingProxyType(found)


def usable_cpus() -> int:
    """Processors this process may use, which in a container are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
