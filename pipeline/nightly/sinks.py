"""The answers of a night as files, for those who do not read databases."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from pipeline.classify.answer import Answer
from pipeline.classify.outputs import Output, result_row
from pipeline.store.database import Store
from pipeline.store.schema import predictions, rejects, runs
from pipeline.taxonomy import Taxonomy
from pipeline.tickets import Reject

Format = Literal["csv", "jsonl", "parquet", "xlsx"]
_ROWS = 2000  # read from the database and written together


def write_answers(store: Store, run_id: int, taxonomy: Taxonomy, folder: Path, formats: Sequence[Format]) -> list[Path]:
    """Write what a run answered as answers.FORMAT, in the order of sources and rows; returns the paths.

    The rows it was the first to refuse lie beside them. Raises FileError or StoreError; a file appears only whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for ending in formats:
        path = folder / f"answers.{ending}"
        store.run(lambda connection, path=path: _write(connection, run_id, taxonomy, path))  # type: ignore[misc]
        paths.append(path)
    return paths


def _write(connection: sa.Connection, run_id: int, taxonomy: Taxonomy, path: Path) -> None:
    model = connection.scalars(sa.select(runs.c.model).where(runs.c.id == run_id)).one()
    mine = sa.select(rejects).where(rejects.c.run_id == run_id).order_by(rejects.c.source, rejects.c.row)
    with Output(path) as output:
        for rows in _answers(connection, run_id):
            output.write((result_row(row.ticket_id, _answer(row), taxonomy, model) for row in rows), [])
        output.write([], (Reject(row.row, row.code, row.message) for row in connection.execute(mine)))


def _answers(connection: sa.Connection, run_id: int) -> Iterator[Sequence[sa.Row[Any]]]:
    query = (
        sa.select(predictions)
        .where(predictions.c.run_id == run_id)
        .order_by(predictions.c.source, predictions.c.row, predictions.c.ticket_id)
        .execution_options(yield_per=_ROWS)
    )
    yield from connection.execute(query).partitions()


def _answer(row: sa.Row[Any]) -> Answer:
    return Answer(
        row.type,
        row.cause,
        row.type_probability,
        row.cause_probability,
        row.answer,
        row.route,
        tuple(row.reasons),
        tuple((cause, probability) for cause, probability in row.alternatives),
    )
