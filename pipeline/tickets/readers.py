"""Read an export: rows become tickets, or rejects with a reason; memory does not grow with the file."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import FileError
from pipeline.text import normalize, split_topic
from pipeline.tickets.columns import REQUIRED, Columns
from pipeline.tickets.csv_rows import csv_table
from pipeline.tickets.dates import parse_time
from pipeline.tickets.other_rows import XLSX_FAULTS, cell_text, jsonl_table, open_book, parquet_table, xlsx_table
from pipeline.tickets.record import Ticket
from pipeline.tickets.rejects import Reject, reject
from pipeline.tickets.rows import Row, Table
from pipeline.tickets.seen import SeenIds

OPENERS: dict[str, Callable[[Path, Columns], Table]] = {
    ".csv": csv_table,
    ".tsv": csv_table,
    ".xlsx": xlsx_table,
    ".parquet": parquet_table,
    ".jsonl": jsonl_table,
}
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,3}")
_WORD = re.compile(r"\w")
_ZIP = b"PK\x03\x04"
_SHORT = 8
LONGEST_ID = 200  # characters; ids have 16 or so, and a longer cell is a narrative in the wrong column
_AROUND_ID = ("=", "'", '"', "\u200b", "\ufeff")
_BRACKETS = "【[［〔『「〖（("
_LOST_BRACKET = re.compile(r"[^】\]］]{1,24}[】\]］]\W*")  # a topic without its opening bracket, and nothing else


@dataclass(slots=True)
class Chunk:
    """A stretch of a file: its tickets and its rejects, each in the order of their rows."""

    tickets: list[Ticket] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return len(self.tickets) + len(self.rejects)

    @classmethod
    def of(cls, entries: Sequence[Ticket | Reject]) -> "Chunk":
        """Sort entries into tickets and rejects."""
        return cls(
            [entry for entry in entries if isinstance(entry, Ticket)],
            [entry for entry in entries if isinstance(entry, Reject)],
        )


def read_chunks(path: Path, columns: Columns, size: int = 2000) -> Iterator[Chunk]:
    """Yield the file in chunks of at most `size` rows; raises FileError if it cannot be read at all."""
    entries = read_tickets(path, columns)
    while batch := list(islice(entries, size)):
        yield Chunk.of(batch)


def read_tickets(path: Path, columns: Columns) -> Iterator[Ticket | Reject]:
    """Yield a ticket or a reject for every row, in the order of the file.

    Raises FileError before the first row if the file is missing, empty, of an unknown kind or has no usable header.
    """
    table = _open(path, columns)
    return _entries(table, columns)


def count_hint(path: Path) -> int | None:
    """Return about how many rows a file has, for a progress bar; None if that cannot be told.

    What is wrong with a file is said by whoever reads it, not by the one who only wants to draw a bar.
    """
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            count: int = pq.read_metadata(path).num_rows
            return count
        with path.open("rb") as file:
            if kind == ".xlsx":
                return open_book(file).worksheets[0].max_row
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except (pa.ArrowException, *XLSX_FAULTS):
        return None


def _open(path: Path, columns: Columns) -> Table:
    if not path.exists():
        raise FileError("file_missing", f"找不到文件 {path}，请检查路径。")
    if path.is_dir():
        raise FileError("file_is_folder", f"{path} 是文件夹，请给出其中的一个文件。")
    if path.stat().st_size == 0:
        raise FileError("file_empty", f"{path.name} 是空文件，请重新导出。")
    kind = path.suffix.lower()
    if kind not in OPENERS:
        hint = "旧式 .xls 请另存为 .xlsx。" if kind == ".xls" else ""
        raise FileError("file_kind", f"不支持 {path.name} 的格式，可用的有 {'、'.join(OPENERS)}。{hint}")
    with path.open("rb") as file:
        if kind in (".csv", ".tsv", ".jsonl") and file.read(4) == _ZIP:
            raise FileError("file_kind", f"{path.name} 其实是 Excel 文件，请把扩展名改为 .xlsx。")
    return OPENERS[kind](path, columns)


def _entries(table: Table, columns: Columns) -> Iterator[Ticket | Reject]:
    make = TicketMaker(table.positions, columns)
    with SeenIds() as seen:
        for entry in table.rows:
            ticket = entry if isinstance(entry, Reject) else make(entry)
            if isinstance(ticket, Ticket):
                first = seen.first_row(ticket.ticket_id, ticket.row)
                yield ticket if first is None else reject(ticket.row, "duplicate_id", first=first)
            elif ticket is not None:
                yield ticket


class TicketMaker:
    """Turns the rows of one table into tickets; what depends only on the header is worked out once."""

    def __init__(self, positions: Mapping[str, int], columns: Columns) -> None:
        """Take the column index of each field."""
        self.id_at, self.text_at = (positions[name] for name in REQUIRED)
        others = [(name, columns.fields[name], at) for name, at in positions.items() if name not in REQUIRED]
        self.times = [(name, kind.title, at) for name, kind, at in others if kind.kind == "time"]
        self.personal = [(kind.personal, at) for _, kind, at in others if kind.personal]
        self.plain = [(name, at) for name, kind, at in others if not kind.personal and kind.kind == "text"]

    def __call__(self, row: Row) -> Ticket | Reject | None:
        """Return a ticket, a reject, or None for a row that is blank altogether."""
        try:
            return self._ticket(*row)
        except UnicodeDecodeError:
            return reject(row[0], "undecodable", encoding="UTF-8")

    def _ticket(self, number: int, cells: Sequence[object]) -> Ticket | Reject | None:
        ticket_id, text = clean_id(_cell(cells, self.id_at)), _cell(cells, self.text_at)
        times = self._times(number, cells)
        fault = _fault(number, ticket_id, text) or (times if isinstance(times, Reject) else None)
        if fault or isinstance(times, Reject):
            return fault if any(_cell(cells, at).strip() for at in range(len(cells))) else None
        accepted_at = times.pop("accepted_at", None)
        fields = {name: value for name, at in self.plain if (value := _cell(cells, at).strip())}
        fields.update({name: time.isoformat(sep=" ") for name, time in times.items() if time})
        personal = tuple((value, stand_in) for stand_in, at in self.personal if (value := _cell(cells, at).strip()))
        return Ticket(ticket_id, text, number, accepted_at, fields, personal)

    def _times(self, number: int, cells: Sequence[object]) -> dict[str, datetime | None] | Reject:
        times: dict[str, datetime | None] = {}
        for name, title, at in self.times:
            value = _raw(cells, at)
            try:
                times[name] = parse_time(value if isinstance(value, datetime) else cell_text(value))
            except ValueError:
                return reject(number, "bad_date", column=title)
        return times


def _fault(number: int, ticket_id: str, text: str) -> Reject | None:
    if not ticket_id:
        return reject(number, "missing_id")
    if _SCIENTIFIC.fullmatch(ticket_id):
        return reject(number, "damaged_id")
    if len(ticket_id) > LONGEST_ID:
        return reject(number, "long_id", longest=LONGEST_ID)
    if not text.strip():
        return reject(number, "missing_text")
    # Only such texts can turn out to hold no narrative; the look is not free.
    if len(text) <= _SHORT or text.lstrip()[0] in _BRACKETS or _LOST_BRACKET.fullmatch(text) or not _WORD.search(text):
        topic, narrative = split_topic(normalize(text))
        if not _WORD.search(narrative):
            return reject(number, "topic_only" if topic else "missing_text")
    return None


def clean_id(text: str) -> str:
    """Return an id in one spelling: width, blanks and what spreadsheets put around it to keep it text do not count.

    >>> clean_id(' ="２０２６１１０１" '), clean_id("'20261101")
    ('20261101', '20261101')
    """
    folded = text.strip() if text.isascii() else unicodedata.normalize("NFKC", text).strip()
    return folded.removeprefix("=").strip("'\"\u200b\ufeff ") if folded[:1] in _AROUND_ID else folded


def _raw(cells: Sequence[object], at: int) -> object:
    return cells[at] if at < len(cells) else None


def _cell(cells: Sequence[object], at: int) -> str:
    return cell_text(_raw(cells, at))
