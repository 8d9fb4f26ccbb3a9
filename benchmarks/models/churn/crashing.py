"""A client that is killed: it has calls under way and streams open, says so, and waits for its end.

    python -m benchmarks.models.churn.crashing ADDRESS FILE

FILE holds the request that it sends.
"""

import sys
import time
from pathlib import Path
from typing import Any, Final

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

CALLS: Final = 8
STREAMS: Final = 2


def main(address: str, file: Path) -> None:
    request = pb.ModelInferRequest.FromString(file.read_bytes())
    stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(address))

    def endless() -> Any:
        yield request
        time.sleep(3_600)

    streams = [stub.ModelStreamInfer(endless()) for _ in range(STREAMS)]
    for each in streams:
        next(each)
    calls = [stub.ModelInfer.future(request) for _ in range(CALLS)]
    print(len(calls), flush=True)
    time.sleep(3_600)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
