"""What the watch compares: the run's tickets, and those of the weeks before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipeline.nightly.watch.history import (
    Days,
    Period,
    Seen,
    Totals,
    add,
    before,
    of_run,
    on_day,
    period_of,
    sample,
    some_days,
    totals_by_day,
    usable,
)
from pipeline.nightly.watch.settings import Event, WatchSettings


@dataclass(frozen=True, slots=True)
class Gathered:
    """Tonight and the weeks before. `days` are by any model, `own_days` by the run's model; both may be empty."""

    now: Totals
    period: Period
    events: tuple[Event, ...]  # that tonight falls into
    tickets: Sequence[Seen]
    days: Days
    own_days: Days
    before: Mapping[date, Sequence[Seen]]  # tickets of some of `days`

    @property
    def same(self) -> list[date]:
        """The days of `before` with tonight's weekdays."""
        return [day for day in self.before if day.weekday() in self.period.weekdays]


def gather(
    connection: sa.Connection,
    run_id: int,
    digest: str,
    by_day: Mapping[date | None, Totals],
    settings: WatchSettings,
) -> Gathered:
    """Read what is needed about a run whose answers by day are given."""
    period = period_of(by_day, settings.main_day)
    days: Days = {}
    own_days: Days = {}
    if period.days:
        first, after = period.weeks_before(settings.weeks)
        days = usable(totals_by_day(connection, before(run_id, first, after)), settings)
        own_days = usable(totals_by_day(connection, before(run_id, first, after, digest)), settings)
    chosen = some_days(days, period.weekdays, settings.text.days)
    return Gathered(
        add(by_day.values()),
        period,
        events_of(by_day, settings),
        sample(connection, of_run(run_id), settings.proposals.rows),
        days,
        own_days,
        {day: sample(connection, on_day(run_id, day), settings.text.rows) for day in chosen},
    )


def events_of(by_day: Mapping[date | None, Totals], settings: WatchSettings) -> tuple[Event, ...]:
    """Return the known events that a good part of the dated tickets falls into."""
    dated = {day: totals.rows for day, totals in by_day.items() if day is not None}
    least = settings.event_share * sum(dated.values())
    return tuple(
        event
        for event in settings.events
        if (inside := sum(rows for day, rows in dated.items() if event.covers(day))) and inside >= least
    )
