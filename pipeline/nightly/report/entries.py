"""What a report reads: every ticket once, as its newest prediction has it, streamed from the database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pipeline.errors import StoreError
from pipeline.store.schema import CLOSED, predictions, runs
from pipeline.taxonomy_changes import Lineage

# Causes whose narrative is read too: the direction of a voltage is told by words only.
NARRATED = ("voltage_abnormal",)
LOCAL = timedelta(hours=8)  # from UTC, in which runs note their times, to the time of exports
# An acceptance after the run itself is a slip of the pen; left in, it would move every "last two months".
_AHEAD = timedelta(days=1)
_BATCH = 2000  # rows held at a time

AS_STORED = Lineage(())  # reads every cause as it was predicted

_kept = predictions.c


@dataclass(frozen=True, slots=True)
class Run:
    """One row of `runs`, as far as a report shows it. Times are UTC."""

    id: int
    started_at: datetime
    status: str
    model: str
    model_digest: str
    taxonomy_version: str
    problems: tuple[Mapping[str, str], ...]
    read: int
    scored: int
    review: int
    known: int
    rejected: int
    before_since: int

    @property
    def local_start(self) -> datetime:
        """The start in the time that exports use."""
        return self.started_at + LOCAL


@dataclass(frozen=True, slots=True)
class Entry:
    """A ticket and what was answered; `narrative` is there for the causes in NARRATED."""

    ticket_id: str
    accepted_at: datetime | None
    customer: str | None
    fields: Mapping[str, str]
    type: str
    cause: str
    answer: str
    route: str
    reasons: tuple[str, ...]
    narrative: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Whose predictions count: those of runs up to `upto` (None: all), by one (model digest, taxonomy) or by any.

    A taxonomy of None is any. With `others`, what the model did not answer counts as other models answered it. Causes
    are read through `lineage`: a former one counts as what it became, one that was split as itself.
    """

    upto: int | None = None
    model: tuple[str, str | None] | None = None
    others: bool = False
    lineage: Lineage = AS_STORED

    def conditions(self, table: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        """Return what a row of `predictions`, or of an alias of it, has to meet."""
        found: list[sa.ColumnElement[bool]] = []
        if self.upto is not None:
            found.append(table.c.run_id <= self.upto)
        if self.model is not None and not self.others:
            found.append(self._by_model(table, self.model))
        return found

    def rank(self, table: sa.FromClause) -> sa.Tuple:
        """Return what the newest prediction of a ticket has most of. No two rows have the same."""
        order = ("run_id", "source", "row", "content_sha256", "model_digest", "taxonomy_version")
        columns: list[sa.ColumnElement[Any]] = [table.c[name] for name in order]
        if self.model is not None and self.others:
            columns.insert(0, sa.case((self._by_model(table, self.model), 1), else_=0))
        return sa.tuple_(*columns)

    @staticmethod
    def _by_model(table: sa.FromClause, model: tuple[str, str | None]) -> sa.ColumnElement[bool]:
        mine = table.c.model_digest == model[0]
        return mine if model[1] is None else sa.and_(mine, table.c.taxonomy_version == model[1])


def find_run(connection: sa.Connection, run_id: int) -> Run:
    """Return a run; raises StoreError if there is none of that number."""
    row = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise StoreError("run_missing", f"the database has no run {run_id}; leave --run out for the newest")
    return _run(row)


def newest_closed(
    connection: sa.Connection,
    *,
    purpose: str | None = None,
    model_digest: str | None = None,
    taxonomy_version: str | None = None,
) -> Run:
    """Return the newest closed run, of one purpose and model if told; raises StoreError if there is none.

    It is the newest under a taxonomy, if there is any under that.
    """
    query = sa.select(runs).where(runs.c.status == CLOSED).order_by(runs.c.id.desc()).limit(1)
    if purpose is not None:
        query = query.where(runs.c.purpose == purpose)
    if model_digest is not None:
        query = query.where(runs.c.model_digest == model_digest)
    row = None
    if taxonomy_version is not None:
        row = connection.execute(query.where(runs.c.taxonomy_version == taxonomy_version)).one_or_none()
    row = row or connection.execute(query).one_or_none()
    if row is None:
        of_model = "" if model_digest is None else f" of model {model_digest}"
        raise StoreError("no_run", f"the database has no closed run{of_model}; run `gongdan nightly` first")
    return _run(row)


def newest_with(connection: sa.Connection, start: datetime, end: datetime, upto: int | None) -> Run | None:
    """Return the newest closed run, up to `upto`, with a ticket accepted from `start` until before `end`."""
    any_there = sa.exists().where(_kept.run_id == runs.c.id, _kept.accepted_at >= start, _kept.accepted_at < end)
    query = sa.select(runs).where(runs.c.status == CLOSED, any_there).order_by(runs.c.id.desc()).limit(1)
    row = connection.execute(query if upto is None else query.where(runs.c.id <= upto)).one_or_none()
    return None if row is None else _run(row)


def read_entries(
    connection: sa.Connection,
    selection: Selection,
    *,
    run_id: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    latest: datetime | None = None,
) -> Iterator[Entry]:
    """Stream tickets, of one run or accepted from `start` until before `end`.

    An acceptance later than `latest` is taken for none.
    """
    narrated = [*NARRATED, *(former for cause in NARRATED for former in selection.lineage.former(cause))]
    narrative = sa.case((_kept.cause.in_(narrated), _kept.narrative), else_=None)
    query = sa.select(
        _kept.ticket_id, _kept.accepted_at, _kept.customer, _kept.fields, _kept.type, _kept.cause, _kept.answer,
        _kept.route, _kept.reasons, narrative,
    ).where(*_which(selection, run_id, start, end))  # fmt: skip
    for row in connection.execute(query.execution_options(yield_per=_BATCH)):
        ticket_id, accepted_at, customer, fields, kind, cause, answer, route, reasons, text = row
        if latest is not None and accepted_at is not None and accepted_at > latest:
            accepted_at = None
        kind, cause = selection.lineage.read(kind, cause)
        yield Entry(ticket_id, accepted_at, customer, fields, kind, cause, answer, route, tuple(reasons), text)


def read_causes(
    connection: sa.Connection, selection: Selection, start: datetime, end: datetime
) -> Iterator[tuple[datetime, str]]:
    """Stream (acceptance, cause) of the tickets accepted from `start` until before `end`."""
    query = sa.select(_kept.accepted_at, _kept.type, _kept.cause).where(*_which(selection, None, start, end))
    for accepted_at, kind, cause in connection.execute(query.execution_options(yield_per=_BATCH)):
        yield accepted_at, selection.lineage.read(kind, cause)[1]


def last_accepted(connection: sa.Connection, run: Run) -> datetime | None:
    """Return the last acceptance among a run's tickets; None if none has a credible date."""
    query = sa.select(sa.func.max(_kept.accepted_at)).where(
        _kept.run_id == run.id, _kept.accepted_at <= latest_credible(run)
    )
    return connection.execute(query).scalar()


def latest_credible(run: Run) -> datetime:
    """Return the time after which no ticket of a run can have been accepted."""
    return run.local_start + _AHEAD


def _which(
    selection: Selection, run_id: int | None, start: datetime | None, end: datetime | None
) -> list[sa.ColumnElement[bool]]:
    conditions = [*selection.conditions(predictions), ~_newer(selection)]
    if run_id is not None:
        conditions.append(_kept.run_id == run_id)
    if start is not None:
        conditions.append(_kept.accepted_at >= start)
    if end is not None:
        conditions.append(_kept.accepted_at < end)
    return conditions


def _newer(selection: Selection) -> sa.ColumnElement[bool]:
    """Tell whether a ticket has a newer prediction than a row's: of a later run, else further down in its source.

    A look into the primary key for each row: nothing is sorted, so the first row comes at once and memory stays flat.
    """
    newer = predictions.alias("newer")
    later = selection.rank(newer) > selection.rank(predictions)
    return sa.exists().where(newer.c.ticket_id == _kept.ticket_id, later, *selection.conditions(newer))


def _run(row: sa.Row[tuple[object, ...]]) -> Run:
    values = row._mapping
    names = Run.__dataclass_fields__
    return Run(**{**{name: values[name] for name in names}, "problems": tuple(values["problems"])})
