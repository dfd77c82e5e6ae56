"""Rows of a .csv file, one bad row at a time: a broken quote or a damaged byte costs its own row and no other."""

import csv
import itertools
import re
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
_TELLING = 6  # characters; a shorter id may as well be the number of an item in a narrative
csv.field_size_limit(1 << 24)  # narratives are short, but a cell of any length must not end a night

Line = tuple[int, str, bool]  # number, text without its line end, whether bytes in it could not be decoded


def csv_table(path: Path, columns: Columns) -> Table:
    """Open a .csv (or .tsv); raises FileError if it has no usable header or encoding."""
    encoding = find_encoding(path, lambda encoding: _find(path, encoding, columns) is not None)
    found = _find(path, encoding, columns)
    if found is None:
        raise no_header(path.name, (_head(path, encoding, delimiter) for delimiter in DELIMITERS), columns)
    delimiter, header = found
    return Table(header.positions, _data_rows(path, encoding, delimiter, header))


def _find(path: Path, encoding: str, columns: Columns) -> tuple[str, Header] | None:
    for delimiter in DELIMITERS:
        if header := find_header(_head(path, encoding, delimiter), columns):
            return delimiter, header
    return None


def _head(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    lines = _Lines(_numbered(path, encoding))
    for line in lines:
        number, text, _ = line
        try:
            yield number, _parse(text, delimiter)
        except csv.Error as error:
            further, cells = _joined(line, lines, delimiter) if _is_open(error) else ([], None)
            yield (further[-1][0], cells) if cells else (number, text.split(delimiter))


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
            yield _record(line, lines, delimiter, header, encoding)


def _record(first: Line, following: _Lines, delimiter: str, header: Header, encoding: str) -> Row | Reject:
    """Parse the record that begins on a line, reading on only while a quoted cell is open."""
    number, text, damaged = first
    try:
        cells = _parse(text, delimiter)
    except csv.Error as error:
        if not _is_open(error):
            return reject(number, "broken_quote")
        return _multi_line(first, following, delimiter, header, encoding)
    if damaged:
        return reject(number, "undecodable", encoding=encoding.upper())
    if _fits(cells, header):
        return number, cells
    # With an odd number of quotes one is missing, and the cells are not what was meant.
    if text.count('"') % 2:
        return reject(number, "broken_quote")
    return reject(number, "wrong_columns", found=len(cells), expected=header.width)


def _multi_line(first: Line, following: _Lines, delimiter: str, header: Header, encoding: str) -> Row | Reject:
    """Join lines until the quoted cell closes; if it never does, only the first line is lost."""
    number, _, damaged = first
    further, cells = _joined(first, following, delimiter)
    if cells is None:
        return reject(number, "broken_quote")
    if not _fits(cells, header) or any(_is_row(text, delimiter, header, like=cells) for _, text, _ in further):
        following.give_back(further)
        return reject(number, "broken_quote")
    if damaged or any(line[2] for line in further):
        return reject(number, "undecodable", encoding=encoding.upper())
    return number, cells


def _joined(first: Line, following: _Lines, delimiter: str) -> tuple[list[Line], list[str] | None]:
    """Read on to where the open quoted cell of a line closes: the lines and the cells; no cells if it never does."""
    further: list[Line] = []
    for line in itertools.islice(following, _MOST_LINES):
        further.append(line)
        if '"' not in line[1]:
            continue
        try:
            return further, _parse("\n".join([first[1], *(text for _, text, _ in further)]), delimiter)
        except csv.Error as error:
            if not _is_open(error):
                break
    following.give_back(further)
    return [], None


def _is_row(text: str, delimiter: str, header: Header, like: list[str]) -> bool:
    """Tell whether a line is a row of its own, with an id of the same shape, that a broken quote would swallow."""
    try:
        cells = _parse(text, delimiter)
    except csv.Error:
        cells = text.split(delimiter)
    at = header.positions["ticket_id"]
    return len(cells) >= header.width and len(like[at]) >= _TELLING and _shape(cells[at]) == _shape(like[at])


def _shape(ticket_id: str) -> str:
    return re.sub("[0-9]", "0", ticket_id.strip('" '))


def _is_open(error: csv.Error) -> bool:
    """Tell whether a record ended inside a quoted cell."""
    return "unexpected end" in str(error)


def _fits(cells: list[str], header: Header) -> bool:
    """Tell whether cells line up with the header.

    Any other number means that the cells may have shifted, even if the last one is empty: an unquoted comma in the
    narrative of a ticket that is still open looks like that.
    """
    return len(cells) in (header.width, header.cells) and len(trimmed(cells)) <= header.width


def _parse(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


def _numbered(path: Path, encoding: str) -> Iterator[Line]:
    return ((number, text.replace("\r", " "), damaged) for number, text, damaged in decoded_lines(path, encoding))
