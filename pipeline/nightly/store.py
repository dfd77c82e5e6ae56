"""The nightly database: runs, predictions, rejects. Holds masked narratives and no personal column."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.errors import StoreError
from pipeline.settings import ROOT

metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("finished_at", sa.DateTime),  # empty: the run did not come to its end
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("model_digest", sa.String(64), nullable=False),
    sa.Column("taxonomy_version", sa.String(50), nullable=False),
    sa.Column("lexicon_sha256", sa.String(64), nullable=False),
    sa.Column("read", sa.Integer, nullable=False, default=0),
    sa.Column("scored", sa.Integer, nullable=False, default=0),
    sa.Column("known", sa.Integer, nullable=False, default=0),
    sa.Column("rejected", sa.Integer, nullable=False, default=0),
    sa.Column("before_since", sa.Integer, nullable=False, default=0),
)

predictions = sa.Table(
    "predictions",
    metadata,
    # The key: a ticket whose text changed is another row, and so is one that another model or taxonomy answered.
    sa.Column("ticket_id", sa.String(200), primary_key=True),
    sa.Column("content_sha256", sa.String(64), primary_key=True),
    sa.Column("model_digest", sa.String(64), primary_key=True),
    sa.Column("taxonomy_version", sa.String(50), primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("source", sa.String(500), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("accepted_at", sa.DateTime, index=True),
    sa.Column("fields", sa.JSON, nullable=False),  # the other columns of the export, but for the personal ones
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("narrative", sa.Text, nullable=False),
    sa.Column("type", sa.String(100), nullable=False, index=True),
    sa.Column("cause", sa.String(100), nullable=False),
    sa.Column("type_probability", sa.Float, nullable=False),
    sa.Column("cause_probability", sa.Float, nullable=False),
    sa.Column("answer", sa.String(10), nullable=False),
    sa.Column("route", sa.String(10), nullable=False, index=True),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("alternatives", sa.JSON, nullable=False),
)

rejects = sa.Table(
    "rejects",
    metadata,
    sa.Column("source_sha256", sa.String(64), primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("source", sa.String(500), nullable=False),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("code", sa.String(50), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)

Key = tuple[str, str]  # ticket id, sha256 of its text
_KEYS_PER_QUERY = 400  # two variables each; SQLite before 3.32 takes 999
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the database holds for one model and taxonomy."""

    types: Mapping[str, int]
    answers: Mapping[str, int]
    routes: Mapping[str, int]
    rejects: Mapping[str, int]


class Store:
    """The database behind an SQLAlchemy address."""

    def __init__(self, address: str) -> None:
        """Open it and make what is missing; raises StoreError."""
        try:
            url = sa.make_url(address)
            if url.get_backend_name() not in _INSERTS:
                raise StoreError("store_kind", f"{url.get_backend_name()} is not supported; use sqlite or postgresql")
            if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
                path = ROOT / url.database  # an absolute path stays as it is
                path.parent.mkdir(parents=True, exist_ok=True)
                url = url.set(database=str(path))
            self.engine = sa.create_engine(url)
            self._insert = _INSERTS[url.get_backend_name()]
            metadata.create_all(self.engine)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise StoreError("store_unusable", f"the database cannot be opened: {_reason(error)}") from error

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def start_run(self, values: Mapping[str, Any]) -> int:
        """Note that a run begins; returns its number."""
        with self._transaction() as connection:
            result = connection.execute(runs.insert().values(started_at=_now(), **values))
            return int(result.inserted_primary_key.id)  # type: ignore[union-attr]

    def finish_run(self, run_id: int, counts: Mapping[str, int]) -> None:
        """Note that a run came to its end, with what it counted."""
        with self._transaction() as connection:
            connection.execute(runs.update().where(runs.c.id == run_id).values(finished_at=_now(), **counts))

    def known(self, keys: Sequence[Key], model_digest: str, taxonomy_version: str) -> set[Key]:
        """Return those of the keys that have a prediction by this model under this taxonomy."""
        found: set[Key] = set()
        ids, contents = predictions.c.ticket_id, predictions.c.content_sha256
        with self._transaction() as connection:
            for at in range(0, len(keys), _KEYS_PER_QUERY):
                query = sa.select(ids, contents).where(
                    sa.tuple_(ids, contents).in_(keys[at : at + _KEYS_PER_QUERY]),
                    predictions.c.model_digest == model_digest,
                    predictions.c.taxonomy_version == taxonomy_version,
                )
                found.update((ticket_id, content) for ticket_id, content in connection.execute(query))
        return found

    def write(self, scored: Iterable[Mapping[str, Any]], refused: Iterable[Mapping[str, Any]]) -> None:
        """Add predictions and rejects in one transaction; what is there already stays as it is."""
        with self._transaction() as connection:
            for table, rows in ((predictions, list(scored)), (rejects, list(refused))):
                if rows:
                    connection.execute(self._insert(table).on_conflict_do_nothing(), rows)

    def holdings(self, model_digest: str, taxonomy_version: str) -> Holdings:
        """Count what the database holds for a model; rejects are those of all files."""
        mine = sa.and_(predictions.c.model_digest == model_digest, predictions.c.taxonomy_version == taxonomy_version)
        with self._transaction() as connection:

            def count(column: sa.Column[Any], condition: sa.ColumnElement[bool]) -> dict[str, int]:
                query = sa.select(column, sa.func.count()).where(condition).group_by(column)
                return dict(connection.execute(query).all())

            return Holdings(
                types=count(predictions.c.type, mine),
                answers=count(predictions.c.answer, mine),
                routes=count(predictions.c.route, mine),
                rejects=count(rejects.c.code, sa.true()),
            )

    def _transaction(self) -> "_Transaction":
        return _Transaction(self.engine)


class _Transaction:
    """One transaction, whose failure is a StoreError without the statement's values (they hold narratives)."""

    def __init__(self, engine: sa.Engine) -> None:
        self._context = engine.begin()

    def __enter__(self) -> sa.Connection:
        try:
            return self._context.__enter__()
        except sa.exc.SQLAlchemyError as error:
            raise StoreError("store_unusable", f"the database cannot be reached: {_reason(error)}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._context.__exit__(kind, error, trace)
        except sa.exc.SQLAlchemyError as failure:
            raise StoreError("store_failed", f"the database refused to write: {_reason(failure)}") from None
        if isinstance(error, sa.exc.SQLAlchemyError):
            raise StoreError("store_failed", f"the database failed: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """Return what the driver said, without the statement and its values."""
    return str(error.orig if isinstance(error, sa.exc.DBAPIError) else error)


def _now() -> datetime:
    """Return the time in UTC, without the zone that SQLite cannot keep."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
