"""The load: h2load (Debian: nghttp2-client), and what it saw of every single call."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles
from typing import Final, Protocol

from benchmarks.process import HOST

METHOD: Final = "/benchmark.Echo/Call"
HEADERS: Final = ("-H", "content-type: application/grpc", "-H", "te: trailers")
GIVE_UP_AFTER: Final = 60.0
MICROSECONDS: Final = 1e6


class Sent(Protocol):
    """What h2load is to send, and how much has to come back."""

    @property
    def connections(self) -> int: ...
    @property
    def streams(self) -> int:
        """Calls in flight on each connection."""

    @property
    def method(self) -> str:
        """The path of the gRPC method."""

    @property
    def message(self) -> bytes:
        """The request as gRPC frames it."""

    @property
    def answer(self) -> int:
        """Bytes of the framed answer."""


class LoadError(Exception):
    """Not every call of a measurement succeeded, so there is no measurement; `failed` of them where it is known."""

    def __init__(self, text: str, *, failed: int | None = None) -> None:
        super().__init__(text)
        self.failed = failed


@dataclass(frozen=True, slots=True)
class Load:
    """One run of the load: times in microseconds, over all calls."""

    calls: int
    seconds: float
    mean: float
    p50: float
    p99: float

    @property
    def throughput(self) -> float:
        return self.calls / self.seconds


def run(port: int, sent: Sent, *, calls: int, directory: Path, tls: bool = False) -> Load:
    """Send `calls` calls to `port`; LoadError unless each came back whole with status 200."""
    body, log = directory / f"body-{len(sent.message)}.bin", directory / "calls.tsv"
    body.write_bytes(sent.message)
    log.unlink(missing_ok=True)
    argv = [*command(port, sent, calls=calls, body=body, tls=tls), f"--log-file={log}"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=GIVE_UP_AFTER)
    except subprocess.TimeoutExpired:
        raise LoadError(f"{calls} calls were not over after {GIVE_UP_AFTER:g} s") from None
    return judge(done.stdout, log.read_text() if log.exists() else "", sent, calls)


def command(port: int, sent: Sent, *, calls: int, body: Path, tls: bool = False) -> list[str]:
    """h2load's, for so many calls whose request is the file `body`."""
    shape = [f"-n{calls}", f"-c{sent.connections}", f"-m{sent.streams}", f"-d{body}"]
    return ["h2load", *shape, *HEADERS, url(port, sent.method, tls=tls)]


def url(port: int, method: str = METHOD, *, tls: bool = False) -> str:
    return f"{'https' if tls else 'http'}://{HOST}:{port}{method}"


def judge(report: str, log: str, sent: Sent, calls: int) -> Load:
    """`report` is h2load's summary; `log` has a row per call: start, HTTP status, microseconds to the end."""
    succeeded = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", report)
    wanted = (str(calls), "0", "0", "0")
    if succeeded is None or succeeded.groups() != wanted:
        failed = calls - int(succeeded[1]) if succeeded else None
        raise LoadError(f"not all of {calls} calls succeeded:\n{report[-1000:]}", failed=failed)
    rows = [line.split("\t") for line in log.splitlines()]
    refused = [status for _, status, _ in rows if status != "200"]
    if refused or len(rows) != calls:
        raise LoadError(f"{len(rows)} of {calls} calls logged, HTTP status other than 200: {refused[:5]}")
    # Whole answers: the summary rounds, so it has to be right within a message.
    data = re.search(r"\((\d+)\) data", report)
    if data is None or int(data[1]) != calls * sent.answer:
        failed = calls - int(data[1]) // sent.answer if data else None
        wanted_bytes = f"{calls} × {sent.answer}"
        raise LoadError(f"the answers hold {data and data[1]} bytes, not {wanted_bytes}", failed=failed)
    took = re.search(r"finished in ([\d.]+)(us|ms|s),", report)
    if took is None:
        raise LoadError(f"h2load gave no duration:\n{report[-1000:]}")
    latencies = [float(row[2]) for row in rows]
    percentiles = quantiles(latencies, n=100, method="inclusive")
    return Load(
        calls=calls,
        seconds=float(took[1]) / {"us": MICROSECONDS, "ms": 1000, "s": 1}[took[2]],
        mean=fmean(latencies),
        p50=percentiles[49],
        p99=percentiles[98],
    )
