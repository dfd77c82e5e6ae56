"""What comes again: transformer areas (台区) with several complainants, month after month or near the rule of three."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from pipeline.nightly.report.dates import month_of, months_before, shift_month
from pipeline.nightly.report.entries import Entry
from pipeline.nightly.report.mix import FREQUENT
from pipeline.nightly.report.places import clean, place
from pipeline.taxonomy import OUT_OF_SCOPE

OUTAGE = "outage"  # the type whose tickets tell of an outage, as those of FREQUENT do
RULE = 3  # outages within two months make 频繁停电 (taxonomy, frequent_outage)
NEAR = 2
SEVERAL = 2  # complainants in one transformer area; tickets of one customer
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Windows:
    """The days looked back over, each from its first to `last`, both included."""

    last: date
    recent: date  # several complainants, repeat callers
    month: date  # this calendar month ...
    month_before: date  # ... and the one before
    outages: date  # two months

    @property
    def first(self) -> date:
        """The first day that any of them needs."""
        return min(self.recent, self.month_before, self.outages)


def windows(last: date, *, whole_month: bool = False) -> Windows:
    """Return the windows that end on a day; the recent one is its calendar month, or one month back from it."""
    month = month_of(last)
    return Windows(
        last=last,
        recent=month if whole_month else months_before(last, 1) + _DAY,
        month=month,
        month_before=shift_month(month, -1),
        outages=months_before(last, 2) + _DAY,
    )


@dataclass(frozen=True, slots=True)
class Area:
    """A transformer area: `tickets` and `customers` of the recent window, tickets of two months, days with outages."""

    place: tuple[str, str, str]
    name: str
    tickets: int
    customers: int
    this_month: int
    month_before: int
    outage_days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """A customer with several complaints in the recent window; `same_cause` of them share one cause."""

    tickets: tuple[str, ...]  # their ids, the oldest first
    place: tuple[str, str, str]
    causes: tuple[str, ...]
    same_cause: int
    last: date


@dataclass(frozen=True, slots=True)
class Repeats:
    """Complaints of the windows, whatever run or model they came from."""

    windows: Windows
    tickets: int  # of the recent window, as the next three
    with_area: int
    with_customer: int
    both_known: int
    areas: int  # distinct ones in the recent window
    customers: int
    two_month_areas: int  # distinct ones of either month
    outage_areas: int  # distinct ones with an outage day
    several: tuple[Area, ...]
    both_months: tuple[Area, ...]
    over: tuple[Area, ...]
    near: tuple[Area, ...]
    callers: tuple[Caller, ...]


@dataclass(slots=True)
class _AreaCount:
    tickets: int = 0
    customers: set[str] = field(default_factory=set)
    this_month: int = 0
    month_before: int = 0
    outage_days: set[date] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Call:
    day: date
    ticket_id: str
    cause: str
    place: tuple[str, str, str]


def find_repeats(entries: Iterable[Entry], over: Windows) -> Repeats:
    """Count the complaints among `entries` that lie in the windows; those without a date are passed over."""
    areas: dict[tuple[tuple[str, str, str], str], _AreaCount] = {}
    calls: dict[str, list[_Call]] = {}
    seen: Counter[str] = Counter()
    for entry in entries:
        if entry.accepted_at is None or entry.type == OUT_OF_SCOPE:
            continue
        day, where = entry.accepted_at.date(), place(entry)
        area = clean(entry.fields.get("transformer_area", ""))
        if area:
            _count_area(areas.setdefault((where, area), _AreaCount()), entry, day, over)
        if over.recent <= day <= over.last:
            seen.update(_known(area, entry.customer))
            if entry.customer is not None:
                calls.setdefault(entry.customer, []).append(_Call(day, entry.ticket_id, entry.cause, where))
    return _repeats(areas, calls, seen, over)


def _known(area: str, customer: str | None) -> Iterable[str]:
    yield "tickets"
    if area:
        yield "with_area"
    if customer is not None:
        yield "with_customer"
        if area:
            yield "both_known"


def _count_area(count: _AreaCount, entry: Entry, day: date, over: Windows) -> None:
    if over.recent <= day <= over.last:
        count.tickets += 1
        if entry.customer is not None:
            count.customers.add(entry.customer)
    if over.month <= day <= over.last:
        count.this_month += 1
    elif over.month_before <= day < over.month:
        count.month_before += 1
    if over.outages <= day <= over.last and (entry.type == OUTAGE or entry.cause == FREQUENT):
        count.outage_days.add(day)


def _repeats(
    areas: dict[tuple[tuple[str, str, str], str], _AreaCount],
    calls: dict[str, list[_Call]],
    seen: Counter[str],
    over: Windows,
) -> Repeats:
    rows = [
        Area(where, name, count.tickets, len(count.customers), count.this_month, count.month_before,
             tuple(sorted(count.outage_days)))
        for (where, name), count in areas.items()
    ]  # fmt: skip
    rows.sort(key=lambda row: (row.place, row.name))
    callers = [_caller(found) for found in calls.values() if len(found) >= SEVERAL]
    return Repeats(
        windows=over,
        tickets=seen["tickets"],
        with_area=seen["with_area"],
        with_customer=seen["with_customer"],
        both_known=seen["both_known"],
        areas=sum(row.tickets > 0 for row in rows),
        customers=len(calls),
        two_month_areas=sum(row.this_month + row.month_before > 0 for row in rows),
        outage_areas=sum(bool(row.outage_days) for row in rows),
        several=_most((row for row in rows if row.customers >= SEVERAL), "customers"),
        both_months=_most((row for row in rows if row.this_month and row.month_before), "this_month"),
        over=_most((row for row in rows if len(row.outage_days) >= RULE), "outage_days"),
        near=_most((row for row in rows if len(row.outage_days) == NEAR), "outage_days"),
        callers=tuple(sorted(callers, key=lambda row: (-len(row.tickets), row.tickets))),
    )


def _most(rows: Iterable[Area], field_name: str) -> tuple[Area, ...]:
    def amount(row: Area) -> int:
        value = getattr(row, field_name)
        return value if isinstance(value, int) else len(value)

    return tuple(sorted(rows, key=amount, reverse=True))  # stable: equal ones stay in the order of place and name


def _caller(calls: list[_Call]) -> Caller:
    calls = sorted(calls, key=lambda call: (call.day, call.ticket_id))
    causes = Counter(call.cause for call in calls)
    return Caller(
        tickets=tuple(call.ticket_id for call in calls),
        place=calls[-1].place,
        causes=tuple(cause for cause, _ in causes.most_common()),
        same_cause=causes.most_common(1)[0][1],
        last=calls[-1].day,
    )
