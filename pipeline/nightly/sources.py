"""Where new tickets come from: a folder that exports are dropped into, or a table that grows by time and id."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pipeline.errors import FileError, SourceError
from pipeline.settings import Settings, resolve
from pipeline.tickets import Columns, Reject, Ticket, count_hint, read_tickets
from pipeline.tickets.readers import OPENERS, Chunk

Cursor = Mapping[str, Any]  # JSON: where in a table reading stands


@dataclass(frozen=True, slots=True)
class Part:
    """What is read in one go: a file, or a table. `sha256` is that of the file, or of what says which table it is."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Position:
    """How far a part was read: rows since the run began with it, and the cursor of a table."""

    rows: int = 0
    cursor: Cursor | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What finds a rejected row again: the sha256 it is kept under, its number, and its time and id in a table."""

    sha256: str
    row: int
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a part, and the position behind it. `places` are those of its rejects, by row."""

    chunk: Chunk
    position: Position
    places: Mapping[int, Place] = field(default_factory=dict)


class Source(Protocol):
    """Tickets that can be read from any position on, the same rows every time."""

    @property
    def name(self) -> str:
        """What runs and people call it; holds no password."""

    def parts(self) -> Sequence[Part]:
        """List what there is to read; raises SourceError."""

    def first(self, part: Part, last: Position | None, since: datetime | None) -> Position:
        """Return where a new run begins in a part, given how far the runs before it came."""

    def read(self, part: Part, position: Position, size: int) -> Iterator[Page]:
        """Yield the rest of a part, at most `size` rows at a time; raises FileError or SourceError."""

    def again(self, part: Part, places: Sequence[Place]) -> Iterator[tuple[Place, Ticket | Reject | None]]:
        """Read rejected rows once more; None for a row that is no longer there. Raises FileError or SourceError."""

    def find(self, part_name: str, row: int, ticket_id: str) -> Ticket | None:
        """Read one ticket once more, as it was typed; None if it is gone. Raises FileError or SourceError."""

    def count(self, part: Part) -> int | None:
        """Return about how many rows there are, for a progress bar."""


class FolderSettings(Settings):
    """A folder that exports are dropped into."""

    inbox: Path


class Folder:
    """Reads every export that lies directly in a folder."""

    def __init__(self, settings: FolderSettings, columns: Columns) -> None:
        """Take a folder; raises SourceError if there is none."""
        self.inbox = resolve(settings.inbox)
        self.columns = columns
        if not self.inbox.is_dir():
            raise SourceError(
                "inbox_missing", f"inbox {self.inbox} is no folder; make it or change `inbox` in the configuration"
            )

    @property
    def name(self) -> str:
        """The path of the folder."""
        return str(self.inbox)

    def parts(self) -> Sequence[Part]:
        """List the exports by name; one that cannot be opened has no sha256."""
        return [Part(path.name, _sha256_if_readable(path)) for path in sorted(self.inbox.iterdir()) if _is_export(path)]

    def first(self, part: Part, last: Position | None, since: datetime | None) -> Position:
        """Begin every file at its head: what is known is passed over by its key."""
        del part, last, since
        return Position()

    def read(self, part: Part, position: Position, size: int) -> Iterator[Page]:
        """Yield what comes after the first `position.rows` rows."""
        if not part.sha256:
            raise FileError("file_unreadable", f"{part.name} 无法打开，请检查文件权限后重试。")
        entries = read_tickets(self.inbox / part.name, self.columns)
        for _ in range(position.rows):
            next(entries, None)
        rows = position.rows
        for batch, done in batches(entries, size):
            rows += len(batch)
            chunk = Chunk.of(batch)
            places = {entry.row: Place(part.sha256, entry.row) for entry in chunk.rejects}
            yield Page(chunk, Position(rows, done=done), places)

    def again(self, part: Part, places: Sequence[Place]) -> Iterator[tuple[Place, Ticket | Reject | None]]:
        """Read the whole file, so that a row is judged as it was: whether an id came before depends on all of it."""
        path = self.inbox / part.name
        if not path.is_file() or file_sha256(path) != part.sha256:
            raise FileError("file_gone", f"{part.name} 已不在收件夹中或内容已改变，请放回原文件后再重试其中的拒收行。")
        wanted = {place.row: place for place in places}
        for entry in read_tickets(path, self.columns):
            if place := wanted.pop(entry.row, None):
                yield place, entry
        yield from ((place, None) for place in wanted.values())

    def find(self, part_name: str, row: int, ticket_id: str) -> Ticket | None:
        """Read the file up to the row."""
        path = self.inbox / part_name
        if not path.is_file():
            return None
        found = (entry for entry in read_tickets(path, self.columns) if entry.row == row)
        entry = next(found, None)
        return entry if isinstance(entry, Ticket) and entry.ticket_id == ticket_id else None

    def count(self, part: Part) -> int | None:
        """Count lines, or ask the file."""
        return count_hint(self.inbox / part.name)


def _is_export(path: Path) -> bool:
    """Tell an export from folders, hidden files, and the ~$ files of a spreadsheet that somebody has open."""
    return path.suffix.lower() in OPENERS and not path.name.startswith((".", "~$")) and not path.is_dir()


def _sha256_if_readable(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError:
        return ""


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def batches(entries: Iterator[Ticket | Reject], size: int) -> Iterator[tuple[list[Ticket | Reject], bool]]:
    """Yield lists of at most `size` entries, each with whether it is the last."""
    batch: list[Ticket | Reject] = []
    for entry in entries:
        if len(batch) == size:
            yield batch, False
            batch = []
        batch.append(entry)
    if batch:
        yield batch, True
