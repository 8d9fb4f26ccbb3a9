"""What `deploy/compose.yaml` runs does its work: its very commands, at this machine's addresses."""

import sys
from pathlib import Path

from tests.deploy.compose import DEPLOY, load
from tests.e2e.harness import LOOPBACK, Mesh, Process, Splitter, free_port, program


async def test_the_composed_mesh_serves_its_client(mesh: Mesh, tmp_path: Path) -> None:
    """Model servers register, the sidecar gets ready, and every call of `client.py` is answered by the colour
    that the document names: its exit status is 0 only if none failed.
    """
    _, services = load()
    addresses = {
        "consul:8500": f"{mesh.consul.host}:{mesh.consul.port}",
        "--service=recommender": f"--service={mesh.service}",
        "/models/": f"{DEPLOY}/demo/models/",
        "/var/lib/verdigris": str(tmp_path / "state"),
        "0.0.0.0:50051": f"{LOOPBACK}:0",
        "127.0.0.1:9901": f"{LOOPBACK}:0",
    }

    def start(name: str, here: dict[str, str]) -> Process:
        command, *flags = services[name].words
        for word, address in here.items():
            flags = [flag.replace(word, address) for flag in flags]
        return mesh.run(name, [*program(command), *flags])

    for color in ("blue", "green"):
        port = f"{LOOPBACK}:{free_port()}"
        model_server = start(color, {**addresses, "0.0.0.0:8001": port, f"{color}:8001": port})
        await model_server.line("registered")
    process = start("splitter", addresses)
    admin = (await process.line(r"admin on (\S+)"))[1]
    address = (await process.line(r"listening on (\S+)"))[1]
    mesh.splitters.append(Splitter(process, address, admin))
    assert await mesh.splitters[0].get("/readyz")

    for color in ("blue", "green"):
        await mesh.put({"split": {"blue": 0, "green": 0, color: 100}})
        requests = DEPLOY / "demo/requests.csv"
        flags = ["--server", address, "--requests", str(requests), "--seconds", "2", "--per-second", "50"]
        client = mesh.run("client", [sys.executable, str(DEPLOY / "client.py"), *flags])
        assert await client.ended() == 0, client.tail()
        assert all(line.startswith(f"{color} ") for line in client.lines), client.tail()
