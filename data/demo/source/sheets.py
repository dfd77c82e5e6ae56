"""Rows become files, byte for byte the same each time: an .xlsx with a title row, a .csv as Excel writes it."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

# A row by field name. An empty one is a blank row; what stands under FAULT damages the line it is written on.
Row = Mapping[str, str | int | datetime | None]
FAULT = "fault"

_WIDTHS = {"text": 80, "address": 40, "ticket_id": 19, "accepted_at": 19, "dispatched_at": 19}
_CREATED = datetime(2026, 11, 2, 8, 30)  # noqa: DTZ001 - document properties carry no zone
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can state


def write_xlsx(path: Path, title: str, headers: Mapping[str, str], rows: Iterable[Row]) -> None:
    """Write one sheet: a merged title row, the header, the rows; numbers of every kind are text cells."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "投诉工单"
    sheet.append([title])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(headers))
    sheet.append(list(headers.values()))
    for row in rows:
        sheet.append([row.get(field) for field in headers])
    _dress(sheet, headers)
    book.properties.creator = book.properties.title = title
    book.properties.created = book.properties.modified = _CREATED
    path.write_bytes(_same_zip(book))


def write_csv(path: Path, headers: Mapping[str, str], rows: Iterable[Row]) -> None:
    """Write GB18030 with CRLF line ends and one blank line at the end."""
    lines = [_line(headers.values()), *(_damaged(row, headers) for row in rows), b"\r\n"]
    path.write_bytes(b"".join(lines))


def _dress(sheet: Worksheet, headers: Mapping[str, str]) -> None:
    sheet["A1"].font = Font(bold=True, size=14)
    sheet["A1"].alignment = Alignment(horizontal="center")
    sheet.freeze_panes = "B3"
    for column, field in enumerate(headers, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = _WIDTHS.get(field, 14)
        sheet.cell(2, column).font = Font(bold=True)
    for cells in sheet.iter_rows(min_row=3):
        for cell in cells:
            cell.number_format = "yyyy-mm-dd hh:mm:ss" if isinstance(cell.value, datetime) else "@"


def _same_zip(book: Workbook) -> bytes:
    """Pack the workbook again without the times of packing.

    `Workbook.save` would stamp the present as the time of modification; the writer below it does not.
    """
    first, packed = io.BytesIO(), io.BytesIO()
    ExcelWriter(book, zipfile.ZipFile(first, "w")).save()
    with zipfile.ZipFile(first) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # else it depends on the machine
            target.writestr(entry, source.read(name), compresslevel=9)
    return packed.getvalue()


def _line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode("gb18030")


def _damaged(row: Row, headers: Mapping[str, str]) -> bytes:
    """Return the line of a row, with the fault it asks for."""
    cells = {field: _cell(row.get(field)) for field in headers}
    fault, text = row.get(FAULT), cells["text"]
    half = len(text) // 2
    if fault == "undecodable":
        before, after = _line(cells.values()).split(text.encode("gb18030"))
        return before + text[:half].encode("gb18030") + b"\xff\xff" + text[half:].encode("gb18030") + after
    if fault == "broken_quote":
        return _line(cells.values()).replace(text.encode("gb18030"), f'"{text}'.encode("gb18030"))
    if fault == "wrong_columns":
        return _line(cells.values()).replace(text.encode("gb18030"), f"{text[:half]},{text[half:]}".encode("gb18030"))
    return _line(cells.values())


def _cell(value: str | int | datetime | None) -> str:
    """Return a cell as Excel writes it: 2026/10/3 8:05."""
    if isinstance(value, datetime):
        return f"{value.year}/{value.month}/{value.day} {value.hour}:{value.minute:02}"
    return "" if value is None else str(value)
