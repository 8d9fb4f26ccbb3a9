"""The command as an operator runs it: what it says, its exit codes, and how it ends."""

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh.pb import open_inference_pb2 as pb
from mesh.pb import open_inference_pb2_grpc as pb_grpc
from tests.model_server.requests import request, tensor, unreadable_path
from tests.model_server.served import Served, run_to_end

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def stub_of(channel: grpc.Channel) -> Any:
    return pb_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]


def busy(count: int) -> Any:
    return request("busy", tensor("N", "INT64", [1], int64_contents=[count]))


def test_a_bad_setting_ends_with_64(models: dict[str, Path]) -> None:
    code, said = run_to_end("--service", "a", "--color", "Blue", "--model", f"m={models['simple']}")
    assert code == 64
    assert said.startswith("model-server: --color 'Blue': must match")


def test_a_start_that_fails_ends_with_1_and_the_reason(models: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is no model")
    always = ("--service", "a", "--color", "blue", "--no-consul", "--listen")
    code, said = run_to_end(*always, "127.0.0.1:0", "--model", f"m={broken}")
    assert code == 1
    assert re.search(r"model 'm': .*broken.onnx cannot be loaded: .*[Pp]rotobuf", said)
    assert "Traceback" not in said
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, said = run_to_end(*always, address, "--model", f"m={models['simple']}")
    assert code == 1
    said = said.splitlines()[-1]
    assert said == f"model-server: --listen '{address}': cannot listen there: address already in use"


def test_a_host_that_nobody_knows_is_named_with_its_option(models: dict[str, Path]) -> None:
    given = ("--service", "a", "--color", "blue", "--no-consul", "--plaintext", "--model")
    code, said = run_to_end(*given, f"m={models['simple']}", "--listen", "nobody.invalid:1")
    assert code == 1
    said = said.splitlines()[-1]
    assert said.startswith("model-server: --listen 'nobody.invalid:1': cannot listen there: ")
    assert "Errno" not in said


def test_the_version_is_that_of_the_installed_package() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "model_server", "--version"], capture_output=True, text=True, timeout=60
    )
    said = f"model-server, version {version('verdigris')}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


def test_a_repository_is_served_as_its_configurations_say(models: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(models["versions"], tmp_path / "versions")
    (tmp_path / "versions" / "config.pbtxt").write_text("version_policy { all { } }")
    file = tmp_path / "plain" / "1" / "model.onnx"
    file.parent.mkdir(parents=True)
    shutil.copy(models["simple"], file)
    with (
        Served("--linger", "0", "--repository", str(tmp_path), models={}) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = stub_of(channel)
        for name, versions in (("versions", ["10", "2"]), ("plain", ["1"])):
            assert stub.ModelMetadata(pb.ModelMetadataRequest(name=name)).versions == versions


def test_a_broken_model_ends_the_start_but_not_where_models_can_be_loaded_later(
    models: dict[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken" / "1" / "model.onnx"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"this is no model")
    good = {"simple": models["simple"]}
    repository = ("--linger", "0", "--repository", str(tmp_path))
    failing = Served(*repository, models=good).start(wait=False)
    assert failing.wait() == 1
    assert "model-server: model 'broken': " in failing.log
    with (
        Served(*repository, "--model-control", "explicit", "--load-model", "*", models=good) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = stub_of(channel)
        assert stub.ServerReady(pb.ServerReadyRequest()).ready
        assert stub.ModelReady(pb.ModelReadyRequest(name="simple")).ready
        assert not stub.ModelReady(pb.ModelReadyRequest(name="broken")).ready
        with pytest.raises(grpc.RpcError, match="'broken' has no available versions") as refusal:
            stub.ModelMetadata(pb.ModelMetadataRequest(name="broken"))
        assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


def test_every_setting_is_also_a_variable(models: dict[str, Path]) -> None:
    variables = {
        "VERDIGRIS_SERVICE": "films",
        "VERDIGRIS_COLOR": "green",
        "VERDIGRIS_MODEL": f"a={models['simple']} b={models['fixed']}",
        "VERDIGRIS_LISTEN": "127.0.0.1:0",
        "VERDIGRIS_NO_CONSUL": "1",
        "VERDIGRIS_LINGER": "0",
    }
    server = Served(models={}, env={**os.environ, **variables})
    server.arguments = []
    with server, grpc.insecure_channel(server.address) as channel:
        for name in ("a", "b"):
            assert stub_of(channel).ModelReady(pb.ModelReadyRequest(name=name), timeout=10).ready


def test_the_limit_of_a_message_is_a_setting(models: dict[str, Path]) -> None:
    one = {"m": models["identity_INT8"]}
    with (
        Served("--linger", "0", "--max-message-mib", "1", models=one) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        small, large = 2**19, 2**20 + 2**19
        answer = stub_of(channel).ModelInfer(
            request("m", tensor("X", "INT8", [1, small]), raw=[bytes(small)])
        )
        assert len(answer.raw_output_contents[0]) == small
        with pytest.raises(grpc.RpcError, match="larger than max") as refusal:
            stub_of(channel).ModelInfer(request("m", tensor("X", "INT8", [1, large]), raw=[bytes(large)]))
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_calls_beyond_the_queue_are_refused_at_once(models: dict[str, Path]) -> None:
    with (
        Served("--linger", "0", "--threads", "1", "--queue", "1", models={"busy": models["busy"]}) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        calls = [stub_of(channel).ModelInfer.future(busy(3000)) for _ in range(5)]
        codes = [call.code() for call in calls]
    assert codes.count(grpc.StatusCode.OK) == 2
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 3


def test_sigterm_turns_health_answers_what_raced_and_finishes_what_runs(models: dict[str, Path]) -> None:
    """In flight at the signal, and begun while the server lingers: both are answered; then nothing listens."""
    with (
        Served("--linger", "2.5", "--threads", "2", models={"busy": models["busy"]}) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = stub_of(channel)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status != NOT_SERVING
        running = stub.ModelInfer.future(busy(10_000))
        stub.ModelInfer(busy(0))  # answered, so the one before has begun or waits in front
        server.signal()
        assert next(watch).status == NOT_SERVING
        assert not stub.ServerReady(pb.ServerReadyRequest()).ready
        assert not stub.ModelReady(pb.ModelReadyRequest(name="busy")).ready
        assert stub.ServerLive(pb.ServerLiveRequest()).live
        raced = stub.ModelInfer(busy(1))
        assert raced.model_name == "busy"
        assert running.result(timeout=30).model_name == "busy"
        assert list(watch) == []
        assert server.wait() == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)


def test_after_the_deadline_of_the_drain_a_run_is_cut_off_and_the_server_ends(
    models: dict[str, Path],
) -> None:
    with (
        Served("--linger", "0", "--drain", "0.3", models={"busy": models["busy"]}) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        endless = stub_of(channel).ModelInfer.future(busy(100_000_000))
        stub_of(channel).ModelInfer(busy(0))
        started = time.monotonic()
        server.signal()
        assert server.wait() == 0
        assert time.monotonic() - started < 20
        assert endless.code() in (
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.CANCELLED,
        )


def test_sigint_is_as_good_as_sigterm(models: dict[str, Path]) -> None:
    with Served("--linger", "0", models={"simple": models["simple"]}) as server:
        server.signal(signal.SIGINT)
        assert server.wait() == 0
        assert "Traceback" not in server.log


def test_a_client_that_never_stops_sending_sees_no_failure_but_not_being_served(
    models: dict[str, Path],
) -> None:
    """The only instance goes: until it refuses, every call is answered; afterwards it is not reachable. What reaches
    gRPC's core in the moment between is told CANCELLED, unseen by us; the splitter sends it on to somebody else."""
    answered, codes = 0, set()
    stop = threading.Event()
    with (
        Served("--linger", "0.5", models={"busy": models["busy"]}) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub = stub_of(channel)

        def send() -> None:
            nonlocal answered
            while not stop.is_set():
                try:
                    stub.ModelInfer(busy(5), timeout=10)
                    answered += 1
                except grpc.RpcError as error:
                    codes.add(error.code())  # type: ignore[attr-defined]

        sender = threading.Thread(target=send)
        sender.start()
        try:
            while answered < 20:
                time.sleep(0.01)
            server.signal()
            assert server.wait() == 0
        finally:
            stop.set()
            sender.join()
    assert codes <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_a_server_whose_loop_was_killed_ends_with_70_and_says_why(models: dict[str, Path]) -> None:
    """A `:path` that is not UTF-8 ends grpcio's server for good; a process that lives on would only look alive."""
    with Served("--linger", "0", models={"simple": models["simple"]}) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(unreadable_path())
            assert any(b"CANCELLED" in heard for heard in iter(lambda: client.recv(4_096), b""))
        assert server.wait() == 70
        assert "gRPC's server has ended: UnicodeDecodeError" in server.log


def test_an_open_stream_does_not_hold_up_the_end(models: dict[str, Path]) -> None:
    """It is told to go elsewhere, after what it has been asked; its half-close is not waited for."""
    with (
        Served("--drain", "600", "--linger", "0", models={"simple": models["simple"]}) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        asked = queue.SimpleQueue[Any]()
        answers = stub_of(channel).ModelStreamInfer(iter(asked.get, None))
        asked.put(request("simple"))
        assert "INPUT0" in next(answers).error_message
        server.signal()
        with pytest.raises(grpc.RpcError) as ended:
            next(answers)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        assert server.wait() == 0
        asked.put(None)
