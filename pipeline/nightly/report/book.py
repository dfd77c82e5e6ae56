"""The workbook: one sheet per table, numbers as numbers, and never a formula."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import openpyxl
from openpyxl.cell import Cell as BookCell
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from pipeline.nightly.report.layout import Cell, Column, Document, Kind, Table

_FORMATS = {
    Kind.TEXT: "@", Kind.COUNT: "#,##0", Kind.SHARE: "0.00%", Kind.NUMBER: "#,##0.0", Kind.CHANGE: "+0.0%;-0.0%;0.0%",
    Kind.FIGURE: "General",
}  # fmt: skip
# What spreadsheets take for the beginning of one, now or after an export; they read _x003D_ as an equals sign.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "_x")
_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
_MOST, _CUT = 32_767, "[…]"  # UTF-16 units that Excel lets a cell hold, and how a longer text ends
_NO_SHEET, _SHEET_MOST = re.compile(r"[\\*?:/\[\]']"), 31  # what the name of a sheet may not have, and its length
# Styles are set only where they differ from the default: each costs more than the cell.
_BOLD, _WRAPPED = Font(bold=True), Alignment(vertical="top", wrap_text=True)
_HEAD = PatternFill("solid", fgColor="00E3EFEC")
_NARROW, _WIDE = 10, 48  # characters
_OVERVIEW = "概览"
_HANZI = 0x2E80  # from here on a character is as wide as two


def write_book(document: Document, path: Path) -> None:
    """Write the workbook."""
    book = openpyxl.Workbook(write_only=True)
    _overview(book.create_sheet(_OVERVIEW), document)
    for section in document.sections:
        for table in section.tables:
            _sheet(book.create_sheet(table.sheet), table)
    book.save(path)


def book_of(title: str, subtitle: str, facts: Sequence[tuple[str, str]], tables: Sequence[Table]) -> bytes:
    """Return a workbook: a sheet of that title with the facts and the notes of the tables, then a sheet per table."""
    book = openpyxl.Workbook(write_only=True)
    notes = [(table.title, table.note) for table in tables if table.note]
    _cover(book.create_sheet(sheet_name(title)), title, subtitle, [*facts, *notes])
    for table in tables:
        _sheet(book.create_sheet(sheet_name(table.sheet)), table)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def sheet_name(text: str) -> str:
    """Return a text as a sheet can be named.

    >>> sheet_name("停电/电压 [2026]")
    '停电 电压  2026'
    """
    return _NO_SHEET.sub(" ", _NO_XML.sub("", ILLEGAL_CHARACTERS_RE.sub("", text))).strip()[:_SHEET_MOST] or "-"


def plain(text: str) -> str:
    """Return text that no spreadsheet takes for a formula, without what none can hold: some characters, endless text.

    >>> plain("=1+1"), plain("频繁停电")
    ("'=1+1", '频繁停电')
    """
    text = _NO_XML.sub("", ILLEGAL_CHARACTERS_RE.sub("", text))
    text = f"'{text}" if text.startswith(_FORMULA) else text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _MOST:
        return text
    return units[: 2 * (_MOST - len(_CUT))].decode("utf-16-le", "ignore") + _CUT  # ignore: half of a character


def _cover(sheet: Worksheet, title: str, subtitle: str, facts: Sequence[tuple[str, str]]) -> None:
    sheet.column_dimensions["A"].width = 24
    sheet.column_dimensions["B"].width = 100
    sheet.append([_text(sheet, title, bold=True)])
    sheet.append([_text(sheet, subtitle)])
    for name, value in facts:
        sheet.append([_text(sheet, name), _text(sheet, value)])


def _overview(sheet: Worksheet, document: Document) -> None:
    _cover(sheet, document.title, document.subtitle, document.facts)
    for notice in document.notices:
        sheet.append([_text(sheet, "注意"), _text(sheet, notice)])
    sheet.append([])
    for card in document.cards:
        sheet.append([_text(sheet, card.label), _text(sheet, f"{card.value} {card.unit}（{card.note}）")])
    for section in document.sections:
        sheet.append([])
        sheet.append([_text(sheet, section.title, bold=True)])
        for sentence in (*section.lead, *section.notes):
            sheet.append([None, _text(sheet, sentence)])


def _sheet(sheet: Worksheet, table: Table) -> None:
    lines = [*table.rows, *([] if table.total is None else [table.total])]
    for at, column in enumerate(table.columns):
        sheet.column_dimensions[get_column_letter(at + 1)].width = _width(column, [row[at] for row in lines[:200]])
    sheet.freeze_panes = "A3"
    sheet.append([_text(sheet, table.title, bold=True)])
    sheet.append([_head(sheet, column) for column in table.columns])
    for row in table.rows:
        sheet.append([_cell(sheet, cell, column) for cell, column in zip(row, table.columns, strict=True)])
    if table.total is not None:
        total = zip(table.total, table.columns, strict=True)
        sheet.append([_cell(sheet, cell, column, bold=True) for cell, column in total])


def _cell(sheet: Worksheet, value: Cell, column: Column, *, bold: bool = False) -> BookCell | None:
    if value is None:
        return None
    if isinstance(value, str):
        return _text(sheet, value, bold=bold)
    cell = WriteOnlyCell(sheet, value)
    cell.number_format = _FORMATS[column.kind]
    if bold:
        cell.font = _BOLD
    return cell


def _text(sheet: Worksheet, value: str, *, bold: bool = False) -> BookCell:
    cell = WriteOnlyCell(sheet, plain(value))
    cell.data_type = "s"
    cell.number_format = _FORMATS[Kind.TEXT]
    if bold:
        cell.font = _BOLD
    if "\n" in value:
        cell.alignment = _WRAPPED
    return cell


def _head(sheet: Worksheet, column: Column) -> BookCell:
    cell = _text(sheet, f"{column.group} {column.name}".strip(), bold=True)
    cell.fill = _HEAD
    return cell


def _width(column: Column, cells: list[Cell]) -> int:
    texts = [f"{column.group} {column.name}", *(cell for cell in cells if isinstance(cell, str))]
    widest = max(sum(2 if ord(character) >= _HANZI else 1 for character in text) for text in texts)
    return min(max(widest + 2, _NARROW), _WIDE)
