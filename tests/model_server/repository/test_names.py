"""A model's name is safe as a folder's name and in a line of a log; every other name is refused with its rule."""

import pytest

from model_server.errors import BadRequestError
from model_server.repository.names import check_name

BAD = [
    ("", "must not be empty"),
    (".", "must not begin with '.'"),
    ("..", "must not begin with '.'"),
    ("../model", "separators"),
    ("/etc/passwd", "separators"),
    ("model/..", "separators"),
    ("model/subdir", "separators"),
    ("model/", "separators"),
    ("..\\model", "separators"),
    ("a..b", "'..' in it"),
    (".git", "must not begin with '.'"),
    (" ", "no whitespace"),
    ("  model", "no whitespace"),
    ("two words", "no whitespace"),
    ("tab\t", "no whitespace"),
    ("line\nend", "no whitespace"),
    ("nul\0", "no whitespace and no control"),
    ("no-break\u00a0space", "no whitespace"),
    ("zero\u200bwidth", "no control"),
    ("right\u202eleft", "no control"),
    ("\udcff", "no control"),
    ("m" * 256, "at most 255 bytes"),
    ("é" * 128, "at most 255 bytes"),
]


@pytest.mark.parametrize(("name", "rule"), BAD)
def test_a_name_that_could_leave_a_folder_or_break_a_line_is_refused(name: str, rule: str) -> None:
    with pytest.raises(BadRequestError, match=r"model name .*") as refusal:
        check_name(name)
    assert rule in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("name", ["m", "films-v2_1.0", "Größe", "模型", "m" * 255, "*", "a=b"])
def test_every_other_name_is_good(name: str) -> None:
    check_name(name)
