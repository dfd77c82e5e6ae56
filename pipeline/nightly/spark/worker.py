"""What runs in Spark's workers: rows come in or are read, answers go out as Arrow batches; the model is loaded once."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.engine import Scored, score_chunks
from pipeline.classify.model import ONE_CORE, Model
from pipeline.classify.outputs import SCHEMA, result_row
from pipeline.tickets import Columns, Reject, Ticket
from pipeline.tickets.other_rows import parquet_table, values_of
from pipeline.tickets.pieces import Piece
from pipeline.tickets.readers import Chunk, TicketMaker
from pipeline.tickets.rows import Row, Table

# One row for every row that is not blank: the columns of the output, or why it was rejected.
ANSWERED = pa.schema([("row", pa.int64()), *SCHEMA.items(), ("code", pa.string()), ("message", pa.string())])

Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker has to know: the name of the shipped model, how to answer, which column means what."""

    model: str
    settings: ScoreSettings
    columns: Columns


def score_pieces(job: Job, pieces: Sequence[Piece], batches: Batches) -> Iterator[pa.RecordBatch]:
    """Answer the pieces whose numbers come in."""
    for batch in batches:
        for number in batch.column("id").to_pylist():
            yield from _score(job, parquet_table(pieces[number].path, job.columns, pieces[number]))


def score_rows(job: Job, batches: Batches) -> Iterator[pa.RecordBatch]:
    """Answer the rows that come in: the number first, then the fields by name."""
    batches = iter(batches)
    for first in batches:  # the others are taken below
        positions = {name: at for at, name in enumerate(first.schema.names[1:])}
        rows = chain.from_iterable(map(_rows, chain([first], batches)))
        yield from _score(job, Table(positions, rows))


def _rows(batch: pa.RecordBatch) -> Iterator[Row]:
    numbers, *cells = (values_of(column) for column in batch.columns)
    yield from zip(numbers, zip(*cells, strict=True), strict=True)


def _score(job: Job, table: Table) -> Iterator[pa.RecordBatch]:
    """Answer a table; ids that come twice are nobody's business here."""
    model, folder = _loaded(job.model)
    waiting: deque[Chunk] = deque()
    alone = job.settings.model_copy(update={"workers": 1})
    for scored in score_chunks(_chunks(table, job, waiting), folder, model, alone):
        yield _batch(scored, waiting.popleft().rejects, model)


def _chunks(table: Table, job: Job, waiting: deque[Chunk]) -> Iterator[list[Ticket]]:
    """Read ahead of the scoring; chunks wait until their answers are there."""
    make = TicketMaker(table.positions, job.columns)
    made = (entry if isinstance(entry, Reject) else make(entry) for entry in table.rows)
    entries = (entry for entry in made if entry is not None)
    while batch := list(islice(entries, job.settings.chunk_rows)):
        waiting.append(Chunk.of(batch))
        yield waiting[-1].tickets


def _batch(scored: Sequence[Scored], rejects: Sequence[Reject], model: Model) -> pa.RecordBatch:
    rows: list[dict[str, Any]] = [
        {"row": entry.ticket.row, **result_row(entry.ticket.ticket_id, entry.answer, model.taxonomy, model.name)}
        for entry in scored
    ]
    rows += [{"row": entry.row, "code": entry.code, "message": entry.message} for entry in rejects]
    return pa.RecordBatch.from_pylist(rows, schema=ANSWERED)


@lru_cache(maxsize=1)  # a worker that goes on to another model needs the one before no longer
def _loaded(shipped: str) -> tuple[Model, Path]:
    from pyspark import SparkFiles  # noqa: PLC0415 - an extra

    folder = Path(SparkFiles.get(shipped))
    return Model.load(folder, bert=ONE_CORE), folder  # one worker per core already
