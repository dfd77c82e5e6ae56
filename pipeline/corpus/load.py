"""Labelled narratives from .jsonl, .csv (or any format an export may have)."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from pipeline.errors import CorpusError
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative, read_narrative
from pipeline.tickets import Columns, Reject, Ticket, read_tickets

Split = Literal["train", "calibration", "test"]
# The later a split stands here, the more it is protected (see `pipeline.corpus.split`).
SPLITS: tuple[Split, ...] = get_args(Split)
_LABELS = {
    "cause": ("cause",),
    "type": ("type",),
    "secondary": ("secondary",),
    "style": ("style",),
    "written": ("written",),
    "split": ("split",),
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
    split: Split | None = None  # where the file itself says it

    @property
    def text(self) -> str:
        """What models read: normalised, masked, without the bracketed topic."""
        return self.narrative.text


def load_labelled(path: Path | Sequence[Path], taxonomy: Taxonomy, columns: Columns | None = None) -> list[Labelled]:
    """Read a labelled file, or every .jsonl and .csv of a folder in the order of their names; or several of these.

    Needs `id`, `text` and `cause` (or, for a partly labelled ticket, only `type`); labels may be ids or Chinese names.
    `split` (train, calibration or test) may say what each row is for. Raises CorpusError that lists the rows with
    missing or unknown labels or splits, FileError if a file cannot be read at all.
    """
    columns = (columns or Columns.load()).extended(_LABELS)
    paths = [path] if isinstance(path, Path) else path
    named = " + ".join(map(str, paths))
    files = [file for place in paths for file in (labelled_files(place) if place.is_dir() else [place])]
    if not files:
        raise CorpusError("corpus_empty", f"{named} holds no .jsonl or .csv file")
    if len(paths) > 1:  # corrections beside a corpus may be none yet
        files = [file for file in files if not (file.is_file() and file.stat().st_size == 0)]
    faults: list[str] = []
    rows = [row for file in files for row in _rows(file, columns, taxonomy, faults)]
    if faults:
        more = f" (and {len(faults) - _MOST_FAULTS} more)" if len(faults) > _MOST_FAULTS else ""
        raise CorpusError("corpus_invalid", "\n".join(faults[:_MOST_FAULTS]) + more)
    if not rows:
        raise CorpusError("corpus_empty", f"{named} holds no labelled narrative")
    return rows


def corpus_sha256(rows: Sequence[Labelled]) -> str:
    """Return a digest of labelled narratives that their order does not change."""
    lines = sorted(f"{row.id}\t{row.cause}\t{row.text}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def labelled_files(folder: Path) -> list[Path]:
    """Return the .jsonl and .csv files of a folder in the order of their names."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in (".jsonl", ".csv"))


def _rows(path: Path, columns: Columns, taxonomy: Taxonomy, faults: list[str]) -> Iterator[Labelled]:
    for entry in read_tickets(path, columns):
        if isinstance(entry, Reject):
            faults.append(f"{path}:{entry.row}: {entry.code}: {entry.message}")
        elif entry.fields.get("split", "") not in ("", *SPLITS):
            faults.append(f"{path}:{entry.row}: bad_split: `split` is none of {', '.join(SPLITS)}")
        elif labelled := _labelled(entry, taxonomy):
            yield labelled
        else:
            faults.append(f"{path}:{entry.row}: bad_label: `cause` or `type` is missing or not in the taxonomy")


def _labelled(ticket: Ticket, taxonomy: Taxonomy) -> Labelled | None:
    split = next((name for name in SPLITS if name == ticket.fields.get("split")), None)
    label = _label(ticket.fields.get("cause", ""), ticket.fields.get("type", ""), taxonomy)
    if label is None:
        return None
    narrative = read_narrative(ticket.text, ticket.personal)
    return Labelled(ticket.ticket_id, narrative, *label, ticket.fields.get("style", ""), ticket.text, split)


def _label(cause: str, kind: str, taxonomy: Taxonomy) -> tuple[str, str | None] | None:
    """Return (type id, cause id): by the cause if one is named, else by the type alone; None if it is unknown."""
    if cause:
        found = taxonomy.find_cause(cause)
        return (found.type_id, found.id) if found else None
    of_type = taxonomy.find_type(kind)
    return (of_type.id, None) if of_type else None
