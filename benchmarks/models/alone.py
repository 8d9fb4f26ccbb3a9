"""The model called in this process, with no server at all: one run after the other.

    python -m benchmarks.models.alone FILE REQUEST CALLS

REQUEST is a file with a ModelInferRequest. Prints JSON: seconds, CPU seconds, microseconds of every call.
"""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.models.messages import arrays
from benchmarks.models.session import open_session
from mesh.pb import open_inference_pb2 as pb

WARM_UP: Final = 5


def main(file: Path, request: Path, calls: int) -> None:
    session = open_session(file)
    asked = pb.ModelInferRequest.FromString(request.read_bytes())
    feeds = arrays(asked.inputs, asked.raw_input_contents)
    names = [each.name for each in session.get_outputs()]
    for _ in range(WARM_UP):
        session.run(names, feeds)
    marks = [0] * (calls + 1)
    used = time.process_time()
    marks[0] = time.perf_counter_ns()
    for i in range(1, calls + 1):
        session.run(names, feeds)
        marks[i] = time.perf_counter_ns()
    used = time.process_time() - used
    latencies = [(after - before) / 1000 for before, after in pairwise(marks)]
    print(json.dumps({"seconds": (marks[-1] - marks[0]) / 1e9, "cpu": used, "latencies": latencies}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
