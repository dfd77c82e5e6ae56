"""`gongdan score` inside Spark: years of Parquet through one model on many machines, the same answers row for row.

Narratives are read, masked and answered by one worker and never leave it: only answers are sorted and sent on.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline import errors
from pipeline.classify.answer import ScoreSettings
from pipeline.classify.model import Model
from pipeline.classify.outputs import COLUMNS, Output
from pipeline.classify.score import Summary, Tally
from pipeline.nightly.spark.session import no_word_of_pandas, open_session, ship
from pipeline.nightly.spark.worker import ANSWERED, Batches, Job, score_pieces, score_rows
from pipeline.tickets import Columns, Reject, read_tickets
from pipeline.tickets.pieces import Piece, cut
from pipeline.tickets.rejects import REASONS
from pipeline.tickets.rows import no_header

if TYPE_CHECKING:  # an extra: imported where Spark is used
    from pyspark.sql import DataFrame

_PIECE = 10_000  # rows of a task: seconds of work, so that its start costs little and the last ones end together
_PIECES = 10  # pieces whose answers are sorted together: few small files, and memory to spare
_SPARK_TYPES = {pa.int64(): "bigint", pa.float64(): "double", pa.string(): "string"}
_ANSWERED_IN_SPARK = ", ".join(f"{field.name} {_SPARK_TYPES[field.type]}" for field in ANSWERED)
_EXPECTED = re.compile(r"pipeline\.errors\.(\w+): (\w+): (.+)")  # how a worker's traceback ends


def score_table(
    frame: "DataFrame",
    folder: Path,
    settings: ScoreSettings,
    columns: Columns | None = None,
    *,
    row: str | None = None,
) -> "DataFrame":
    """Return the answers to a table of tickets: the columns of `gongdan score`, and `row`, `code`, `message` around.

    A row that cannot be used has `code` and `message` and no answer; a blank one is left out. `row` names the column
    of whole numbers that orders the tickets and tells which of two with the same id came first; without it they get
    numbers in the order of the table's partitions. Raises ModelError, and FileError if `frame` lacks a column.
    """
    from pyspark.sql import functions as F  # noqa: N812, PLC0415 - an extra, by its usual name

    columns = columns or Columns.load()
    positions = columns.match(frame.columns)
    if not positions:
        raise no_header("表", [iter([(1, frame.columns)])], columns)
    # By position: two columns may bear the same name.
    named = frame.toDF(*(f"at{index}" for index in range(len(frame.columns))))
    number = F.monotonically_increasing_id() if row is None else F.col(f"at{frame.columns.index(row)}").cast("bigint")
    wanted = named.select(number.alias("row"), *(F.col(f"at{at}").alias(name) for name, at in positions.items()))
    job = Job(ship(frame.sparkSession, folder, Model.load(folder).name), settings, columns)
    return _answers(wanted, partial(score_rows, job))


def score_parquet(
    source: Path,
    target: Path,
    folder: Path,
    settings: ScoreSettings,
    *,
    columns: Columns | None = None,
    master: str = "local[*]",
    bar: bool = False,
) -> Summary:
    """Score a .parquet, or all in a folder in the order of their paths, into `target`, as `score_file` does.

    Several files count as one: row numbers go on, and an id is known from one to the next. Every worker must reach
    `source` under the same path; the model is sent to it. Raises ModelError, FileError and ConfigError.
    """
    started = time.monotonic()
    columns = columns or Columns.load()
    pieces = _pieces(source, columns)
    model = Model.load(folder)
    tally = Tally()
    with Output(target) as output, open_session(master, bar=bar) as session:
        job = Job(ship(session, folder, model.name), settings, columns)
        numbers = session.range(len(pieces), numPartitions=max(1, len(pieces)))
        parts = max(session.sparkContext.defaultParallelism, len(pieces) // _PIECES)
        answers = _answers(numbers, partial(score_pieces, job, pieces), parts)
        ordered = answers.repartitionByRange(parts, "row").sortWithinPartitions("row")
        for rows, rejects in _collected(ordered, settings.chunk_rows):
            output.write(rows, rejects)
            _count(tally, rows, rejects)
    return Summary(output.path, output.rejects_path, model.name, time.monotonic() - started, tally)


def _pieces(source: Path, columns: Columns) -> list[Piece]:
    """Cut the files of `source` up after a look at every header; raises FileError."""
    pieces: list[Piece] = []
    row = 1
    for path in _files(source):
        read_tickets(path, columns)  # no row is read before it is asked for
        found = cut(path, _PIECE, row)
        row += sum(piece.rows for piece in found)
        pieces += found
    return pieces


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        # As everywhere around Parquet: a name that begins with . or _ is no part of the table.
        found = [path for path in source.rglob("*.parquet") if not _hidden(path.relative_to(source))]
        if not found:
            raise errors.FileError("folder_empty", f"文件夹 {source} 里没有 .parquet 文件。")
        return sorted(path.absolute() for path in found)
    if source.exists() and source.suffix.lower() != ".parquet":
        raise errors.FileError(
            "file_kind",
            f"--engine spark 只读 .parquet 文件或装有这种文件的文件夹，不能读 {source.name}；"
            "请先转成 .parquet，或去掉 --engine spark。",
        )
    return [source.absolute()]


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _answers(frame: "DataFrame", score: Callable[[Batches], Batches], parts: int = 0) -> "DataFrame":
    """Have `score` turn the batches of a frame into answers, and reject all but the first ticket of each id.

    The result has `parts` partitions, or as many as Spark thinks fit.
    """
    with no_word_of_pandas():
        return _reject_second(frame.mapInArrow(score, _ANSWERED_IN_SPARK), parts)


def _reject_second(answers: "DataFrame", parts: int) -> "DataFrame":
    from pyspark.sql import Window  # noqa: PLC0415 - an extra
    from pyspark.sql import functions as F  # noqa: N812, PLC0415

    # A rejected row has no id and stays by itself: all in one group would be too much for one worker.
    group = F.coalesce("ticket_id", F.col("row").cast("string"))
    grouped = answers.withColumn("group", group)
    if parts:
        grouped = grouped.repartition(parts, "group", "code")
    numbered = grouped.withColumn("first", F.min("row").over(Window.partitionBy("group", "code")))
    second = F.col("code").isNull() & (F.col("row") != F.col("first"))
    before, after = REASONS["duplicate_id"].split("$first")
    message = F.concat(F.lit(before), F.col("first").cast("string"), F.lit(after))
    return numbered.select(
        "row",
        *(F.when(~second, F.col(name)).alias(name) for name in COLUMNS),
        F.when(second, F.lit("duplicate_id")).otherwise(F.col("code")).alias("code"),
        F.when(second, message).otherwise(F.col("message")).alias("message"),
    )


def _collected(answers: "DataFrame", size: int) -> Iterator[tuple[list[dict[str, Any]], list[Reject]]]:
    """Yield result rows and rejects by the chunk; an expected error of a worker is raised as what it was."""
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra

    try:
        entries = answers.toLocalIterator(prefetchPartitions=True)
        while batch := list(islice(entries, size)):
            rows = [dict(zip(COLUMNS, entry[1:-2], strict=True)) for entry in batch if entry.code is None]
            yield rows, [Reject(entry.row, entry.code, entry.message) for entry in batch if entry.code is not None]
    except PySparkException as error:
        if found := _EXPECTED.search(str(error)):
            kind, code, message = found.groups()
            raise getattr(errors, kind)(code, message) from error
        raise


def _count(tally: Tally, rows: Sequence[dict[str, Any]], rejects: Sequence[Reject]) -> None:
    tally.scored += len(rows)
    tally.types.update(row["type"] for row in rows)
    tally.answers.update(row["answer"] for row in rows)
    tally.reasons.update(reason for row in rows for reason in row["reasons"].split(";") if reason)
    tally.review += sum(row["route"] == "review" for row in rows)
    tally.rejects.update(entry.code for entry in rejects)
