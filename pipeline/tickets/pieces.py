"""A Parquet file in pieces, so that several workers can read it at once and every row keeps its number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of `rows` rows in one row group, with `skip` rows of the group before it; the first has number `row`."""

    path: Path
    group: int
    skip: int
    rows: int
    row: int


def cut(path: Path, size: int, row: int = 1) -> list[Piece]:
    """Cut a file into pieces of at most `size` rows, in order; its first row gets the number `row`."""
    metadata = pq.read_metadata(path)
    pieces: list[Piece] = []
    for group in range(metadata.num_row_groups):
        total = metadata.row_group(group).num_rows
        pieces += [Piece(path, group, skip, min(size, total - skip), row + skip) for skip in range(0, total, size)]
        row += total
    return pieces


def read_batches(
    file: pq.ParquetFile, names: Sequence[str], size: int, piece: Piece | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the named columns of a whole file, or of one piece of it, in batches of at most `size` rows."""
    if piece is None:
        yield from file.iter_batches(batch_size=size, columns=names)
        return
    skip, left = piece.skip, piece.rows
    for batch in file.iter_batches(batch_size=size, row_groups=[piece.group], columns=names):
        part = batch.slice(min(skip, batch.num_rows), left)
        skip, left = max(0, skip - batch.num_rows), left - part.num_rows
        yield part
        if not left:
            return
