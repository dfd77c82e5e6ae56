"""`gongdan score`: a file of tickets in, a file of answers out."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.engine import Scored, score_chunks
from pipeline.classify.model import Model, ReadBert, read_bert
from pipeline.classify.outputs import Output, result_row
from pipeline.classify.probe import examine
from pipeline.classify.tuning import tuned
from pipeline.tickets import Columns, Reject, Ticket, read_chunks
from pipeline.tickets.readers import Chunk


@dataclass(slots=True)
class Tally:
    """What happened to the tickets of a run."""

    scored: int = 0
    types: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    review: int = 0

    def add(self, scored: list[Scored], rejects: list[Reject]) -> None:
        """Count one chunk."""
        self.scored += len(scored)
        self.types.update(entry.answer.type for entry in scored)
        self.answers.update(entry.answer.answer for entry in scored)
        self.reasons.update(reason for entry in scored for reason in entry.answer.reasons)
        self.review += sum(entry.answer.route == "review" for entry in scored)
        self.rejects.update(entry.code for entry in rejects)


@dataclass(frozen=True, slots=True)
class Summary:
    """What `gongdan score` reports."""

    output: Path
    rejects_file: Path
    model: str
    seconds: float
    tally: Tally

    def as_dict(self) -> dict[str, Any]:
        """Return the summary for `--json`."""
        tally = self.tally
        return {
            "output": str(self.output),
            "rejects_file": str(self.rejects_file),
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "read": tally.scored + tally.rejects.total(),
            "scored": tally.scored,
            "rejected": tally.rejects.total(),
            "review": tally.review,
            "types": dict(tally.types),
            "answers": dict(tally.answers),
            "reasons": dict(tally.reasons),
            "rejects": dict(tally.rejects),
        }


def score_file(
    source: Path,
    target: Path,
    folder: Path,
    settings: ScoreSettings,
    *,
    columns: Columns | None = None,
    advance: Callable[[int], None] = lambda _: None,
    bert: ReadBert | None = None,
) -> Summary:
    """Score every ticket of `source` into `target`; `advance` is told how many rows were done.

    `bert` runs the model's BERT, if it has one; unless given, the way that is fastest on this machine.

    Raises ModelError before the first row, FileError if a file cannot be read or written. Rows that cannot be used go
    to `target` with .rejects.csv appended.
    """
    started = time.monotonic()
    model = Model.load(folder, bert=bert) if bert else _fastest(folder, settings)
    tally = Tally()
    unwritten: deque[Chunk] = deque()
    chunks = _tickets(source, columns or Columns.load(), settings.chunk_rows, unwritten)
    with Output(target) as output:
        for scored in score_chunks(chunks, folder, model, settings):
            chunk = unwritten.popleft()
            output.write(
                (result_row(entry.ticket.ticket_id, entry.answer, model.taxonomy, model.name) for entry in scored),
                chunk.rejects,
            )
            tally.add(scored, chunk.rejects)
            advance(chunk.rows)
    return Summary(output.path, output.rejects_path, model.name, time.monotonic() - started, tally)


def _fastest(folder: Path, settings: ScoreSettings) -> Model:
    wanted = tuned(folder, settings)
    verdict = examine(folder, wanted, settings) if wanted.arithmetic == "int8" else None  # see `Runtime`
    return verdict.model if verdict else Model.load(folder, bert=read_bert(wanted))


def _tickets(source: Path, columns: Columns, size: int, unwritten: deque[Chunk]) -> Iterator[list[Ticket]]:
    """Read ahead of the scoring; chunks wait in `unwritten` until their answers are there."""
    for chunk in read_chunks(source, columns, size):
        unwritten.append(chunk)
        yield chunk.tickets
