"""Replays the demo's users against a recommender and prints which colours answered: a client as others write them.

Nothing of Verdigris is imported here, only Triton's generated stubs; the one thing this client does for a
canary of users is to name its user in `x-user-id`.

    python client.py --server 127.0.0.1:50051 --requests requests.csv [--per-second 20] [--seconds 60]
"""

import argparse
import csv
import itertools
import struct
import sys
import time
from collections import Counter
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--server", default="127.0.0.1:50051", help="HOST:PORT of the sidecar or of a model server"
    )
    parser.add_argument("--model", default="recommender")
    parser.add_argument("--requests", type=Path, default=Path(__file__).with_name("requests.csv"))
    parser.add_argument("--per-second", type=float, default=20.0, help="calls per second")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="how long; for ever if not given")
    return parser.parse_args()


def request(model: str, user: int) -> service_pb2.ModelInferRequest:
    """One user asks for ten films."""
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="user", datatype="INT64", shape=[1])
    return service_pb2.ModelInferRequest(
        model_name=model, inputs=[tensor], raw_input_contents=[struct.pack("<q", user)]
    )


def report(seen: Counter[str], milliseconds: list[float]) -> None:
    """One line: who answered since the last one, and how long a call took."""
    colors = "  ".join(f"{color} {count}" for color, count in sorted(seen.items()))
    ordered = sorted(milliseconds)
    print(f"{colors}  median {ordered[len(ordered) // 2]:.1f} ms, slowest {ordered[-1]:.1f} ms", flush=True)


def main() -> int:
    """Exit status 1 if any call failed."""
    options = arguments()
    with options.requests.open(newline="") as lines:
        users = [int(line["user"]) for line in csv.DictReader(lines)]
    failed, seen, milliseconds = 0, Counter[str](), list[float]()
    started = reported = time.monotonic()
    with grpc.insecure_channel(options.server) as channel:
        infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
        for number, user in enumerate(itertools.cycle(users)):
            now = time.monotonic()
            if now - started >= options.seconds:
                break
            time.sleep(max(0.0, started + number / options.per_second - now))
            began = time.monotonic()
            try:
                _, call = infer.with_call(
                    request(options.model, user),
                    metadata=[("x-user-id", str(user))],
                    timeout=10,
                    wait_for_ready=True,
                )
                seen[dict(call.initial_metadata()).get("x-verdigris-color", "(no color)")] += 1
            except grpc.RpcError as error:
                failed += 1
                seen[f"failed:{error.code().name}"] += 1
            milliseconds.append((time.monotonic() - began) * 1000)
            if time.monotonic() - reported >= 1:
                report(seen, milliseconds)
                seen, milliseconds, reported = Counter(), [], time.monotonic()
    if milliseconds:
        report(seen, milliseconds)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
