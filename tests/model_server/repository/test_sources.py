"""What a load would open: the files of `--model`, and of a repository in Triton's layout, but nothing beyond it."""

import os
from pathlib import Path

import pytest

from model_server.config import BatchingConfig, VersionPolicy
from model_server.errors import BadRequestError, BrokenModelError, UnknownModelError
from model_server.models import Batching
from model_server.repository.sources import Sources
from tests.model_server.repository.shelf import put


def versions(sources: Sources, name: str, override: str | None = None) -> list[str | None]:
    return [version for version, _ in sources.plan(name, override).files]


def test_a_file_is_itself_and_knows_its_own_version(tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.touch()
    assert Sources({"m": file}).plan("m").files == ((None, file),)


def test_a_folder_of_the_command_line_is_served_in_all_versions_the_newest_first(tmp_path: Path) -> None:
    assert versions(Sources({"m": put(tmp_path, "m", 2, 10, 9)}), "m") == ["10", "9", "2"]


def test_a_model_of_a_repository_is_served_in_its_latest_version_as_triton_does(tmp_path: Path) -> None:
    put(tmp_path, "m", 2, 10, 9)
    assert versions(Sources(repository=tmp_path), "m") == ["10"]


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ("latest { num_versions: 2 }", ["10", "9"]),
        ("latest { num_versions: 7 }", ["10", "9", "2"]),
        ("all { }", ["10", "9", "2"]),
        ("specific { versions: [ 2, 10 ] }", ["10", "2"]),
    ],
)
def test_the_version_policy_chooses(tmp_path: Path, policy: str, served: list[str]) -> None:
    folder = put(tmp_path, "m", 2, 10, 9, config=f"version_policy {{ {policy} }}")
    assert versions(Sources(repository=tmp_path), "m") == served
    assert versions(Sources({"m": folder}), "m") == served


def test_a_version_that_the_policy_names_and_nobody_has_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "m", 1, config="version_policy { specific { versions: [ 1, 3 ] } }")
    with pytest.raises(BrokenModelError, match="'m': its version_policy names version 3, expected one of 1"):
        Sources(repository=tmp_path).plan("m")


def test_what_is_no_number_or_has_no_file_yet_or_begins_with_0_is_no_version(tmp_path: Path) -> None:
    folder = put(tmp_path, "m", 3)
    for name in ("4", "draft", "0", "05", "-1", "٥", "1e3"):
        (folder / name).mkdir()
    for name in ("0", "05", "٥"):
        (folder / name / "model.onnx").touch()
    (folder / "9").touch()
    assert versions(Sources({"m": folder}), "m") == ["3"]


def test_a_folder_without_a_version_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    for sources in (Sources(repository=tmp_path), Sources({"m": tmp_path / "m"})):
        with pytest.raises(BrokenModelError, match=r"'m'.*expected <number>/model.onnx"):
            sources.plan("m")


def test_the_configuration_may_name_another_file(tmp_path: Path) -> None:
    folder = put(tmp_path, "m", 1, config='default_model_filename: "net.onnx"')
    (folder / "2").mkdir()
    (folder / "2" / "net.onnx").touch()
    ((version, file),) = Sources(repository=tmp_path).plan("m").files
    assert (version, file.name) == ("2", "net.onnx")


def test_a_slip_in_the_configuration_is_told_with_file_and_line(tmp_path: Path) -> None:
    put(tmp_path, "m", 1, config="\nmax_batch_sise: 1")
    with pytest.raises(BrokenModelError, match=r"'m': .*config.pbtxt: line 2: .*max_batch_sise"):
        Sources(repository=tmp_path).plan("m")


def test_a_configuration_that_is_not_text_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "m", 1)
    (tmp_path / "m" / "config.pbtxt").write_bytes(b"name: '\xff'")
    with pytest.raises(BrokenModelError, match=r"config.pbtxt is not UTF-8: byte 7"):
        Sources(repository=tmp_path).plan("m")


def test_a_pipe_in_the_place_of_the_configuration_does_not_hold_the_load(tmp_path: Path) -> None:
    put(tmp_path, "m", 1)
    os.mkfifo(tmp_path / "m" / "config.pbtxt")
    with pytest.raises(BrokenModelError, match=r"config.pbtxt is no file"):
        Sources(repository=tmp_path).plan("m")


def test_a_configuration_in_the_request_takes_the_place_of_the_file(tmp_path: Path) -> None:
    put(tmp_path, "m", 1, 2, config="nonsense")
    plan = Sources(repository=tmp_path).plan("m", '{"version_policy": {"all": {}}, "max_batch_size": 4}')
    assert [version for version, _ in plan.files] == ["2", "1"]
    assert (plan.config.max_batch_size, plan.config.version_policy) == (4, VersionPolicy())


def test_a_wrong_configuration_in_the_request_is_the_requests_fault(tmp_path: Path) -> None:
    put(tmp_path, "m", 1)
    with pytest.raises(BadRequestError, match=r"failed to load 'm': parameter 'config': JSON: .*nonsense"):
        Sources(repository=tmp_path).plan("m", '{"nonsense": 1}')


def test_the_command_lines_batching_wins(tmp_path: Path) -> None:
    folder = put(tmp_path, "m", 1, config="max_batch_size: 2 dynamic_batching { }")
    file = tmp_path / "n.onnx"
    file.touch()
    batching = {"m": Batching(8, 0.0005), "n": Batching(4)}
    sources = Sources({"m": folder, "n": file}, batching=batching)
    for name, most, delay in (("m", 8, 500), ("n", 4, 0)):
        config = sources.plan(name).config
        assert (config.max_batch_size, config.dynamic_batching) == (most, BatchingConfig(delay))


def test_a_name_that_nobody_has_is_told_in_tritons_words(tmp_path: Path) -> None:
    for sources in (Sources(), Sources(repository=tmp_path)):
        with pytest.raises(
            UnknownModelError, match="failed to load 'm', failed to poll from model repository"
        ):
            sources.plan("m")


def test_the_command_line_comes_before_the_repository(tmp_path: Path) -> None:
    put(tmp_path, "m", 1)
    put(tmp_path, "other", 1)
    file = tmp_path / "m.onnx"
    file.touch()
    sources = Sources({"m": file}, repository=tmp_path)
    assert sources.names() == ("m", "other")
    assert sources.plan("m").files == ((None, file),)


def test_only_folders_whose_names_could_be_asked_for_are_models(tmp_path: Path) -> None:
    for name in ("b", "a", ".git", "two words", "..data"):
        put(tmp_path, name, 1)
    (tmp_path / "README").touch()
    (tmp_path / os.fsdecode(b"\xff")).mkdir()
    assert Sources(repository=tmp_path).names() == ("a", "b")


def test_a_link_within_the_repository_is_followed_and_told_as_the_file_it_is(tmp_path: Path) -> None:
    """As Kubernetes mounts volumes: everything is a link into a folder with a date."""
    put(tmp_path, "..2026", 1)
    (tmp_path / "m").symlink_to("..2026")
    ((_, file),) = Sources(repository=tmp_path).plan("m").files
    assert file == tmp_path / "..2026" / "1" / "model.onnx"


@pytest.mark.parametrize("what", ["m", "m/1", "m/1/model.onnx", "m/config.pbtxt"])
def test_a_link_that_leaves_the_repository_is_refused(tmp_path: Path, what: str) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    put(inside, "m", 1, config="")
    put(outside, "m", 1, config="")
    link = inside / what
    link.rename(tmp_path / "away")
    link.symlink_to(outside / what)
    with pytest.raises(BrokenModelError, match="is a link that leaves the repository"):
        Sources(repository=inside).plan("m")


def test_a_link_to_nowhere_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m").symlink_to(tmp_path / "nowhere")
    put(tmp_path, "n", 1)
    (tmp_path / "n" / "2").mkdir()
    (tmp_path / "n" / "2" / "model.onnx").symlink_to("nowhere")
    sources = Sources(repository=tmp_path)
    assert sources.names() == ("n",)
    assert versions(sources, "n") == ["1"]
    with pytest.raises(UnknownModelError):
        sources.plan("m")


def test_the_repository_itself_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path / "real", "m", 1)
    (tmp_path / "link").symlink_to("real")
    assert versions(Sources(repository=tmp_path / "link"), "m") == ["1"]


def test_a_folder_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    put(tmp_path, "m", 1)
    (tmp_path / "m" / "config.pbtxt").mkdir()  # the one way that root cannot read either
    with pytest.raises(BrokenModelError, match=r"'m': .*config.pbtxt is no file"):
        Sources(repository=tmp_path).plan("m")


def test_a_repository_that_has_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(BrokenModelError, match=r"repository .*gone: No such file"):
        Sources(repository=tmp_path / "gone").names()
