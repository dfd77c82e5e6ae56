"""How long each stage took, and which tickets are near a limit."""

import heapq
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

import numpy as np

from pipeline.nightly.report.dates import add_working_days
from pipeline.nightly.report.entries import Entry
from pipeline.nightly.report.places import place

# (from, to): the stages of a ticket. The last two are the spans that limits are set for.
STAGES = (
    ("accepted_at", "dispatched_at"),
    ("dispatched_at", "contacted_at"),
    ("contacted_at", "closed_at"),
    ("accepted_at", "contacted_at"),
    ("accepted_at", "closed_at"),
)
IN_TIME, LATE, OPEN, NEAR, OVERDUE, UNKNOWN = STATES = ("in_time", "late", "open", "near", "overdue", "unknown")
_LISTED = 500  # tickets near or beyond a limit that are named; the counts are of all
_HOUR = timedelta(hours=1)
_LAST_SECOND = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit from the acceptance on: so many hours, or to the end of so many working days after that day.

    An open ticket is `near` it when no more than so much time is left.
    """

    key: str
    until: str  # the stage time that ends it
    hours: int = 0
    working_days: int = 0
    near: timedelta = timedelta()

    def deadline(self, accepted_at: datetime) -> datetime:
        """Return when it runs out."""
        if self.hours:
            return accepted_at + timedelta(hours=self.hours)
        return datetime.combine(add_working_days(accepted_at.date(), self.working_days), _LAST_SECOND)


# 24 hours and 5 working days: the ten promises in force (十项承诺 art. 9); 4 working days: the internal limit that
# Jiangsu published in 2021. The report is read in the morning, hours after its data end, so near is some hours wide.
LIMITS = (
    Limit("contact", "contacted_at", hours=24, near=timedelta(hours=6)),
    Limit("internal", "closed_at", working_days=4, near=timedelta(hours=24)),
    Limit("public", "closed_at", working_days=5, near=timedelta(hours=24)),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The spread of one stage in hours, over the `n` of `of` tickets that have both times in the right order."""

    start: str
    end: str
    n: int
    of: int
    reversed: int  # the end before the start
    quartiles: tuple[float, float, float] | None  # linear interpolation, as numpy does by default
    ninetieth: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How the tickets stand to one limit, by STATES; None where no ticket has the time that ends it."""

    limit: Limit
    counts: Mapping[str, int] | None
    of: int


@dataclass(frozen=True, slots=True, order=True)
class Pressing:
    """An open ticket near or beyond a limit. Ordered by deadline."""

    deadline: datetime
    ticket_id: str
    limit: str
    state: str
    cause: str
    place: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Stages:
    """`clock` is when the data end (the last acceptance); None: open tickets are counted, but not whether overdue."""

    clock: datetime | None
    spreads: tuple[Stage, ...]
    standings: tuple[Standing, ...]
    pressing: tuple[Pressing, ...]  # near ones first, by deadline


@dataclass(slots=True)
class StageTally:
    """Measures tickets as their export had them."""

    clock: datetime | None
    tickets: int = 0
    hours: dict[tuple[str, str], "array[float]"] = field(default_factory=lambda: {key: array("d") for key in STAGES})
    reversed: Counter[tuple[str, str]] = field(default_factory=Counter)
    standings: Counter[tuple[str, str]] = field(default_factory=Counter)
    pressing: dict[str, list[Pressing]] = field(default_factory=lambda: {limit.key: [] for limit in LIMITS})

    def add(self, entry: Entry) -> None:
        """Measure one ticket."""
        self.tickets += 1
        times = stage_times(entry)
        for start, end in STAGES:
            if start in times and end in times:
                hours = (times[end] - times[start]) / _HOUR
                if hours < 0:
                    self.reversed[start, end] += 1
                else:
                    self.hours[start, end].append(hours)
        for limit in LIMITS:
            self._stand(limit, entry, times)

    def _stand(self, limit: Limit, entry: Entry, times: Mapping[str, datetime]) -> None:
        state = _state(limit, times, self.clock)
        self.standings[limit.key, state] += 1
        if state in (NEAR, OVERDUE):
            found = Pressing(
                limit.deadline(times["accepted_at"]), entry.ticket_id, limit.key, state, entry.cause, place(entry)
            )
            # Where there are too many, those whose deadline passed longest ago are dropped.
            keep = heapq.heappush if len(self.pressing[limit.key]) < _LISTED else heapq.heappushpop
            keep(self.pressing[limit.key], found)

    def result(self) -> Stages:
        """Return what was measured."""
        standings = tuple(self._standing(limit) for limit in LIMITS)
        pressing = [row for it in standings if it.counts is not None for row in self.pressing[it.limit.key]]
        return Stages(
            clock=self.clock,
            spreads=tuple(self._spread(key) for key in STAGES),
            standings=standings,
            pressing=tuple(sorted(pressing, key=lambda row: (row.state != NEAR, row))),
        )

    def _standing(self, limit: Limit) -> Standing:
        span = ("accepted_at", limit.until)
        told = bool(self.hours[span]) or bool(self.reversed[span])
        counts = {state: self.standings[limit.key, state] for state in STATES}
        return Standing(limit, counts if told else None, self.tickets)

    def _spread(self, key: tuple[str, str]) -> Stage:
        hours = np.frombuffer(self.hours[key], dtype=np.float64) if self.hours[key] else None
        found = None if hours is None else [float(value) for value in np.percentile(hours, (25, 50, 75, 90))]
        return Stage(
            *key,
            n=len(self.hours[key]),
            of=self.tickets,
            reversed=self.reversed[key],
            quartiles=None if found is None else (found[0], found[1], found[2]),
            ninetieth=None if found is None else found[3],
        )


def stage_times(entry: Entry) -> dict[str, datetime]:
    """Return the times a ticket has, by field."""
    times = {} if entry.accepted_at is None else {"accepted_at": entry.accepted_at}
    for name in ("dispatched_at", "contacted_at", "closed_at"):
        if value := entry.fields.get(name):
            times[name] = datetime.fromisoformat(value)
    return times


def _state(limit: Limit, times: Mapping[str, datetime], clock: datetime | None) -> str:
    accepted_at, done = times.get("accepted_at"), times.get(limit.until)
    if accepted_at is None or (done is not None and done < accepted_at):
        return UNKNOWN
    deadline = limit.deadline(accepted_at)
    if done is not None:
        return IN_TIME if done <= deadline else LATE
    if clock is None or deadline - clock > limit.near:
        return OPEN
    return NEAR if deadline >= clock else OVERDUE
