"""The books of the nightly database: runs that balance at every moment, and every answer exactly once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.errors import StoreError
from pipeline.nightly.sources import Part, Place, Position
from pipeline.store.database import Store
from pipeline.store.schema import (
    ABANDONED,
    CLOSED,
    COUNTS,
    OPEN,
    RESOLVED,
    RUNNING,
    SUPERSEDED,
    positions,
    predictions,
    rejects,
    runs,
)
from pipeline.tickets import Reject

Key = tuple[str, str]  # ticket id, sha256 of its text
Row = Mapping[str, Any]

NIGHT, REPLAY = "night", "replay"
_IDS_PER_QUERY = 900  # SQLite before 3.32 takes 999 variables
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of rows: read = scored + review + known + rejected + before_since."""

    read: int = 0
    scored: int = 0
    review: int = 0
    known: int = 0
    rejected: int = 0
    before_since: int = 0


@dataclass(frozen=True, slots=True)
class RunKey:
    """What a run's answers depend on: a run that was killed is resumed by one with the same, and by no other."""

    purpose: str
    source: str
    model: str
    model_digest: str
    taxonomy_version: str
    lexicon_sha256: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written in one transaction, together with the position behind it."""

    part: Part
    position: Position
    counts: Counts
    predictions: Sequence[Row] = ()
    rejects: Sequence[tuple[Place, Reject]] = ()
    resolved: Sequence[Place] = ()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the database holds for one model and taxonomy; rejects are the open ones of all sources."""

    types: Mapping[str, int]
    answers: Mapping[str, int]
    routes: Mapping[str, int]
    rejects: Mapping[str, int]


class Ledger:
    """Everything a run reads from its database and writes to it, one transaction each."""

    def __init__(self, store: Store, key: RunKey, host: str, problems: Sequence[Row]) -> None:
        """Begin a run, or go on with the one of the same key that was killed."""
        self.store = store
        self.key = key
        self._insert = _INSERTS[store.url.get_backend_name()]
        self.run_id, self.resumed = store.run(lambda connection: _begin(connection, key, host, problems))

    def position(self, part: Part) -> Position | None:
        """Return how far this run has come with a part."""
        mine = sa.and_(positions.c.run_id == self.run_id, _is_part(part))
        return self.store.run(lambda connection: _position(connection, mine))

    def last_position(self, part: Part) -> Position | None:
        """Return how far the runs before this one came with a table; those with --since left a gap and do not count."""
        query = (
            sa.select(positions, runs.c.settings)
            .join(runs, runs.c.id == positions.c.run_id)
            .where(_is_part(part), runs.c.purpose == NIGHT, runs.c.id != self.run_id, positions.c.cursor.is_not(None))
            .order_by(positions.c.run_id.desc())
        )

        def find(connection: sa.Connection) -> Position | None:
            for row in connection.execute(query):
                if not row.settings.get("since"):
                    return Position(row.rows, row.cursor, row.done)
            return None

        return self.store.run(find)

    def known(self, keys: Sequence[Key]) -> set[Key]:
        """Return those of the keys that this model has answered under this taxonomy."""
        mine = _by_model(self.key.model_digest, self.key.taxonomy_version)
        ids, contents = predictions.c.ticket_id, predictions.c.content_sha256

        def find(connection: sa.Connection) -> set[Key]:
            found: set[Key] = set()
            for at in range(0, len(keys), _IDS_PER_QUERY):
                some = ids.in_([ticket_id for ticket_id, _ in keys[at : at + _IDS_PER_QUERY]])
                found.update((row[0], row[1]) for row in connection.execute(sa.select(ids, contents).where(some, mine)))
            # All versions of a ticket come back: they are few, and a list of pairs is looked up far more slowly.
            return found.intersection(keys)

        return self.store.run(find) if keys else set()

    def write(self, batch: Batch) -> None:
        """Write a batch whole or not at all; one that is there already, after a lost line, is left as it is."""
        self.store.run(lambda connection: self._write(connection, batch))

    def _write(self, connection: sa.Connection, batch: Batch) -> None:
        mine = sa.and_(positions.c.run_id == self.run_id, _is_part(batch.part))
        before = _position(connection, mine)
        if before is not None and before.rows >= batch.position.rows:
            return
        if batch.predictions:
            connection.execute(predictions.insert(), [{**row, "run_id": self.run_id} for row in batch.predictions])
        if batch.rejects:
            self._write_rejects(connection, batch)
        for place in batch.resolved:
            connection.execute(_settled(RESOLVED, self.run_id).where(_is_place(place)))
        self._write_position(connection, batch)
        added = {name: runs.c[name] + getattr(batch.counts, name) for name in COUNTS}
        connection.execute(runs.update().where(runs.c.id == self.run_id).values(added))

    def _write_rejects(self, connection: sa.Connection, batch: Batch) -> None:
        insert = self._insert(rejects)
        # A row that is refused again keeps the run that saw it first; why it is refused may read otherwise by now.
        again = {name: insert.excluded[name] for name in ("code", "message", "status", "settled_by")}
        statement = insert.on_conflict_do_update(index_elements=[*rejects.primary_key.columns], set_=again)
        rows = [_reject_row(batch.part, place, entry, self.run_id) for place, entry in batch.rejects]
        connection.execute(statement, rows)

    def _write_position(self, connection: sa.Connection, batch: Batch) -> None:
        stands = {"rows": batch.position.rows, "cursor": batch.position.cursor, "done": batch.position.done}
        key = {"run_id": self.run_id, "part": batch.part.name, "part_sha256": batch.part.sha256}
        insert = self._insert(positions).values(**key, **stands)
        again = insert.on_conflict_do_update(index_elements=[*positions.primary_key.columns], set_=stands)
        connection.execute(again)

    def supersede(self, part: Part) -> None:
        """Settle the rejects of earlier contents of a file that was read to its end."""
        old = sa.and_(
            rejects.c.source == part.name,
            rejects.c.source_sha256 != part.sha256,
            rejects.c.place.is_(None),
            rejects.c.status == OPEN,
        )
        self.store.run(lambda connection: connection.execute(_settled(SUPERSEDED, self.run_id).where(old)))

    def open_rejects(self) -> dict[Part, list[Place]]:
        """Return where the open rejects are; a table's rows are in one part."""
        query = sa.select(rejects).where(rejects.c.status == OPEN).order_by(rejects.c.source, rejects.c.row)
        found: dict[Part, list[Place]] = {}
        for row in self.store.run(lambda connection: connection.execute(query).all()):
            part = Part(row.source, "" if row.place else row.source_sha256)
            found.setdefault(part, []).append(Place(row.source_sha256, row.row, row.place))
        return found

    def close(self, problems: Sequence[Row]) -> Counts:
        """Close the run and return what it counted; raises StoreError if it does not agree with what is there."""
        return self.store.run(lambda connection: self._close(connection, problems))

    def _close(self, connection: sa.Connection, problems: Sequence[Row]) -> Counts:
        row = connection.execute(sa.select(runs).where(runs.c.id == self.run_id)).one()
        counts = Counts(**{name: getattr(row, name) for name in COUNTS})
        mine = predictions.c.run_id == self.run_id
        there = connection.scalar(sa.select(sa.func.count()).select_from(predictions).where(mine))
        if there != counts.scored + counts.review:
            raise StoreError(
                "accounts_open", f"run {self.run_id} counted {counts.scored + counts.review} answers, {there} are there"
            )
        values = {"status": CLOSED, "finished_at": _now(), "problems": list(problems)}
        connection.execute(runs.update().where(runs.c.id == self.run_id).values(values))
        return counts

    def holdings(self) -> Holdings:
        """Count what the database holds for this run's model."""
        mine = _by_model(self.key.model_digest, self.key.taxonomy_version)

        def count(connection: sa.Connection, column: sa.Column[Any], which: sa.ColumnElement[bool]) -> dict[str, int]:
            query = sa.select(column, sa.func.count()).where(which).group_by(column).order_by(column)
            return {row[0]: row[1] for row in connection.execute(query)}

        return self.store.run(
            lambda connection: Holdings(
                types=count(connection, predictions.c.type, mine),
                answers=count(connection, predictions.c.answer, mine),
                routes=count(connection, predictions.c.route, mine),
                rejects=count(connection, rejects.c.code, rejects.c.status == OPEN),
            )
        )


def _begin(connection: sa.Connection, key: RunKey, host: str, problems: Sequence[Row]) -> tuple[int, int]:
    """Return the number of the run, and how often it was resumed."""
    # Nobody else has the lock, so a run that is still marked as running was killed.
    for row in connection.execute(sa.select(runs).where(runs.c.status == RUNNING).order_by(runs.c.id)).all():
        if key.purpose == NIGHT and key == _key_of(row):
            values = {"resumed": row.resumed + 1, "host": host, "problems": list(problems)}
            connection.execute(runs.update().where(runs.c.id == row.id).values(values))
            return row.id, row.resumed + 1
        connection.execute(runs.update().where(runs.c.id == row.id).values(status=ABANDONED, finished_at=_now()))
    start = {"started_at": _now(), "status": RUNNING, "resumed": 0, "host": host, "problems": list(problems)}
    values = {name: getattr(key, name) for name in RunKey.__dataclass_fields__} | start | dict.fromkeys(COUNTS, 0)
    result = connection.execute(runs.insert().values(values))
    return int(result.inserted_primary_key.id), 0  # type: ignore[union-attr]


def _key_of(row: sa.Row[Any]) -> RunKey:
    return RunKey(**{name: getattr(row, name) for name in RunKey.__dataclass_fields__})


def _position(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Position | None:
    row = connection.execute(sa.select(positions).where(which)).one_or_none()
    return None if row is None else Position(row.rows, row.cursor, row.done)


def _is_part(part: Part) -> sa.ColumnElement[bool]:
    return sa.and_(positions.c.part == part.name, positions.c.part_sha256 == part.sha256)


def _is_place(place: Place) -> sa.ColumnElement[bool]:
    return sa.and_(rejects.c.source_sha256 == place.sha256, rejects.c.row == place.row)


def _by_model(digest: str, taxonomy_version: str) -> sa.ColumnElement[bool]:
    return sa.and_(predictions.c.model_digest == digest, predictions.c.taxonomy_version == taxonomy_version)


def _settled(status: str, run_id: int) -> sa.Update:
    return rejects.update().values(status=status, settled_by=run_id)


def _reject_row(part: Part, place: Place, entry: Reject, run_id: int) -> dict[str, Any]:
    return {
        "source_sha256": place.sha256,
        "row": place.row,
        "source": part.name,
        "place": place.cursor,
        "run_id": run_id,
        "code": entry.code,
        "message": entry.message,
        "status": OPEN,
        "settled_by": None,
    }


def _now() -> datetime:
    """Return the time in UTC, without the zone that SQLite cannot keep."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
