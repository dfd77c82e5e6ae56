"""Who put which model in service: one JSON object a line, each with the hash of the line before and its own.

MLflow keeps only where an alias points now. A line is written before the alias moves (`intended`) and one after it
(promoted, forced, rolled back), so that a command that was stopped between the two leaves a line that says so.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.errors import ModelError
from pipeline.promotion.evidence import Subject
from pipeline.settings import Settings
from pipeline.store.chain import START, link

INTENDED, ABANDONED, REFUSED = "intended", "abandoned", "refused"
PROMOTED, FORCED, ROLLED_BACK = "promoted", "forced", "rolled back"
IN_SERVICE = (PROMOTED, FORCED, ROLLED_BACK)  # a line of these says that from then on its model answers


class Entry(Settings):
    """A line. `action` of an intention says in `intends` what was to be done."""

    number: int  # from 1
    when: str  # ISO 8601 in UTC
    action: str
    intends: str | None = None
    who: str
    subject: Subject
    previous: Subject | None  # what was in service then
    evidence_sha256: str | None
    evidence_uri: str | None
    reason: str  # the written reason of a forced promotion or a rollback
    failed: tuple[str, ...]  # the checks that were not passed
    sentence: str
    before: str  # the sha256 of the line before
    sha256: str

    @property
    def at(self) -> datetime:
        """The time, with its zone."""
        return datetime.fromisoformat(self.when)

    def line(self) -> str:
        """Return it as it stands in the file."""
        return _dump(self.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class News:
    """What is to be written: an entry without its place in the chain."""

    action: str
    who: str
    subject: Subject
    previous: Subject | None
    sentence: str
    intends: str | None = None
    evidence_sha256: str | None = None
    evidence_uri: str | None = None
    reason: str = ""
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """The first line that is not as it was written, and why."""

    line: int
    why: str


class Log:
    """The log at a path; a missing file is an empty log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[Entry]:
        """Read all lines; raises ModelError if they are not as they were written."""
        *lines, _torn = self._lines()
        if (fault := verify(lines)) is not None:
            raise ModelError("log_altered", f"{self.path}, line {fault.line}: {fault.why}; restore it from a backup")
        return [Entry.model_validate_json(line) for line in lines]

    def fault(self) -> Fault | None:
        """Return the first line that is not as it was written."""
        *lines, torn = self._lines()
        if torn and verify(lines) is None:
            return Fault(len(lines) + 1, "it was not written to its end; the next promotion or rollback removes it")
        return verify(lines)

    @contextmanager
    def writing(self) -> "Iterator[Writer]":
        """Keep every other writer out, in this process and in others; raises ModelError for an altered log."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed, or its holder dies
            entries = self.entries()
            if torn := self._lines()[-1]:
                # A writer that died in the middle of its line did nothing after it; the intention before it stands.
                file.truncate(self.path.stat().st_size - len(torn.encode(errors="surrogateescape")))
            yield Writer(file.fileno(), entries)

    def _lines(self) -> list[str]:
        """Return the lines and, last, what stands after the last line's end: "" unless a writer died."""
        if not self.path.exists():
            return [""]
        return self.path.read_bytes().decode(errors="surrogateescape").split("\n")


@dataclass(slots=True)
class Writer:
    """Appends; `entries` are those that are there."""

    file: int
    entries: list[Entry] = field(default_factory=list)

    def append(self, news: News) -> Entry:
        """Write a line and wait until the disk has it."""
        values: dict[str, Any] = {name: getattr(news, name) for name in News.__dataclass_fields__}
        values |= {"number": len(self.entries) + 1, "when": datetime.now(UTC).isoformat(timespec="microseconds")}
        values |= {"before": self.entries[-1].sha256 if self.entries else START, "sha256": ""}
        bare = Entry.model_validate(values)
        entry = bare.model_copy(update={"sha256": _digest(bare.model_dump(mode="json"))})
        os.write(self.file, f"{entry.line()}\n".encode())
        os.fsync(self.file)
        self.entries.append(entry)
        return entry


def verify(lines: Sequence[str]) -> Fault | None:
    """Return the first line that was altered, or before which lines were removed or put in another order."""
    expected = START
    for number, line in enumerate(lines, 1):
        entry = _read(line)
        if entry is None:
            return Fault(number, "it was altered: it is no line that this program writes")
        if entry.sha256 != _digest(entry.model_dump(mode="json")):
            return Fault(number, "it was altered: its content does not give its own sha256")
        if entry.number != number:
            return Fault(number, _misplaced(entry.number, number, lines))
        if entry.before != expected:
            return Fault(max(number - 1, 1), f"it was altered and hashed anew: line {number} follows another one")
        expected = entry.sha256
    return None


def _misplaced(found: int, number: int, lines: Sequence[str]) -> str:
    others = [entry.number for line in lines if (entry := _read(line)) is not None]
    if number in others:
        return f"the order was changed: entry {found} stands where entry {number} was"
    return f"entry {number} was removed: entry {found} stands in its place"


def _read(line: str) -> Entry | None:
    try:
        entry = Entry.model_validate_json(line)
    except (ValidationError, UnicodeError):
        return None
    return entry if entry.line() == line else None


def _digest(values: Mapping[str, Any]) -> str:
    return link(values["before"], [_dump({name: value for name, value in values.items() if name != "sha256"})])


def _dump(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True)
