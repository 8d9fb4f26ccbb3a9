"""A mesh over mutual TLS on both hops: one CA, a name for everybody, and a client that shakes hands anew."""

from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from mesh import contract
from mesh.pb import open_inference_pb2_grpc as oip_grpc
from tests.certificates import Authority, Shown
from tests.e2e.harness.infer import REQUEST, SUM

SPLITTER = "spiffe://mesh.test/splitter"
CLIENT = "spiffe://mesh.test/client"


@dataclass(frozen=True)
class Secured:
    """Everybody's certificates."""

    ca: Authority
    server: Shown
    """The splitter's, towards clients."""
    splitter: Shown
    """The splitter's, towards model servers."""
    models: Shown
    client: Shown
    consul: Shown

    @classmethod
    def by(cls, folder: Path) -> "Secured":
        ca = Authority(folder / "ca")
        return cls(
            ca,
            ca.issue("server", "localhost"),
            ca.issue("splitter", SPLITTER),
            ca.issue("models", "127.0.0.1", "models.mesh.test"),
            ca.issue("client", CLIENT),
            ca.issue("consul", "consul.mesh.test"),
        )

    @property
    def of_model_server(self) -> tuple[str, ...]:
        return (
            *("--tls-cert", str(self.models.cert), "--tls-key", str(self.models.key)),
            *("--tls-client-ca", str(self.ca.cert), "--tls-client-name", SPLITTER),
        )

    @property
    def of_splitter(self) -> tuple[str, ...]:
        return (*self.towards_clients, *self.towards_models, "--log-level", "info")

    @property
    def towards_clients(self) -> tuple[str, ...]:
        return (
            *("--tls-cert", str(self.server.cert), "--tls-key", str(self.server.key)),
            *("--tls-client-ca", str(self.ca.cert), "--tls-client-name", CLIENT),
        )

    @property
    def towards_models(self) -> tuple[str, ...]:
        return (
            *("--upstream-tls-ca", str(self.ca.cert), "--upstream-tls-cert", str(self.splitter.cert)),
            *("--upstream-tls-key", str(self.splitter.key)),
        )

    @property
    def of_consul(self) -> str:
        """An agent whose checks show a certificate. Where it does, Consul 1.8 expects *its own* `server_name`, or its
        node's name, in the certificates of all that it checks."""
        return (
            f'enable_agent_tls_for_checks = true, ca_file = "{self.ca.cert}", server_name = "models.mesh.test", '
            f'cert_file = "{self.consul.cert}", key_file = "{self.consul.key}"'
        )


class SecureInference:
    """A channel over TLS with connections of its own; `shown` None shows nothing."""

    def __init__(self, address: str, ca: Authority, shown: Shown | None, *, name: str = "localhost") -> None:
        credentials = grpc.ssl_channel_credentials(
            ca.cert.read_bytes(),
            shown.key.read_bytes() if shown else None,
            shown.cert.read_bytes() if shown else None,
        )
        options = [("grpc.ssl_target_name_override", name), ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.secure_channel(address, credentials, options=options)
        self._stub = oip_grpc.GRPCInferenceServiceStub(self._channel)  # type: ignore[no-untyped-call]

    async def infer(self, *, timeout: float = 10) -> str:
        """Infer once, check the answer; the colour that gave it, "" if nobody said."""
        call = self._stub.ModelInfer(REQUEST, timeout=timeout)
        answer = await call
        assert SUM in answer.raw_output_contents
        return str((await call.initial_metadata()).get(contract.HEADER_COLOR, ""))

    async def __aenter__(self) -> "SecureInference":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
