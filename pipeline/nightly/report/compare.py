"""What the tickets are compared with: the same weekdays a week before, the month before, the same month last year."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate

import sqlalchemy as sa

from pipeline.nightly.report.dates import last_of_month, month_of, shift_month
from pipeline.nightly.report.entries import Selection, read_causes

WEEK, MONTH, YEAR = "week", "month", "year"
_MONTHS_A_YEAR = 12
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_OWN_SHARE = 2  # a day is the night's own when at least one in two of its tickets came with it ...
_FULL_SHARE = 10  # ... and it has at least one in ten of a typical day's: a few stragglers are no day


@dataclass(frozen=True, slots=True)
class Comparison:
    """Tickets by cause, `now` and `before`, on the `days` of `of` days that have something to be compared with.

    `before` is an average where months stand for days, so not whole. `covered` days of the time before hold tickets.
    """

    kind: str
    days: int
    of: int
    covered: int
    now: Mapping[str, float]
    before: Mapping[str, float]


@dataclass(slots=True)
class _Days:
    """Tickets per day and cause; `early` those up to a time of day."""

    whole: dict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    early: dict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def compare_night(
    connection: sa.Connection, selection: Selection, taken: Mapping[date, int], last: datetime
) -> tuple[Comparison | None, Comparison | None]:
    """Compare the days of a night with a week before and with last year's months.

    `taken` says how many of the night's tickets were accepted on each day, `last` is the last acceptance. Days are
    compared whole, with what earlier nights brought of them; days of which only stragglers came are left out. The last
    day is compared up to the same time of day.
    """
    if not taken:
        return None, None
    cutoff = time.max if last.time() == time() else last.time()  # midnight: the export has dates only
    known = _count_days(connection, selection, min(taken), last.date(), cutoff)
    own = {
        day: counts
        for day, counts in _cut(known, last.date()).items()
        if day in taken and taken[day] * _OWN_SHARE >= counts.total()
    }
    typical = _typical([counts.total() for counts in own.values()])
    own = {day: counts for day, counts in own.items() if counts.total() * _FULL_SHARE >= typical}
    return (
        _week_before(connection, selection, own, last.date(), cutoff),
        _year_before(connection, selection, own, last.date(), cutoff),
    )


def compare_month(
    connection: sa.Connection, selection: Selection, month: date, now: Mapping[str, int], until: date | None
) -> tuple[Comparison | None, Comparison | None]:
    """Compare a month's tickets by cause with the month before and with that of last year.

    A month that is not over has got to the day `until`: then the others count up to the same day.
    """
    return (
        _other_month(connection, selection, MONTH, shift_month(month, -1), until, now),
        _other_month(connection, selection, YEAR, shift_month(month, -_MONTHS_A_YEAR), until, now),
    )


def _other_month(
    connection: sa.Connection,
    selection: Selection,
    kind: str,
    month: date,
    until: date | None,
    now: Mapping[str, int],
) -> Comparison | None:
    last = last_of_month(month)
    if until is not None:
        last = min(last, month + (until.day - 1) * _DAY)
    found = _count_days(connection, selection, month, last, time.max).whole
    if not found:
        return None
    before: Counter[str] = sum(found.values(), Counter())
    return Comparison(kind, last.day, last.day, len(found), dict(now), dict(before))


def _week_before(
    connection: sa.Connection, selection: Selection, own: Mapping[date, Counter[str]], last: date, cutoff: time
) -> Comparison | None:
    if not own:
        return None
    found = _count_days(connection, selection, min(own) - _WEEK, last - _WEEK, cutoff)
    before = _cut(found, last - _WEEK)
    # A day is there when it has tickets at all, be it only after the cutoff.
    days = [day for day in own if day - _WEEK in found.whole]
    if not days:
        return None
    now: Counter[str] = sum((own[day] for day in days), Counter())
    then: Counter[str] = sum((before[day - _WEEK] for day in days), Counter())
    return Comparison(WEEK, len(days), len(own), len(days), dict(now), dict(then))


def _year_before(
    connection: sa.Connection, selection: Selection, own: Mapping[date, Counter[str]], last: date, cutoff: time
) -> Comparison | None:
    """Compare each day with the daily average of its month a year before, over that month's days with tickets."""
    months = {day: shift_month(month_of(day), -_MONTHS_A_YEAR) for day in own}
    found = {
        month: _count_days(connection, selection, month, last_of_month(month), cutoff) for month in set(months.values())
    }
    days = [day for day in own if found[months[day]].whole]
    if not days:
        return None
    now: Counter[str] = sum((own[day] for day in days), Counter())
    then: dict[str, float] = {}
    for day in days:
        month = found[months[day]]
        for counts in (month.early if day == last else month.whole).values():
            for cause, count in counts.items():
                then[cause] = then.get(cause, 0.0) + count / len(month.whole)
    covered = sum(len(found[month].whole) for month in {months[day] for day in days})
    return Comparison(YEAR, len(days), len(own), covered, dict(now), then)


def _count_days(connection: sa.Connection, selection: Selection, first: date, last: date, cutoff: time) -> _Days:
    days = _Days()
    for accepted_at, cause in read_causes(connection, selection, _start(first), _start(last + _DAY)):
        day = accepted_at.date()
        days.whole[day][cause] += 1
        if accepted_at.time() <= cutoff:
            days.early[day][cause] += 1
    return days


def _cut(days: _Days, last: date) -> dict[date, Counter[str]]:
    """Return the days, the last one only up to the time of day that `days` was counted with."""
    return {day: days.early.get(day, Counter()) if day == last else counts for day, counts in days.whole.items()}


def _typical(sizes: Sequence[int]) -> int:
    """Return the size of the day in which the median ticket lies: neither a storm nor many small days move it far."""
    ranked = sorted(sizes, reverse=True)
    reached = accumulate(ranked)
    return next((size for size, total in zip(ranked, reached, strict=True) if 2 * total >= sum(ranked)), 0)


def _start(day: date) -> datetime:
    return datetime.combine(day, time())
