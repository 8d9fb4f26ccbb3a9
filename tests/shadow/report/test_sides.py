"""Two tensors beside each other: which rows are shown, and what is said of each."""

import numpy as np

from shadow.report.sides import CELL, ROWS, Mark, beside, cell, form, lines, values


def test_equal_tensors_have_rows_without_a_mark() -> None:
    rows, more = beside(np.array([1, 2]), np.array([1, 2]))
    assert [(each.place, each.primary, each.shadow, each.mark) for each in rows] == [
        ("0", "1", "1", Mark.SAME),
        ("1", "2", "2", Mark.SAME),
    ]
    assert more == 0


def test_a_number_that_differs_says_by_how_much() -> None:
    (row,), _ = beside(np.array([2.0], np.float32), np.array([2.2], np.float32))
    assert (row.mark, row.change) == (Mark.DIFFERENT, "+0.2 (+10 %)")


def test_an_id_that_differs_is_no_quantity() -> None:
    (row,), _ = beside(np.array([318]), np.array([319]))
    assert (row.mark, row.change) == (Mark.DIFFERENT, "")


def test_in_a_ranking_what_stands_elsewhere_has_moved() -> None:
    rows, _ = beside(np.array([1, 2, 3]), np.array([2, 1, 4]), ordered=True)
    assert [each.mark for each in rows] == [Mark.MOVED, Mark.MOVED, Mark.DIFFERENT]


def test_of_a_long_tensor_what_differs_is_shown_first_in_its_place() -> None:
    one = np.zeros(1_000)
    two = one.copy()
    two[[700, 900]] = 1
    rows, more = beside(one, two)
    assert [each.place for each in rows if each.mark is Mark.DIFFERENT] == ["700", "900"]
    assert (len(rows), more) == (ROWS, 1_000 - ROWS)


def test_more_dimensions_have_an_index_each() -> None:
    rows, _ = beside(np.zeros((2, 2)), np.zeros((2, 2)))
    assert [each.place for each in rows] == ["0, 0", "0, 1", "1, 0", "1, 1"]
    rows, _ = beside(np.zeros((1, 2)), np.zeros((1, 2)))
    assert [each.place for each in rows] == ["0", "1"]


def test_a_side_that_is_missing_or_shorter_is_empty() -> None:
    rows, _ = beside(None, np.array([5]))
    assert [(each.primary, each.shadow, each.mark) for each in rows] == [("", "5", Mark.DIFFERENT)]
    rows, _ = beside(np.array([5, 6]), np.array([5]))
    assert [(each.primary, each.shadow) for each in rows] == [("5", "5"), ("6", "")]


def test_nan_is_nan_on_both_sides() -> None:
    rows, _ = beside(np.array([np.nan, np.nan]), np.array([np.nan, 1.0]))
    assert [each.mark for each in rows] == [Mark.SAME, Mark.DIFFERENT]


def test_bytes_are_shown_as_text_on_one_line_and_never_as_what_a_terminal_obeys() -> None:
    assert cell(b"caf\xc3\xa9") == "café"
    assert cell(b"\x1b[2Jx\n") == "\\u001b[2Jx\\u000a"
    assert cell(b"\xff") == "\\xff"
    assert len(cell(b"x" * 500)) == CELL


def test_texts_are_compared_line_by_line() -> None:
    one, two = lines("{\n a\n b\n}", "{\n b\n c\n}")
    assert one == (("{", False), (" a", True), (" b", False), ("}", False))
    assert two == (("{", False), (" b", False), (" c", True), ("}", False))


def test_values_and_form_are_short() -> None:
    assert values(np.arange(ROWS + 5)).endswith("19, … 5 more")
    assert form("FP32", (1, 10)) == "FP32 [1, 10]"
