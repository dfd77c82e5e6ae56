"""What the database tells: the run's tickets and those of the weeks before it, by day."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import reduce

import sqlalchemy as sa

from pipeline.nightly.watch.settings import WatchSettings
from pipeline.store.schema import predictions

_AREA = "transformer_area"
_HASH_DIGITS = 8  # of the content's hash, for the choice of a sample
_DAYS_OF_WEEK = 7


@dataclass(slots=True)
class Totals:
    """What the answers of some tickets add up to."""

    types: Counter[str] = field(default_factory=Counter)
    probability: float = 0.0  # sum of the type probabilities
    squares: float = 0.0  # and of their squares
    review: int = 0

    @property
    def rows(self) -> int:
        """How many tickets they are."""
        return self.types.total()

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.types + other.types,
            self.probability + other.probability,
            self.squares + other.squares,
            self.review + other.review,
        )


Days = Mapping[date, Totals]


@dataclass(frozen=True, slots=True)
class Seen:
    """A ticket as the watch reads it; everything in it is masked."""

    id: str
    narrative: str
    type: str
    answer: str
    customer: str | None
    area: str | None


@dataclass(frozen=True, slots=True)
class Period:
    """The days of a run's tickets, without stragglers, in order; none if no ticket has a date."""

    days: tuple[date, ...]

    @property
    def weekdays(self) -> frozenset[int]:
        """The weekdays among them, 0 for Monday."""
        return frozenset(day.weekday() for day in self.days)

    def weeks_before(self, weeks: int) -> tuple[date, date]:
        """Return the first day of the weeks before, and the first day after them."""
        return self.days[0] - timedelta(weeks=weeks), self.days[0]


def add(totals: Iterable[Totals]) -> Totals:
    """Return the sum."""
    return reduce(Totals.__add__, totals, Totals())


def totals_by_day(connection: sa.Connection, where: sa.ColumnElement[bool]) -> dict[date | None, Totals]:
    """Add up the answers of each day; None holds the tickets without a date."""
    columns = predictions.c
    day = sa.func.date(columns.accepted_at)  # a date from PostgreSQL, its text from SQLite
    probability = columns.type_probability
    query = (
        sa.select(
            day,
            columns.type,
            sa.func.count(),
            sa.func.sum(probability),
            sa.func.sum(probability * probability),
            sa.func.sum(sa.case((columns.route == "review", 1), else_=0)),
        )
        .where(where)
        .group_by(day, columns.type)
    )
    found: dict[date | None, Totals] = {}
    for at, kind, count, total, squares, review in connection.execute(query):
        key = None if at is None else date.fromisoformat(str(at))
        found[key] = found.get(key, Totals()) + Totals(Counter({kind: count}), total, squares, int(review))
    return found


def period_of(days: Mapping[date | None, Totals], main_day: float) -> Period:
    """Return the days with at least `main_day` of the fullest day's tickets: one late ticket does not date a run."""
    dated = {day: totals.rows for day, totals in days.items() if day is not None}
    least = main_day * max(dated.values(), default=0)
    return Period(tuple(sorted(day for day, rows in dated.items() if rows >= least)))


def of_run(run_id: int) -> sa.ColumnElement[bool]:
    """Return the condition for the tickets of a run."""
    return predictions.c.run_id == run_id


def before(run_id: int, first: date, after: date, digest: str | None = None) -> sa.ColumnElement[bool]:
    """Return the condition for tickets of earlier runs accepted from `first` until `after`, by one model or by any."""
    accepted = predictions.c.accepted_at
    condition = sa.and_(
        accepted >= datetime.combine(first, time.min),
        accepted < datetime.combine(after, time.min),
        predictions.c.run_id < run_id,  # so that the same run is seen the same way when later ones are there
    )
    return condition if digest is None else sa.and_(condition, predictions.c.model_digest == digest)


def on_day(run_id: int, day: date) -> sa.ColumnElement[bool]:
    """Return the condition for tickets of earlier runs accepted on a day."""
    return before(run_id, day, day + timedelta(days=1))


def usable(days: Mapping[date | None, Totals], settings: WatchSettings) -> Days:
    """Return the days one can compare with: enough tickets, and no known event unless hardly a day is without one."""
    enough = {day: found for day, found in days.items() if day is not None and found.rows >= settings.day_rows}
    quiet = {day: found for day, found in enough.items() if not any(event.covers(day) for event in settings.events)}
    return quiet if len(quiet) >= settings.least_days else enough


def same_weekdays(days: Days, weekdays: frozenset[int], settings: WatchSettings) -> tuple[Days, bool]:
    """Return the days of these weekdays, or all where those are too few, and whether they are of these weekdays."""
    same = {day: found for day, found in days.items() if day.weekday() in weekdays}
    if len(same) >= settings.least_days and add(same.values()).rows >= settings.least_rows:
        return same, len(weekdays) < _DAYS_OF_WEEK
    return days, False


def some_days(days: Iterable[date], weekdays: frozenset[int], most: int) -> list[date]:
    """Choose days evenly over the weeks, those of the weekdays first."""
    ordered = sorted(days)
    same = _spread([day for day in ordered if day.weekday() in weekdays], most)
    others = _spread([day for day in ordered if day.weekday() not in weekdays], most - len(same))
    return sorted(same + others)


def sample(connection: sa.Connection, where: sa.ColumnElement[bool], rows: int) -> list[Seen]:
    """Read at most so many tickets, each once, chosen by the hash of their content: the same ones each time."""
    columns = predictions.c
    count = connection.scalar(sa.select(sa.func.count()).select_from(predictions).where(where)) or 0
    if count > rows:
        limit = format(int(rows / count * 16**_HASH_DIGITS), f"0{_HASH_DIGITS}x")
        where = sa.and_(where, columns.content_sha256 < limit)
    query = sa.select(
        columns.ticket_id,
        columns.content_sha256,
        columns.narrative,
        columns.type,
        columns.answer,
        columns.customer,
        columns.fields,
    ).where(where)
    found = {(row.ticket_id, row.content_sha256): row for row in connection.execute(query)}
    kept = sorted(found.values(), key=lambda row: (row.content_sha256, row.ticket_id))[:rows]
    return [
        Seen(row.ticket_id, row.narrative, row.type, row.answer, row.customer, row.fields.get(_AREA) or None)
        for row in kept
    ]


def _spread(days: Sequence[date], most: int) -> list[date]:
    if len(days) <= most:
        return list(days)
    return [days[round(number * (len(days) - 1) / max(most - 1, 1))] for number in range(max(most, 0))]
