from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.tickets import Columns
from pipeline.tickets.other_rows import parquet_table
from pipeline.tickets.pieces import Piece, cut


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Twenty-five rows in row groups of ten, ten and five."""
    path = tmp_path / "in.parquet"
    table = pa.table({"id": [f"T{number}" for number in range(1, 26)], "text": ["停电"] * 25})
    pq.write_table(table, path, row_group_size=10)
    return path


def test_pieces_stay_inside_row_groups_and_number_on(export: Path) -> None:
    assert cut(export, 7, row=101) == [
        Piece(export, 0, 0, 7, 101), Piece(export, 0, 7, 3, 108),
        Piece(export, 1, 0, 7, 111), Piece(export, 1, 7, 3, 118),
        Piece(export, 2, 0, 5, 121),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 4, 10, 100])
@pytest.mark.parametrize("batch", [1, 3, 4096])
def test_pieces_read_one_after_the_other_are_the_file(
    export: Path, size: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.tickets.other_rows._BATCH", batch)
    columns = Columns.load()
    whole = list(parquet_table(export, columns).rows)
    assert [row for piece in cut(export, size) for row in parquet_table(export, columns, piece).rows] == whole
    assert [number for number, _ in whole] == list(range(1, 26))


def test_an_empty_file_has_no_pieces(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())}), tmp_path / "a.parquet"
    )
    assert cut(tmp_path / "a.parquet", 10) == []
