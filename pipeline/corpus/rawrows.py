"""Rows of labelled files with the places of their cells, so that one cell is changed and every other byte stays."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.tickets import Columns
from pipeline.tickets.csv_rows import DELIMITERS

FIELDS = ("ticket_id", "text", "cause", "type", "secondary")
_EXTRA = {name: (name,) for name in FIELDS[2:]}
_BOM = "\ufeff"
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Cell:
    """A value and where it stands in its row: from `start` until before `end`."""

    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands in the file, line end and all, with the cells that matter; no cells: nothing to change."""

    raw: str
    cells: Mapping[str, Cell]
    is_json: bool = True

    def changed(self, values: Mapping[str, Any]) -> str:
        """Return the row with other values for cells; a cell that it lacks is put where the cause was."""
        added = {name: value for name, value in values.items() if name not in self.cells}
        raw = self.raw
        for name in sorted(values.keys() - added.keys(), key=lambda name: -self.cells[name].start):
            raw = self._put(raw, name, values[name], added if name == "cause" else {})
        return raw

    def _put(self, raw: str, name: str, value: Any, added: Mapping[str, Any]) -> str:  # noqa: ANN401 - JSON
        cell = self.cells[name]
        if not self.is_json:
            return raw[: cell.start] + _quoted(str(value or ""), raw[cell.start : cell.end]) + raw[cell.end :]
        if value is not None:
            return raw[: cell.start] + json.dumps(value, ensure_ascii=False) + raw[cell.end :]
        key = raw.rindex(json.dumps(name), 0, cell.start)
        if added:
            pairs = ", ".join(f"{json.dumps(it)}: {json.dumps(of, ensure_ascii=False)}" for it, of in added.items())
            return raw[:key] + pairs + raw[cell.end :]
        after = re.compile(r"\s*,\s*").match(raw, cell.end)
        if after:
            return raw[:key] + raw[after.end() :]
        return re.sub(r"\s*,\s*$", "", raw[:key]) + raw[cell.end :]


def read_raw(path: Path, columns: Columns) -> tuple[list[RawRow], str]:
    """Return all rows of a .jsonl or .csv and its encoding; joined, they are the file.

    A row that cannot be read has no cells: `pipeline.corpus.load` says what is wrong with it.
    """
    data = path.read_bytes()
    columns = columns.extended(_EXTRA)
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        encoding = "gb18030"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            return [], encoding
        if text.encode(encoding) != data:
            return [], encoding
    lines = re.findall(r"[^\n]*\n|[^\n]+\Z", text)
    return list(_csv_rows(lines, columns) if path.suffix.lower() == ".csv" else _json_rows(lines, columns)), encoding


def _json_rows(lines: Sequence[str], columns: Columns) -> Iterator[RawRow]:
    for line in lines:
        try:
            found = dict(_pairs(line, len(_BOM) if line.startswith(_BOM) else 0))
        except (ValueError, IndexError):
            found = {}
        names = list(found)
        cells = {field: found[names[at]] for field, at in columns.positions(names).items() if field in FIELDS}
        # What is written is the field's own name; under another spelling of it a row is left to a person.
        plain = all(field in found for field in cells if field in _EXTRA)
        yield RawRow(line, cells if plain else {})


def _pairs(line: str, start: int) -> Iterator[tuple[str, Cell]]:
    """Walk the top level of a JSON object; raises ValueError or IndexError if it is none."""
    at = _after_blanks(line, start)
    if line[at] != "{":
        raise ValueError("no object")
    at = _after_blanks(line, at + 1)
    while line[at] == '"':
        key, at = _DECODER.raw_decode(line, at)
        at = _after_blanks(line, at)
        if line[at] != ":":
            raise ValueError("no colon")
        begin = _after_blanks(line, at + 1)
        value, end = _DECODER.raw_decode(line, begin)
        yield key, Cell(value, begin, end)
        at = _after_blanks(line, end)
        if line[at] != ",":
            break
        at = _after_blanks(line, at + 1)
    if line[at] != "}":
        raise ValueError("no end")


def _after_blanks(line: str, at: int) -> int:
    found = _BLANK.match(line, at)
    return found.end() if found else at


def _csv_rows(lines: Sequence[str], columns: Columns) -> Iterator[RawRow]:
    records = list(_records(lines))
    header, delimiter, positions = _header(records, columns)
    for number, record in enumerate(records):
        cells = _cells(record, delimiter) if number > header else []
        fits = cells and len(cells) == len(_cells(records[header], delimiter))
        known = {field: cells[at] for field, at in positions.items() if field in FIELDS} if fits else {}
        yield RawRow(record, known, is_json=False)


def _records(lines: Sequence[str]) -> Iterator[str]:
    """Join the lines of a record: one whose quoted cell is still open goes on in the next."""
    waiting = ""
    for line in lines:
        waiting += line
        if waiting.count('"') % 2 == 0:
            yield waiting
            waiting = ""
    if waiting:
        yield waiting


def _header(records: Sequence[str], columns: Columns) -> tuple[int, str, Mapping[str, int]]:
    for number, record in enumerate(records[: columns.header_rows]):
        for delimiter in DELIMITERS:
            titles = [cell.value for cell in _cells(record.removeprefix(_BOM), delimiter)]
            if positions := columns.match(titles):
                return number, delimiter, positions
    return len(records), DELIMITERS[0], {}


def _cells(record: str, delimiter: str) -> list[Cell]:
    line = record.rstrip("\r\n")
    one = re.compile(rf'"(?:[^"]|"")*"|[^"{re.escape(delimiter)}][^{re.escape(delimiter)}]*|')
    found, at = [], 0
    while at <= len(line):
        cell = one.match(line, at)
        if cell is None or line[cell.end() : cell.end() + 1] not in ("", delimiter):
            return []
        text = cell[0]
        value = text[1:-1].replace('""', '"') if text.startswith('"') else text
        found.append(Cell(value, at, cell.end()))
        at = cell.end() + 1
    return found


def _quoted(value: str, before: str) -> str:
    return f'"{value}"' if before.startswith('"') and value else value
