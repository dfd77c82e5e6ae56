"""Rows of .xlsx, .parquet and .jsonl files, read piece by piece."""

import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from pipeline.errors import FileError
from pipeline.tickets.columns import Columns
from pipeline.tickets.encoding import decoded_lines, find_encoding
from pipeline.tickets.pieces import Piece, read_batches
from pipeline.tickets.rejects import Reject, reject
from pipeline.tickets.rows import Row, Table, find_header, no_header

_BATCH = 4096
_SHEET_BATCH = 256
_OLE = b"\xd0\xcf\x11\xe0"  # the container of .xls files and of password-protected .xlsx files
# What openpyxl and the layers below it raise for a file that is not as it should be.
XLSX_FAULTS = (
    zipfile.BadZipFile, zlib.error, struct.error, InvalidFileException, ParseError,
    LookupError, TypeError, ValueError, AttributeError, RuntimeError, EOFError, OSError,
)  # fmt: skip
_EXACT = 1 << 53  # from here on a float has lost digits


def xlsx_table(path: Path, columns: Columns) -> Table:
    """Open the first sheet that has a usable header; raises FileError."""
    with ExitStack() as opened:
        file = opened.enter_context(path.open("rb"))
        if file.read(4) == _OLE:
            raise FileError(
                "file_encrypted", f"{path.name} 有密码保护或是旧式 .xls，请去掉密码并另存为 .xlsx 后再导入。"
            )
        try:
            book = open_book(file)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # some exporters declare one cell
                if header := find_header(_sheet_rows(sheet), columns):
                    return Table(header.positions, _xlsx_data(path.name, opened.pop_all(), sheet, header.row))
            raise no_header(path.name, map(_sheet_rows, book.worksheets), columns)
        except XLSX_FAULTS as error:
            raise _damaged(path.name, "xlsx") from error


def parquet_table(path: Path, columns: Columns, piece: Piece | None = None) -> Table:
    """Open a .parquet, or one piece of it; only the columns that mean something are read. Raises FileError."""
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise _damaged(path.name, "parquet") from error
    positions = columns.match(names)
    if not positions:
        raise no_header(path.name, [iter([(1, names)])], columns)
    wanted = {field: names[position] for field, position in positions.items()}
    return Table(
        {field: index for index, field in enumerate(wanted)}, _parquet_data(path.name, file, [*wanted.values()], piece)
    )


def jsonl_table(path: Path, columns: Columns) -> Table:
    """Open a .jsonl; objects may differ in their keys. Raises FileError if none of the first has the needed ones."""
    encoding = find_encoding(path, lambda encoding: _first_keys(path, encoding, columns))
    if not _first_keys(path, encoding, columns):
        keys = chain.from_iterable(_objects(path, encoding, columns.header_rows))
        raise no_header(path.name, [iter([(1, list(keys))])], columns)
    fields = tuple(columns.fields)
    return Table({field: index for index, field in enumerate(fields)}, _jsonl_data(path, encoding, columns, fields))


def _damaged(name: str, kind: str) -> FileError:
    return FileError("file_damaged", f"{name} 已损坏或不是真正的 .{kind} 文件，请从来源系统重新导出。")


def open_book(file: BinaryIO) -> openpyxl.Workbook:
    """Open an .xlsx to be read row by row, for as long as the file is open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns about styles and extensions it does not need
        return openpyxl.load_workbook(file, read_only=True, data_only=True)


def _sheet_rows(sheet: Worksheet) -> Iterator[Row]:
    return enumerate(_quietly(sheet.iter_rows(values_only=True)), start=1)


def _quietly(rows: Iterator[Sequence[object]]) -> Iterator[Sequence[object]]:
    """Take rows a few at a time, so that openpyxl's warnings are off while it reads and only then."""
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = list(islice(rows, _SHEET_BATCH))
        if not batch:
            return
        yield from batch


def _xlsx_data(name: str, opened: ExitStack, sheet: Worksheet, header_row: int) -> Iterator[Row]:
    with opened:
        try:
            yield from islice(_sheet_rows(sheet), header_row, None)
        except XLSX_FAULTS as error:
            raise _damaged(name, "xlsx") from error


def _parquet_data(name: str, file: pq.ParquetFile, wanted: list[str], piece: Piece | None) -> Iterator[Row]:
    number = piece.row if piece else 1
    try:
        for batch in read_batches(file, wanted, _BATCH, piece):
            names = batch.schema.names
            # By position: two columns may bear the same name.
            cells = [values_of(batch.column(names.index(name))) for name in wanted]
            yield from enumerate(zip(*cells, strict=True), start=number)
            number += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, "parquet") from error


def values_of(column: pa.Array) -> list[object]:
    """Return a column as Python values; text that is no UTF-8 as bytes, times Python cannot hold as text."""
    try:
        values: list[object] = column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(pa.binary()).to_pylist()
    except (ValueError, OverflowError):
        values = column.cast(pa.string()).to_pylist()
    return values


def _objects(path: Path, encoding: str, most: int) -> Iterator[dict[str, Any]]:
    for _, line, _ in islice(decoded_lines(path, encoding), most):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _first_keys(path: Path, encoding: str, columns: Columns) -> bool:
    return any(columns.match(list(value)) for value in _objects(path, encoding, columns.header_rows))


def _jsonl_data(path: Path, encoding: str, columns: Columns, fields: Sequence[str]) -> Iterator[Row | Reject]:
    @lru_cache(maxsize=64)
    def key_of(keys: tuple[str, ...]) -> tuple[str | None, ...]:
        """For each field, the key that holds it in objects with these keys."""
        present = columns.positions(keys)
        return tuple(keys[present[field]] if field in present else None for field in fields)

    for number, line, damaged in decoded_lines(path, encoding):
        if not line.strip():
            continue
        if damaged:
            yield reject(number, "undecodable", encoding=encoding.upper())
            continue
        try:
            value = json.loads(line)
            if "\\ud" in line or "\\uD" in line:
                json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair could be written nowhere
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            yield reject(number, "bad_json")
            continue
        yield number, [value.get(key) if key is not None else None for key in key_of(tuple(value))]


def cell_text(value: object) -> str:
    """Return a cell as text: whole numbers without a decimal point, lists and objects as JSON, nothing as ''.

    Raises UnicodeDecodeError for bytes that are no UTF-8.
    """
    if isinstance(value, str):
        return value.replace("_x000D_\n", "\n").replace("_x000D_", "\n") if "_x000D_" in value else value
    if value is None:
        return ""
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value.decode() if isinstance(value, bytes) else str(value)


def _float_text(value: float) -> str:
    if value != value:
        return ""
    if not value.is_integer():
        return repr(value)
    # A large one keeps its exponent: an id whose last digits are lost must not look like an id.
    return str(int(value)) if abs(value) < _EXACT else f"{value:.15e}"
