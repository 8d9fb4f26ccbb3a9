"""A gRPC server that counts.

    python -m benchmarks.counting echo|spans PORT COUNTS_PORT

Whoever connects to COUNTS_PORT is told the counts so far as one line of JSON.
"""

import asyncio
import json
import sys
from dataclasses import asdict

import uvloop

from benchmarks.counting.connection import Connection
from benchmarks.counting.stream import Answers, Counts, Echo, Spans
from benchmarks.descriptors import raise_limit
from benchmarks.process import HOST

BACKLOG = 4_096


async def main(kind: str, port: int, counts_port: int) -> None:
    counts = Counts()
    answers: Answers = Spans(counts) if kind == "spans" else Echo(counts)

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(asdict(counts)).encode() + b"\n")
        writer.close()

    loop = asyncio.get_running_loop()
    await asyncio.start_server(tell, HOST, counts_port)
    server = await loop.create_server(lambda: Connection(answers, counts), HOST, port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    raise_limit()
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
