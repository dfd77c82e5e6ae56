"""What every format is reduced to: numbered rows of cells below one header."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from pipeline.errors import FileError
from pipeline.tickets.columns import REQUIRED, Columns
from pipeline.tickets.rejects import Reject

# A row of a table: its number, and its cells in the order of the header.
Row = tuple[int, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a header, in which `positions` says where each field stands; rows come with rejects among them."""

    positions: Mapping[str, int]
    rows: Iterator[Row | Reject]


@dataclass(frozen=True, slots=True)
class Header:
    """Where the header was found, and what it says: `width` columns with a title, `cells` with the empty ones after."""

    row: int
    width: int
    cells: int
    positions: Mapping[str, int]


def find_header(rows: Iterator[Row], columns: Columns) -> Header | None:
    """Look for the header in the first rows (a title or notes may stand above it)."""
    for number, cells in islice(rows, columns.header_rows):
        if positions := columns.match(cells):
            return Header(number, len(trimmed(cells)), len(cells), positions)
    return None


def no_header(name: str, heads: Iterable[Iterator[Row]], columns: Columns) -> FileError:
    """Make the error for a file without a usable header: it says what the row that comes nearest lacks.

    `heads` are the tables a header was looked for in: one for each sheet, or for each delimiter.
    """
    found: set[str] = set()
    for _, cells in chain.from_iterable(islice(rows, columns.header_rows) for rows in heads):
        found = max(found, columns.resembles(cells), key=len)
    needed = "、".join(columns.fields[field].title for field in REQUIRED if field not in found)
    return FileError(
        "no_header",
        f"{name} 的前 {columns.header_rows} 行里没有可用的表头，缺少：{needed}。"
        "请检查表头，或在 configs/columns.yaml 里补上本单位的列名。",
    )


def trimmed(cells: Sequence[object]) -> Sequence[object]:
    """Drop empty cells at the end of a row."""
    end = len(cells)
    while end and cells[end - 1] in (None, ""):
        end -= 1
    return cells[:end]
