"""Drift between the generated code and its sources is named file by file."""

from pathlib import Path

import pytest

from tools.gen_protos import adapt, drift, write

WANTED = {"a_pb2.py": "a = 1\n", "a_pb2.pyi": "a: int\n"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "pb"
    write(WANTED, folder)
    (folder / "__init__.py").write_text('"""By hand."""\n')
    return folder


def test_what_was_just_written_has_not_drifted(package: Path) -> None:
    assert drift(WANTED, package) == {}


def test_files_that_differ_are_missing_or_left_over_are_told_apart(package: Path) -> None:
    (package / "a_pb2.py").write_text("a = 2\n")
    (package / "a_pb2.pyi").unlink()
    (package / "b_pb2.py").write_text("")
    assert drift(WANTED, package) == {"a_pb2.py": "differs", "a_pb2.pyi": "missing", "b_pb2.py": "left over"}


def test_writing_again_mends_every_drift_and_keeps_what_is_written_by_hand(package: Path) -> None:
    (package / "a_pb2.py").write_text("a = 2\n")
    (package / "b_pb2.py").write_text("")
    write(WANTED, package)
    assert drift(WANTED, package) == {}
    assert (package / "__init__.py").read_text() == '"""By hand."""\n'


def test_a_neighbour_is_imported_from_the_package() -> None:
    assert adapt("import a_pb2 as a__pb2\n") == "from mesh.pb import a_pb2 as a__pb2\n"
    assert adapt("import grpc\nfrom google.protobuf import any_pb2\n").count("mesh.pb") == 0


def test_messages_go_into_the_pool_of_the_package() -> None:
    text = (
        "from google.protobuf import descriptor_pool as _descriptor_pool\n"
        "DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(b'')\n"
    )
    assert adapt(text) == "from mesh.pb import POOL as _POOL\nDESCRIPTOR = _POOL.AddSerializedFile(b'')\n"


def test_a_use_of_the_pool_that_is_not_known_stops_the_generation() -> None:
    with pytest.raises(ValueError, match="descriptor pool"):
        adapt("x = _descriptor_pool.Other()\n")
