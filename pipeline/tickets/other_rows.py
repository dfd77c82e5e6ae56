"""Rows of .xlsx, .parquet and .jsonl files, read piece by piece."""

import json
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from pipeline.errors import FileError
from pipeline.tickets.columns import Columns
from pipeline.tickets.encoding import decoded_lines, find_encoding
from pipeline.tickets.rejects import Reject, reject
from pipeline.tickets.rows import Row, Table, find_header, no_header

_BATCH = 4096
_OLE = b"\xd0\xcf\x11\xe0"  # the container of .xls files and of password-protected .xlsx files
_XLSX_FAULTS = (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, EOFError, OSError)


def xlsx_table(path: Path, columns: Columns) -> Table:
    """Open the first sheet that has a usable header; raises FileError."""
    with path.open("rb") as file:
        if file.read(4) == _OLE:
            raise FileError(
                "file_encrypted", f"{path.name} 有密码保护或是旧式 .xls，请去掉密码并另存为 .xlsx 后再导入。"
            )
    try:
        book = _open_book(path)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # some exporters declare one cell
            if header := find_header(_sheet_rows(sheet), columns):
                return Table(header.positions, _xlsx_data(path.name, book, sheet, header.row))
        error = no_header(path.name, chain.from_iterable(map(_sheet_rows, book.worksheets)), columns)
        book.close()
        raise error
    except _XLSX_FAULTS as error:
        raise _damaged(path.name, "xlsx") from error


def parquet_table(path: Path, columns: Columns) -> Table:
    """Open a .parquet; only the columns that mean something are read. Raises FileError."""
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path.name, "parquet") from error
    positions = columns.match(names)
    if not positions:
        raise no_header(path.name, iter([(1, names)]), columns)
    wanted = {field: names[position] for field, position in positions.items()}
    return Table(
        {field: index for index, field in enumerate(wanted)}, _parquet_data(path.name, file, [*wanted.values()])
    )


def jsonl_table(path: Path, columns: Columns) -> Table:
    """Open a .jsonl; objects may differ in their keys. Raises FileError if none of the first has the needed ones."""
    encoding = find_encoding(path, lambda encoding: _first_keys(path, encoding, columns))
    if not _first_keys(path, encoding, columns):
        keys = chain.from_iterable(_objects(path, encoding, columns.header_rows))
        raise no_header(path.name, iter([(1, list(keys))]), columns)
    fields = tuple(columns.fields)
    return Table({field: index for index, field in enumerate(fields)}, _jsonl_data(path, encoding, columns, fields))


def _damaged(name: str, kind: str) -> FileError:
    return FileError("file_damaged", f"{name} 已损坏或不是真正的 .{kind} 文件，请从来源系统重新导出。")


def _open_book(path: Path) -> openpyxl.Workbook:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns about styles and extensions it does not need
        return openpyxl.load_workbook(path, read_only=True, data_only=True)


def _sheet_rows(sheet: Worksheet) -> Iterator[Row]:
    return enumerate(sheet.iter_rows(values_only=True), start=1)


def _xlsx_data(name: str, book: openpyxl.Workbook, sheet: Worksheet, header_row: int) -> Iterator[Row]:
    try:
        yield from islice(_sheet_rows(sheet), header_row, None)
    except _XLSX_FAULTS as error:
        raise _damaged(name, "xlsx") from error
    finally:
        book.close()


def _parquet_data(name: str, file: pq.ParquetFile, wanted: list[str]) -> Iterator[Row]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_BATCH, columns=wanted):
            # By position: two columns may bear the same name.
            cells = [batch.column(column).to_pylist() for column in wanted]
            for values in zip(*cells, strict=True):
                number += 1
                yield number, values
    except (pa.ArrowException, OSError) as error:
        raise _damaged(name, "parquet") from error


def _objects(path: Path, encoding: str, most: int) -> Iterator[dict[str, Any]]:
    for _, line, _ in islice(decoded_lines(path, encoding), most):
        try:
            value = json.loads(line)
        except ValueError:
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
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            yield reject(number, "bad_json")
            continue
        yield number, [value.get(key) if key is not None else None for key in key_of(tuple(value))]


def cell_text(value: object) -> str:
    """Return a cell as text: whole numbers without a decimal point, lists and objects as JSON, nothing as ''."""
    if isinstance(value, str):
        return value.replace("_x000D_", "\n") if "_x000D_" in value else value
    if value is None:
        return ""
    if isinstance(value, float):
        if value != value:
            return ""
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
