"""What the tests of reading share: one writer for every format an export may have, and a reader."""

import csv
import io
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl.cell import WriteOnlyCell

from pipeline.tickets import Columns, Reject, Ticket, read_tickets

Rows = Sequence[Sequence[object]]
Write = Callable[..., Path]
Read = Callable[[Path], list[Ticket | Reject]]


@pytest.fixture(scope="session")
def columns() -> Columns:
    return Columns.load()


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Write a file, each into a folder of its own: rows (the first is the header) as its name demands, text or bytes.

    Strings stay text in every format; numbers and dates are written as such where a format has them.
    """
    folder = tmp_path_factory.mktemp("exports")
    numbers = itertools.count()

    def write_file(name: str, content: Rows | str | bytes, encoding: str = "utf-8") -> Path:
        path = folder / str(next(numbers)) / name
        path.parent.mkdir()
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_bytes(content.encode(encoding))
        else:
            _WRITERS[path.suffix](path, content, encoding)
        return path

    return write_file


@pytest.fixture(scope="session")
def read(columns: Columns) -> Read:
    """Read a whole file with the shipped columns."""
    return lambda path: list(read_tickets(path, columns))


def _write_csv(path: Path, rows: Rows, encoding: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter="\t" if path.suffix == ".tsv" else ",").writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def _write_jsonl(path: Path, rows: Rows, encoding: str) -> None:
    header, *data = rows
    lines = [json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) + "\n" for row in data]
    path.write_bytes("".join(lines).encode(encoding))


def _write_parquet(path: Path, rows: Rows, _: str) -> None:
    header, *data = rows
    columns = [pa.array([row[at] for row in data]) for at in range(len(header))]
    pq.write_table(pa.Table.from_arrays(columns, names=[str(title) for title in header]), path)


def _write_xlsx(path: Path, rows: Rows, _: str) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    book.save(path)


def _cell(sheet: object, value: object) -> object:
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"  # openpyxl would make a formula of a text that begins with =
    return cell


_WRITERS = {
    ".csv": _write_csv,
    ".tsv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
    ".xlsx": _write_xlsx,
}
