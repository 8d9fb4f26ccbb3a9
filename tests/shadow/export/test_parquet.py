"""A Parquet file holds what the store holds, for whoever reads it without Verdigris."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from shadow.comparison.difference import Comparison
from shadow.export import parquet as exports
from shadow.export.parquet import ExportError, export
from shadow.pair import NO_BUCKET, Outcome
from shadow.store.values import Stored
from tests.shadow.store.made import BEGIN, SECOND, broken, differing, pair, recorded


def stored(*recordeds: object) -> list[Stored]:
    return [Stored(each.pair, each.comparison) for each in recordeds]  # type: ignore[attr-defined]


def test_a_row_says_what_the_pair_was_and_how_it_differed(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    assert export(stored(recorded(7, differing())), file, payloads=True) == 1
    (row,) = parquet.read_table(file).to_pylist()
    assert (row["source"], row["number"], row["service"], row["outcome"]) == (
        "host-1",
        7,
        "recommender",
        "compared",
    )
    assert row["at"] == datetime.fromtimestamp(BEGIN // SECOND + 7, UTC)
    assert (row["primary_color"], row["shadow_endpoint"]) == ("blue", "127.0.0.1:9002")
    assert (row["primary_latency"], row["shadow_latency"]) == (0.002, 0.003)
    assert (row["agrees"], row["score"]) == (False, 0.7)
    items = row["differences"][1]
    assert (items["output"], items["measure"], items["detail"]) == ("items", "ranking", "others on top")
    assert dict(items["figures"]) == {"common": 7.0, "top": 10.0}
    assert (row["request"], row["shadow_body"]) == (pair(7).request, pair(7).shadow.body)
    assert row["metadata"] == [{"name": "x-user-id", "value": "7"}]


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    pairs = stored(
        broken(1, Outcome.TIMED_OUT, bucket=NO_BUCKET, trace_id=""), recorded(2, Comparison((), "no message"))
    )
    export(pairs, file, payloads=False)
    late, incomparable = parquet.read_table(file).to_pylist()
    assert [
        late[name] for name in ("agrees", "score", "differences", "bucket", "trace_id", "shadow_status")
    ] == [None] * 6
    assert (incomparable["agrees"], incomparable["error"]) == (None, "no message")


def test_payloads_are_in_it_only_if_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    export(stored(recorded(1)), file, payloads=False)
    assert not {"request", "primary_body", "shadow_body", "metadata"} & set(parquet.read_schema(file).names)


def test_no_pairs_are_a_file_with_all_columns(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    assert export([], file, payloads=False) == 0
    assert parquet.read_table(file).num_rows == 0
    assert "differences" in parquet.read_schema(file).names


def test_more_pairs_than_a_row_group_are_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS", 3)
    file = tmp_path / "pairs.parquet"
    assert export(stored(*map(recorded, range(8))), file, payloads=False) == 8
    assert parquet.read_table(file)["number"].to_pylist() == list(range(8))
    assert parquet.ParquetFile(file).num_row_groups == 3


def test_an_export_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "pairs.parquet"
    export(stored(recorded(1)), file, payloads=False)

    def half() -> Iterator[Stored]:
        yield from stored(recorded(1), recorded(2))
        raise RuntimeError("the store has gone")

    with pytest.raises(RuntimeError, match="the store has gone"):
        export(half(), file, payloads=False)
    assert list(tmp_path.iterdir()) == [file]
    assert parquet.read_table(file).num_rows == 1


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"nowhere/pairs.parquet: .*; its folder must be there"):
        export([], tmp_path / "nowhere" / "pairs.parquet", payloads=False)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"pyarrow is not installed; pip install 'verdigris\[parquet\]'"):
        export([], tmp_path / "pairs.parquet", payloads=False)


def test_what_many_rows_have_in_common_is_a_dictionary(tmp_path: Path) -> None:
    """As a category, a million rows of it fit a notebook."""
    file = tmp_path / "pairs.parquet"
    export(stored(recorded(1)), file, payloads=False)
    assert parquet.read_table(file).schema.field("service").type == pa.dictionary(pa.int32(), pa.string())
