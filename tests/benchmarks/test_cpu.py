"""CPU and memory of a program are those of all its processes and threads."""

import sys
from pathlib import Path

from benchmarks import cpu
from benchmarks.memory import MIB, Peak
from benchmarks.process import Process
from tests.consul_agent import free_ports

BURN = 0.15
HOLD = 40
PROGRAM = f"""
import os, socket, sys, threading, time

def burn():
    began = time.thread_time()
    while time.thread_time() - began < {BURN}:
        pass

if os.fork() == 0:  # a worker, in a process group of its own
    os.setpgid(0, 0)
    burn()
    held = b"x" * ({HOLD} << 20)
    ready = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    time.sleep(60)
else:
    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    burn()
    time.sleep(60)
"""


def test_workers_and_threads_that_have_ended_count(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with Process([sys.executable, "-c", PROGRAM, str(port)], port=port, log=tmp_path / "log") as process:
        while process.cpu_seconds() < 3 * BURN:  # the test's own time limit says if it never is
            pass
        with Peak(process.session) as peak:
            assert process.resident() > HOLD * MIB
    assert peak.bytes > HOLD * MIB


def test_stopping_a_program_stops_its_workers(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with Process([sys.executable, "-c", PROGRAM, str(port)], port=port, log=tmp_path / "log") as process:
        assert process.running
    assert cpu.members(process.session) == []
