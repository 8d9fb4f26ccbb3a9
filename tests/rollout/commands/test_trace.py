"""`trace`: a call as a tree, from the file that splitter and model server write."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from mesh.tracefile import TraceFile
from rollout.cli import verdigris
from rollout.failure import Exit

MS = 1_000_000
FIRST, SECOND = "0a" * 16, "0b" * 16


def value(found: str | int) -> AnyValue:
    return AnyValue(int_value=found) if isinstance(found, int) else AnyValue(string_value=found)


def one(
    id: int, parent: int, name: str, begin: int, end: int, kind: int = 3, **attributes: str | int
) -> Span:
    pairs = [KeyValue(key=key.replace("__", "."), value=value(each)) for key, each in attributes.items()]
    return Span(
        span_id=bytes([id] * 8),
        parent_span_id=bytes([parent] * 8) if parent else b"",
        name=name,
        start_time_unix_nano=begin * MS,
        end_time_unix_nano=end * MS,
        kind=kind,  # type: ignore[arg-type]
        attributes=pairs,
    )


def write(file: Path, trace_id: str, *spans: Span) -> None:
    for span in spans:
        span.trace_id = bytes.fromhex(trace_id)
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])
    writer = TraceFile(file)
    writer.write_request(request)
    writer.shutdown()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two calls: the first failed over from green to blue, the second had a shadow."""
    path = tmp_path / "traces.jsonl"
    server: dict[str, Any] = {"verdigris__revision": 7, "verdigris__color": "blue"}
    write(
        path,
        FIRST,
        one(1, 0, "a.Films/Best", 1000, 1010, 2, verdigris__reason="fallback", **server),
        one(
            2,
            1,
            "primary green",
            1000,
            1002,
            verdigris__color="green",
            rpc__response__status_code="UNAVAILABLE",
        ),
        one(3, 1, "fallback blue", 1002, 1010, server__address="127.0.0.1", server__port=8011),
    )
    write(
        path,
        SECOND,
        one(1, 0, "a.Films/Best", 2000, 2004, 2, verdigris__reason="key", verdigris__bucket=42, **server),
        one(2, 1, "primary blue", 2000, 2004),
        one(3, 1, "shadow green", 2000, 2012),
    )
    return path


def run(*words: str, file: Path | None = None) -> Result:
    env = {"COLUMNS": "100", "VERDIGRIS_TRACE_FILE": str(file) if file else None}
    return CliRunner(env=env).invoke(verdigris, ["trace", *words])


def test_the_latest_call_is_drawn_as_a_tree(file: Path) -> None:
    lines = run(file=file).stdout.splitlines()
    assert SECOND in lines[0]
    assert [line.split("━")[0].split()[:3] for line in lines[1:]] == [
        ["└─", "Best", "4"],
        ["├─", "primary", "blue"],
        ["└─", "shadow", "green"],
    ]
    assert "key bucket 42 rev 7" in lines[1]
    assert "12 ms" in lines[3]


def test_a_named_trace_is_drawn_with_what_failed_and_where_it_went(file: Path) -> None:
    text = run(FIRST, "--file", str(file)).stdout
    assert "UNAVAILABLE" in text
    assert "fallback blue" in text
    assert "→ 127.0.0.1:8011" in text


def test_the_tree_is_json_on_request(file: Path) -> None:
    (root,) = json.loads(run("--json", file=file).stdout)
    assert [child["name"] for child in root["children"]] == ["primary blue", "shadow green"]
    assert root["seconds"] == pytest.approx(0.004)


def test_a_trace_that_is_not_there_is_an_error(file: Path) -> None:
    result = run("0c" * 16, file=file)
    assert result.exit_code == Exit.FAILED
    assert "holds no trace" in " ".join(result.stderr.split())


def test_without_a_file_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run()
    assert result.exit_code == Exit.FAILED
    assert "verdigris up" in result.stderr


def test_the_newest_file_of_up_and_demo_is_looked_at(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / ".run" / "up" / "traces.jsonl"
    target.parent.mkdir(parents=True)
    file.rename(target)
    assert SECOND in run().stdout
