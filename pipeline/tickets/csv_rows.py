"""Rows of a .csv file, one bad row at a time: a broken quote or a damaged byte costs its own row and no other."""

import csv
import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from pipeline.tickets.columns import Columns
from pipeline.tickets.encoding import decoded_lines, find_encoding
from pipeline.tickets.rejects import Reject, reject
from pipeline.tickets.rows import Header, Row, Table, find_header, no_header, trimmed

DELIMITERS = (",", "\t", ";", "|")
# A quoted cell may hold line breaks; past this many lines the quote was never meant to be closed.
_MOST_LINES = 200
csv.field_size_limit(1 << 24)  # narratives are short, but a cell of any length must not end a night

Line = tuple[int, str, bool]  # number, text without its line end, whether bytes in it could not be decoded


def csv_table(path: Path, columns: Columns) -> Table:
    """Open a .csv (or .tsv); raises FileError if it has no usable header or encoding."""
    encoding = find_encoding(path, lambda encoding: _find(path, encoding, columns) is not None)
    found = _find(path, encoding, columns)
    if found is None:
        raise no_header(path.name, _head(path, encoding, ","), columns)
    delimiter, header = found
    return Table(header.positions, _data_rows(path, encoding, delimiter, header))


def _find(path: Path, encoding: str, columns: Columns) -> tuple[str, Header] | None:
    for delimiter in DELIMITERS:
        if header := find_header(_head(path, encoding, delimiter), columns):
            return delimiter, header
    return None


def _head(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    for number, text, _ in _numbered(path, encoding):
        try:
            yield number, _parse(text, delimiter)
        except csv.Error:
            yield number, text.split(delimiter)


class _Lines(Iterator[Line]):
    """Lines that can be given back after reading ahead."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._waiting: deque[Line] = deque()

    def __next__(self) -> Line:
        return self._waiting.popleft() if self._waiting else next(self._lines)

    def give_back(self, lines: list[Line]) -> None:
        self._waiting.extendleft(reversed(lines))


def _data_rows(path: Path, encoding: str, delimiter: str, header: Header) -> Iterator[Row | Reject]:
    lines = _Lines(itertools.dropwhile(lambda line: line[0] <= header.row, _numbered(path, encoding)))
    for line in lines:
        if line[1].strip():
            yield _record(line, lines, delimiter, header.width, encoding)


def _record(first: Line, following: _Lines, delimiter: str, width: int, encoding: str) -> Row | Reject:
    """Parse the record that begins on a line, reading on only while a quoted cell is open."""
    number, text, damaged = first
    try:
        cells = _parse(text, delimiter)
    except csv.Error as error:
        if not _is_open(error):
            return reject(number, "broken_quote")
        return _multi_line(first, following, delimiter, width, encoding)
    if damaged:
        return reject(number, "undecodable", encoding=encoding.upper())
    return _checked(number, cells, width, quoted='"' in text)


def _multi_line(first: Line, following: _Lines, delimiter: str, width: int, encoding: str) -> Row | Reject:
    """Join lines until the quoted cell closes; if it never does, only the first line is lost."""
    number, text, damaged = first
    ahead: list[Line] = []
    for line in itertools.islice(following, _MOST_LINES):
        ahead.append(line)
        if '"' not in line[1]:
            continue
        try:
            cells = _parse("\n".join([text, *(later for _, later, _ in ahead)]), delimiter)
        except csv.Error as error:
            if _is_open(error):
                continue
            break
        if isinstance(_checked(number, cells, width, quoted=True), Reject):
            break
        if damaged or any(line[2] for line in ahead):
            return reject(number, "undecodable", encoding=encoding.upper())
        return number, cells
    following.give_back(ahead)
    return reject(number, "broken_quote")


def _is_open(error: csv.Error) -> bool:
    """Tell whether a record ended inside a quoted cell."""
    return "unexpected end" in str(error)


def _checked(number: int, cells: list[str], width: int, *, quoted: bool) -> Row | Reject:
    """Refuse a row whose cells do not line up with the header; empty cells at the end are no harm."""
    if width <= len(cells) and len(trimmed(cells)) <= width:
        return number, cells
    if quoted:
        return reject(number, "broken_quote")
    return reject(number, "wrong_columns", found=len(cells), expected=width)


def _parse(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


def _numbered(path: Path, encoding: str) -> Iterator[Line]:
    return ((number, text.replace("\r", " "), damaged) for number, text, damaged in decoded_lines(path, encoding))
