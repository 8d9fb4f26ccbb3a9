"""What `mesh.tracefile` promises: whole lines from several processes, a bound, and spans read back."""

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from mesh import tracefile
from mesh.tracefile import TraceFile, read_spans, rotated


def request(*names: str, trace: int = 1, padding: int = 0) -> ExportTraceServiceRequest:
    filler = [KeyValue(key="filler", value=AnyValue(string_value="x" * padding))]
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                scope_spans=[
                    ScopeSpans(
                        spans=[
                            Span(trace_id=trace.to_bytes(16), span_id=b"s" * 8, name=name, attributes=filler)
                            for name in names
                        ]
                    )
                ]
            )
        ]
    )


def names(path: Path, *, trace_id: str | None = None, newest_first: bool = False) -> list[str]:
    return [span.name for span in read_spans(path, trace_id=trace_id, newest_first=newest_first)]


def test_each_request_is_one_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "traces.jsonl"
    file = TraceFile(path)
    assert file.export(request("a", "b"))
    assert file.export(request("c"))
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 2
    assert all(line.endswith(b"\n") and "resourceSpans" in json.loads(line) for line in lines)
    file.shutdown()


def test_no_file_is_made_before_there_is_a_span(tmp_path: Path) -> None:
    TraceFile(tmp_path / "traces.jsonl").shutdown()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_continued_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    for name in ("first", "second"):
        file = TraceFile(path)
        file.export(request(name))
        file.shutdown()
    assert names(path) == ["first", "second"]


def test_past_its_size_the_file_becomes_the_older_half_and_a_new_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    file = TraceFile(path, max_bytes=2000)
    for number in range(20):
        file.export(request(str(number), padding=300))
    file.shutdown()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["traces.jsonl", "traces.jsonl.1"]
    assert 0 < path.stat().st_size <= 2000
    assert 0 < rotated(path).stat().st_size <= 2000
    kept = names(path)
    assert kept == [str(number) for number in range(20)][-len(kept) :]


def test_a_request_larger_than_the_file_may_be_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    file = TraceFile(path, max_bytes=100)
    assert file.export(request("large", padding=500))
    assert file.export(request("larger", padding=900))
    file.shutdown()
    assert names(path) == ["large", "larger"]


def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    file = TraceFile(path)
    file.export(request("gone"))
    path.unlink()
    file.export(request("kept"))
    file.shutdown()
    assert names(path) == ["kept"]


WRITER = """
import sys
from pathlib import Path
from tests.mesh.test_tracefile import request
from mesh.tracefile import TraceFile

name, path, max_bytes, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
file = TraceFile(path, max_bytes=max_bytes)
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    assert file.export(request(f"{name} {number}", padding=200 + number))
file.shutdown()
"""


def write_from_three_processes(path: Path, *, max_bytes: int, count: int) -> None:
    root = Path(__file__).parents[2]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(path), str(max_bytes), str(count)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two", "three")
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            writer.communicate("go\n", timeout=60)
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0]


def test_several_processes_write_one_file_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    write_from_three_processes(path, max_bytes=tracefile.MAX_BYTES, count=200)
    assert len(path.read_bytes().splitlines()) == 600
    written = names(path)
    for name in ("one", "two", "three"):
        assert [each for each in written if each.startswith(f"{name} ")] == [
            f"{name} {n}" for n in range(200)
        ]


def test_several_processes_rotate_one_file_and_no_line_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    write_from_three_processes(path, max_bytes=20_000, count=200)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["traces.jsonl", "traces.jsonl.1"]
    lines = path.read_bytes().splitlines() + rotated(path).read_bytes().splitlines()
    assert len(names(path)) == len(lines) > 20
    assert all(each.stat().st_size <= 20_000 for each in tmp_path.iterdir())
    # The newest lines of whoever wrote last are there, in order: a rotation never drops what is new
    assert {f"{name} 199" for name in ("one", "two", "three")} & set(names(path))


def test_threads_may_share_a_file(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "traces.jsonl")
    threads = [
        threading.Thread(target=lambda: [file.export(request("t", padding=99)) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file.shutdown()
    assert len(names(file.path)) == 200


def test_a_file_that_cannot_be_written_is_logged_once_and_costs_no_exception(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    file = TraceFile(tmp_path / "file" / "traces.jsonl")
    with caplog.at_level(logging.ERROR):
        assert not file.export(request("a"))
        assert not file.export(request("b"))
    [record] = caplog.records
    assert str(file.path) in record.getMessage()


def test_a_line_that_could_be_written_only_in_part_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes some of the bytes first, and refuses the rest."""
    file = TraceFile(tmp_path / "traces.jsonl")
    assert file.export(request("before"))
    write = os.write

    def full(to: int, data: bytes) -> int:
        if len(data) < 50:
            raise OSError(28, "No space left on device")
        return write(to, data[:-10])

    monkeypatch.setattr(os, "write", full)
    assert not file.export(request("lost"))
    monkeypatch.undo()
    assert file.export(request("after"))
    file.shutdown()
    assert names(file.path) == ["before", "after"]
    assert len(file.path.read_bytes().splitlines()) == 2


def test_a_file_that_is_shut_down_refuses_and_shutting_down_twice_is_no_error(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "traces.jsonl")
    file.shutdown()
    file.shutdown()
    assert not file.export(request("late"))
    with pytest.raises(OSError, match="closed"):
        file.write_request(request("late"))


# Reading


def test_spans_are_read_in_order_of_writing_or_the_newest_first_over_both_halves(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    for file, lines in ((rotated(path), ("a", "b")), (path, ("c", "d"))):
        sink = TraceFile(file)
        for line in lines:
            sink.export(request(f"{line}1", f"{line}2"))
        sink.shutdown()
    assert names(path) == ["a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"]
    assert names(path, newest_first=True) == ["d2", "d1", "c2", "c1", "b2", "b1", "a2", "a1"]


def test_one_trace_is_picked_by_its_id_in_any_case(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "traces.jsonl")
    for trace in (0xAB, 0xCD, 0xAB):
        file.export(request(f"{trace:x}", trace=trace))
    file.shutdown()
    assert names(file.path, trace_id=f"{0xAB:032X}") == ["ab", "ab"]
    assert names(file.path, trace_id=f"{0xAB:032x}", newest_first=True) == ["ab", "ab"]
    assert names(file.path, trace_id="0" * 32) == []


@pytest.mark.parametrize("newest_first", [False, True])
def test_files_that_are_absent_or_empty_have_no_spans(tmp_path: Path, newest_first: bool) -> None:
    path = tmp_path / "traces.jsonl"
    assert names(path, newest_first=newest_first) == []
    path.touch()
    assert names(path, newest_first=newest_first) == []


@pytest.mark.parametrize("newest_first", [False, True])
def test_lines_that_are_no_requests_are_passed_over(tmp_path: Path, newest_first: bool) -> None:
    file = TraceFile(tmp_path / "traces.jsonl")
    file.export(request("a"))
    with file.path.open("ab") as other:
        other.write(b"hello\n\n\xff\n[1]\n")
    file.export(request("b"))
    with file.path.open("ab") as other:
        other.write(b'{"resourceSpans": [{"scopeSp')  # being written at this moment
    file.shutdown()
    assert sorted(names(file.path, newest_first=newest_first)) == ["a", "b"]
