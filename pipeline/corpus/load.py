"""Labelled narratives from .jsonl, .csv (or any format an export may have)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import CorpusError
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative, read_narrative
from pipeline.tickets import Columns, Reject, Ticket, read_tickets

_LABELS = {
    "cause": ("cause",),
    "type": ("type",),
    "secondary": ("secondary",),
    "style": ("style",),
    "written": ("written",),
}
_MOST_FAULTS = 10  # enough to see what is wrong with a file


@dataclass(frozen=True, slots=True)
class Labelled:
    """A narrative with its label: a cause, or only a type."""

    id: str
    narrative: Narrative
    type: str
    cause: str | None
    style: str = ""
    raw: str = field(default="", repr=False)  # as it was typed, unmasked: to measure its form, never to store or show

    @property
    def text(self) -> str:
        """What models read: normalised, masked, without the bracketed topic."""
        return self.narrative.text


def load_labelled(path: Path, taxonomy: Taxonomy, columns: Columns | None = None) -> list[Labelled]:
    """Read a labelled file, or every .jsonl and .csv of a folder in the order of their names.

    Needs `id`, `text` and `cause` (or, for a partly labelled ticket, only `type`); labels may be ids or Chinese names.
    Raises CorpusError that lists the rows with missing or unknown labels, FileError if a file cannot be read at all.
    """
    columns = (columns or Columns.load()).extended(_LABELS)
    files = _files(path) if path.is_dir() else [path]
    if not files:
        raise CorpusError("corpus_empty", f"{path} holds no .jsonl or .csv file")
    faults: list[str] = []
    rows = [row for file in files for row in _rows(file, columns, taxonomy, faults)]
    if faults:
        more = f" (and {len(faults) - _MOST_FAULTS} more)" if len(faults) > _MOST_FAULTS else ""
        raise CorpusError("corpus_invalid", "\n".join(faults[:_MOST_FAULTS]) + more)
    if not rows:
        raise CorpusError("corpus_empty", f"{path} holds no labelled narrative")
    return rows


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in (".jsonl", ".csv"))


def _rows(path: Path, columns: Columns, taxonomy: Taxonomy, faults: list[str]) -> Iterator[Labelled]:
    for entry in read_tickets(path, columns):
        if isinstance(entry, Reject):
            faults.append(f"{path}:{entry.row}: {entry.code}: {entry.message}")
        elif labelled := _labelled(entry, taxonomy):
            yield labelled
        else:
            faults.append(f"{path}:{entry.row}: bad_label: `cause` or `type` is missing or not in the taxonomy")


def _labelled(ticket: Ticket, taxonomy: Taxonomy) -> Labelled | None:
    narrative = read_narrative(ticket.text, ticket.personal)
    style = ticket.fields.get("style", "")
    if name := ticket.fields.get("cause"):
        cause = taxonomy.find_cause(name)
        return Labelled(ticket.ticket_id, narrative, cause.type_id, cause.id, style, ticket.text) if cause else None
    kind = taxonomy.find_type(ticket.fields.get("type", ""))
    return Labelled(ticket.ticket_id, narrative, kind.id, None, style, ticket.text) if kind else None
