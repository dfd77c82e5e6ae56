"""New tickets from a table or a query, read page by page in the order of time and id."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field, model_validator

from pipeline.errors import SourceError
from pipeline.nightly.sources import Cursor, Page, Part, Place, Position
from pipeline.settings import Settings
from pipeline.store.address import line_options, url_of
from pipeline.store.patience import RetrySettings, is_lost, patiently, reason_of
from pipeline.tickets import Columns, Reject, Ticket
from pipeline.tickets.readers import Chunk, TicketMaker
from pipeline.tickets.rows import Row

# A table is read in three parts, so that a row without a time or an id is not lost: it is in no order of both.
TIMED, UNTIMED, NAMELESS = "", " (no time)", " (no id)"


class TableSettings(Settings):
    """A table or a query in any database that SQLAlchemy reaches."""

    database: str
    table: str | None = None  # a name, or schema.name
    query: str | None = None  # a SELECT, instead of a table
    time: str  # the column that grows: when a row was written or changed
    id: str  # tells rows of the same time apart
    lookback_hours: float = Field(ge=0)

    @model_validator(mode="after")
    def _has_one(self) -> "TableSettings":
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`")
        return self


class Table:
    """Reads what came since the last run, and a little before that."""

    def __init__(self, settings: TableSettings, columns: Columns, retry: RetrySettings) -> None:
        """Take what to read; raises ConfigError or SourceError for an address that cannot be used."""
        self.settings = settings
        self.retry = retry
        self.columns = columns
        try:
            url = url_of(settings.database)
            self._engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=dict(line_options(url)))
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise SourceError("source_address", f"source.database cannot be used: {error}") from None
        self._name = f"{settings.table or 'query'} @ {url.render_as_string(hide_password=True)}"
        self._from: sa.FromClause
        if settings.query is not None:
            self._from = sa.text(settings.query).columns().subquery("tickets")
        else:
            schema, _, table = str(settings.table).rpartition(".")
            self._from = sa.table(table, schema=schema or None)
        self._time: sa.ColumnClause[Any] = sa.column(settings.time)
        self._id: sa.ColumnClause[Any] = sa.column(settings.id)

    @property
    def name(self) -> str:
        """The table and its database."""
        return self._name

    def parts(self) -> Sequence[Part]:
        """Name the rows with time and id, those without a time, and those without an id."""
        what = "\0".join((self._name, self.settings.query or "", self.settings.time, self.settings.id))
        sha256 = hashlib.sha256(what.encode()).hexdigest()
        name = self.settings.table or "query"
        return [Part(name + kind, sha256) for kind in (TIMED, UNTIMED, NAMELESS)]

    def first(self, part: Part, last: Position | None, since: datetime | None) -> Position:
        """Begin `lookback_hours` before the last row of the run before, or at `since`; unordered rows at the first."""
        if part.name.endswith((UNTIMED, NAMELESS)):
            return Position()
        if since is not None:
            return Position(cursor=_packed(self._like_column(since)))
        if last is None or last.cursor is None:
            return Position()
        return Position(cursor=_packed(self._earlier(_unpack(last.cursor["time"]))))

    def read(self, part: Part, position: Position, size: int) -> Iterator[Page]:
        """Yield pages; the query of a page begins where the last one ended."""
        while not position.done:
            header, rows = self._page(part, position, size)
            page = self._made(header, rows, position, done=len(rows) < size)
            if not rows:
                return
            yield page
            position = page.position

    def again(self, part: Part, places: Sequence[Place]) -> Iterator[tuple[Place, Ticket | Reject | None]]:
        """Look each row up by its id; one that had none, among the rows of its time."""
        del part
        number = 1
        for place in places:
            header, rows = self._fetch(sa.select(sa.text("*")).select_from(self._from).where(self._found_by(place)))
            # Without an id, the row that was refused can only be told by its cells: as long as it is there, so it is.
            same = [row for row in rows if _row_sha256(self._name, row) == place.sha256]
            entries = self._entries(header, enumerate(same or rows, number))
            number += len(rows)
            mended = [entry for entry in entries if isinstance(entry, Ticket)]
            yield from ((place, entry) for entry in mended or entries[:1] or [None])

    def _found_by(self, place: Place) -> sa.ColumnElement[bool]:
        key = "id" if (place.cursor or {}).get("id") is not None else "time"
        column = self._id if key == "id" else self._time
        # Of nothing it makes IS NULL.
        return column.is_not_distinct_from(_unpack((place.cursor or {}).get(key)))

    def find(self, part_name: str, row: int, ticket_id: str) -> Ticket | None:
        """Look the row up by its id, whatever the table keeps ids as."""
        del part_name, row
        same = sa.cast(self._id, sa.String) == ticket_id
        header, rows = self._fetch(sa.select(sa.text("*")).select_from(self._from).where(same))
        entries = self._entries(header, enumerate(rows, 1))
        return next((entry for entry in entries if isinstance(entry, Ticket)), None)

    def count(self, part: Part) -> int | None:
        """Return None: counting would read as much as reading does."""
        del part
        return None

    def _page(self, part: Part, position: Position, size: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        query = sa.select(sa.text("*")).select_from(self._from).limit(size)
        cursor = position.cursor or {}
        if part.name.endswith(NAMELESS):
            query = query.where(self._id.is_(None)).order_by(self._time).offset(position.rows)
        elif part.name.endswith(UNTIMED):
            query = query.where(self._time.is_(None), self._id.is_not(None)).order_by(self._id)
            if "id" in cursor:
                query = query.where(self._id > _unpack(cursor["id"]))
        else:
            query = query.where(self._time.is_not(None), self._id.is_not(None)).order_by(self._time, self._id)
            query = query.where(*self._behind(cursor))
        return self._fetch(query)

    def _behind(self, cursor: Cursor) -> Iterator[sa.ColumnElement[bool]]:
        """Yield what finds the rows behind a cursor; the plain bound lets an index on the time be used."""
        if "time" not in cursor:
            return
        time = _unpack(cursor["time"])
        yield self._time >= time
        if cursor.get("id") is not None:
            yield sa.or_(self._time > time, self._id > _unpack(cursor["id"]))

    def _fetch(self, query: sa.Select[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        def fetch() -> tuple[list[str], list[tuple[Any, ...]]]:
            with self._engine.connect() as connection:
                result = connection.execute(query)
                return list(result.keys()), [tuple(row) for row in result]

        try:
            return patiently(self.retry, is_lost, fetch)
        except sa.exc.SQLAlchemyError as error:
            raise SourceError("source_unreadable", f"{self._name} cannot be read: {reason_of(error)}") from None

    def _made(self, header: list[str], rows: list[tuple[Any, ...]], position: Position, *, done: bool) -> Page:
        numbered = dict(enumerate(rows, position.rows + 1))
        chunk = Chunk.of(self._entries(header, numbered.items()))
        at = {key: header.index(name) for key, name in (("time", self.settings.time), ("id", self.settings.id))}

        def cursor(row: Sequence[object]) -> Cursor:
            return {key: _pack(row[index]) for key, index in at.items()}

        places = {
            entry.row: Place(_row_sha256(self._name, numbered[entry.row]), 0, cursor(numbered[entry.row]))
            for entry in chunk.rejects
        }
        return Page(chunk, Position(position.rows + len(rows), cursor(rows[-1]) if rows else None, done), places)

    def _entries(self, header: list[str], rows: Iterable[Row]) -> list[Ticket | Reject]:
        positions = self.columns.match(header)
        missing = [name for name in (self.settings.time, self.settings.id) if name not in header]
        if not positions or missing:
            lacking = ", ".join(missing) or "the ticket's id or text"
            raise SourceError(
                "source_columns", f"{self._name} has no column for {lacking}; see configs/columns.yaml for known names"
            )
        make = TicketMaker(positions, self.columns)
        return [entry for row in rows if (entry := make(row)) is not None]

    def _like_column(self, time: datetime) -> Any:  # noqa: ANN401 - what a driver takes for the column
        query = sa.select(self._time).select_from(self._from).where(self._time.is_not(None)).limit(1)
        _, rows = self._fetch(query)
        sample = rows[0][0] if rows else time
        if isinstance(sample, str):
            return time.isoformat(sep=sample[10:11] or " ")
        if isinstance(sample, datetime):
            return time.replace(tzinfo=sample.tzinfo)
        return time.date()

    def _earlier(self, time: Any) -> Any:  # noqa: ANN401
        back = timedelta(hours=self.settings.lookback_hours)
        if isinstance(time, str):
            try:
                earlier = datetime.fromisoformat(time) - back
            except ValueError:
                raise SourceError(
                    "source_time", f"source.time: {self.settings.time} must hold timestamps or ISO 8601 text"
                ) from None
            return earlier.isoformat(sep=time[10:11] or " ")
        return time - back


def _packed(time: Any) -> Cursor:  # noqa: ANN401
    return {"time": _pack(time), "id": None}


def _pack(value: Any) -> Any:  # noqa: ANN401
    """Return a cell as JSON that `_unpack` gives back as it was; raises SourceError for what has no order we know."""
    if value is None or isinstance(value, str | int):
        return value
    for kind, name in ((datetime, "datetime"), (date, "date"), (Decimal, "decimal"), (UUID, "uuid")):
        if isinstance(value, kind):
            return {name: value.isoformat() if isinstance(value, date) else str(value)}
    raise SourceError("source_key", f"source.time and source.id cannot be of type {type(value).__name__}")


_UNPACK: Mapping[str, Any] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "decimal": Decimal,
    "uuid": UUID,
}


def _unpack(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return _UNPACK[kind](text)
    return value


def _row_sha256(name: str, cells: Sequence[object]) -> str:
    return hashlib.sha256("\0".join([name, *map(repr, cells)]).encode("utf-8", "surrogatepass")).hexdigest()
