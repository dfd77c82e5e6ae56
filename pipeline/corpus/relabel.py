"""Labelled files after the tree changed: renamed and merged causes are rewritten, split ones go to a person."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.corpus.load import labelled_files
from pipeline.corpus.rawrows import RawRow, read_raw
from pipeline.corpus.write import json_lines, write_file
from pipeline.errors import FileError
from pipeline.taxonomy import Taxonomy
from pipeline.taxonomy_changes import Retired
from pipeline.tickets import Columns

Say = Callable[[str], None]
BACKUP = ".bak"


@dataclass(frozen=True, slots=True)
class Queued:
    """A narrative whose cause was split (`parts`) or given up (no parts): a person says which it is now."""

    file: str
    id: str
    text: str
    type: str | None  # what is certain without a person: all parts are below it; None: nothing is
    former: str
    former_name: str
    parts: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        """Return a line of the list for a person."""
        return {
            "id": self.id, "text": self.text, "type": self.type, "former_cause": self.former,
            "former_name": self.former_name, "parts": list(self.parts), "file": self.file,
        }  # fmt: skip


@dataclass(slots=True)
class Relabelled:
    """What becomes of one file; nothing is written until `write`."""

    path: Path
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)  # (former cause, present one): rows
    queued: list[Queued] = field(default_factory=list)
    encoding: str = "utf-8"
    content: str = ""

    @property
    def changed(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.moved or self.queued)


def relabel(paths: Sequence[Path], taxonomy: Taxonomy, columns: Columns | None = None) -> list[Relabelled]:
    """Return what becomes of labelled files, and of every .jsonl and .csv of folders; writes nothing.

    Raises FileError if a file cannot be read.
    """
    columns = columns or Columns.load()
    files = [file for path in paths for file in (labelled_files(path) if path.is_dir() else [path])]
    return [_relabelled(file, taxonomy, columns) for file in files]


def write(files: Sequence[Relabelled], queue: Path, say: Say = lambda _: None) -> None:
    """Queue first, then rewrite each file, whole or not at all, with what it was beside it as .bak.

    Killed at any point, it leaves whole files, and the next call does the rest. Raises FileError.
    """
    _queue([entry for file in files for entry in file.queued], queue, say)
    for file in files:
        if file.changed:
            write_file(file.path.with_name(file.path.name + BACKUP), file.path.read_bytes())
            write_file(file.path, file.content.encode(file.encoding))
            say(f"{file.path}: {file.moved.total()} labels renamed, {len(file.queued)} left to a person")


def _relabelled(path: Path, taxonomy: Taxonomy, columns: Columns) -> Relabelled:
    try:
        rows, encoding = read_raw(path, columns)
    except OSError as error:
        raise FileError("file_unreadable", f"无法读取 {path}：{error.strerror}。") from error
    found = Relabelled(path, encoding=encoding)
    found.content = "".join(_row(row, found, taxonomy) for row in rows)
    return found


def _row(row: RawRow, found: Relabelled, taxonomy: Taxonomy) -> str:
    """Return what a row becomes, "" if it leaves the file; counts it."""
    values = _secondary(row, taxonomy)
    former = taxonomy.find_retired(str(_value(row, "cause") or ""))
    if former is None:
        return row.changed(values)
    successor = taxonomy.lineage.successor(former.id)
    if successor is not None:
        found.moved[former.id, successor] += 1
        return row.changed(values | {"cause": successor} | _type(row, taxonomy.cause(successor).type_id, taxonomy))
    queued = _queued(row, found.path, former, taxonomy)
    found.queued.append(queued)
    if queued.type is None or not (row.is_json or "type" in row.cells):
        return ""  # a label that says nothing any more is none
    certain: dict[str, Any] = {"type": queued.type}
    if "type" in row.cells:
        certain = _type(row, queued.type, taxonomy)
    return row.changed(values | {"cause": None} | certain)


def _queued(row: RawRow, path: Path, former: Retired, taxonomy: Taxonomy) -> Queued:
    parts = taxonomy.lineage.parts(former.id)
    types = {taxonomy.cause(part).type_id for part in parts}
    certain = types.pop() if len(types) == 1 else None
    ticket_id, text = str(_value(row, "ticket_id") or ""), str(_value(row, "text") or "")
    return Queued(path.name, ticket_id, text, certain, former.id, former.name, parts)


def _type(row: RawRow, type_id: str, taxonomy: Taxonomy) -> dict[str, Any]:
    """Return the type that a row has to say in place of its own, if it says another."""
    said = str(_value(row, "type") or "")
    found = taxonomy.find_type(said)
    return {} if "type" not in row.cells or (found and found.id == type_id) else {"type": type_id}


def _secondary(row: RawRow, taxonomy: Taxonomy) -> dict[str, Any]:
    """Return a row's further causes in the present tree, if any of them is former; one that was split is left out."""
    said = _value(row, "secondary")
    if not row.is_json or not isinstance(said, list) or not any(taxonomy.find_retired(str(it)) for it in said):
        return {}
    present = [it if (former := taxonomy.find_retired(str(it))) is None else taxonomy.lineage.successor(former.id)
               for it in said]  # fmt: skip
    return {"secondary": [it for it in dict.fromkeys(present) if it is not None]}


def _value(row: RawRow, name: str) -> Any:  # noqa: ANN401 - whatever a cell holds
    cell = row.cells.get(name)
    return None if cell is None else cell.value


def _queue(entries: Sequence[Queued], path: Path, say: Say) -> None:
    """Add to the list for a person what it does not hold yet."""
    before = path.read_bytes() if path.is_file() else b""
    held = {_key(json.loads(line)) for line in before.splitlines() if line.strip()}
    rows = {_key(row): row for row in (entry.row() for entry in entries)}
    fresh = [row for key, row in rows.items() if key not in held]
    if not fresh:
        return
    write_file(path, before + json_lines(fresh))
    say(f"{path}: {len(fresh)} narratives for a person to label")


def _key(row: Mapping[str, Any]) -> tuple[object, ...]:
    return row.get("id"), row.get("text"), row.get("former_cause")
