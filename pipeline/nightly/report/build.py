"""From the database to the figures of a night or a month."""

from dataclasses import replace
from datetime import date, datetime, time

import sqlalchemy as sa

from pipeline.errors import StoreError
from pipeline.nightly.report.areas import Repeats, find_repeats, windows
from pipeline.nightly.report.compare import compare_month, compare_night
from pipeline.nightly.report.dates import month_of, shift_month
from pipeline.nightly.report.entries import (
    Run,
    Selection,
    find_run,
    last_accepted,
    latest_credible,
    newest_closed,
    newest_with,
    read_entries,
)
from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.tally import Tally
from pipeline.store.schema import rejects
from pipeline.taxonomy import Taxonomy

NIGHT = "night"  # the purpose of a run, beside the replay of rejects


def newest_night(connection: sa.Connection, taxonomy_version: str | None = None) -> int:
    """Return the number of the newest closed night, under a taxonomy if there is any; raises StoreError if none is."""
    return newest_closed(connection, purpose=NIGHT, taxonomy_version=taxonomy_version).id


def night_report(connection: sa.Connection, run_id: int, taxonomy: Taxonomy) -> Report:
    """Return the figures of one run's tickets, compared with what the database held when it ended.

    Causes of a former tree are counted as what they became in `taxonomy`. Raises StoreError if there is no such run.
    """
    run = find_run(connection, run_id)
    mine = Selection(run.id, (run.model_digest, None), lineage=taxonomy.lineage)
    last = last_accepted(connection, run)
    tally = Tally(taxonomy, clock=last)
    tally.count(read_entries(connection, mine, run_id=run.id, latest=latest_credible(run)))
    return tally.report(
        run,
        comparisons=compare_night(connection, mine, tally.days, last) if last else (None, None),
        repeats=_repeats(connection, mine, last.date()) if last else None,
        rejects=_rejects(connection, run),
    )


def month_report(connection: sa.Connection, month: date, taxonomy: Taxonomy, model_digest: str | None = None) -> Report:
    """Return the figures of the tickets accepted in a month, as one model answered them.

    The model is that of the newest closed run unless told; if that one answered no ticket of the month, the last one
    that did. Under a former taxonomy, the database is read as it was after the last run under that, so that a report
    of then reads the same; under the present one, former causes are counted as what they became. Raises StoreError if
    there is no run or no such ticket.
    """
    month = month_of(month)
    start, end = _start(month), _start(shift_month(month, 1))
    newest = newest_closed(connection, model_digest=model_digest)
    run = newest_closed(connection, model_digest=model_digest, taxonomy_version=taxonomy.version)
    mine = Selection(None if run == newest else run.id, (run.model_digest, None), lineage=taxonomy.lineage)
    tally = _counted(connection, mine, taxonomy, start, end)
    if not tally.days and model_digest is None and (earlier := newest_with(connection, start, end, mine.upto)):
        run, mine = earlier, replace(mine, model=(earlier.model_digest, None))
        tally = _counted(connection, mine, taxonomy, start, end)
    if not tally.days:
        raise StoreError("month_empty", f"the database has no ticket of {month:%Y-%m} by model {run.model}")
    last = max(tally.days)
    over = run.local_start.date() >= shift_month(month, 1)
    return tally.report(
        run,
        comparisons=compare_month(connection, mine, month, tally.causes(), None if over else last),
        repeats=_repeats(connection, mine, last, whole_month=True),
        month=month,
    )


def _counted(
    connection: sa.Connection, selection: Selection, taxonomy: Taxonomy, start: datetime, end: datetime
) -> Tally:
    # When an open ticket was last looked at differs from run to run, so there is no clock to call it overdue by.
    tally = Tally(taxonomy, clock=None)
    tally.count(read_entries(connection, selection, start=start, end=end))
    return tally


def _repeats(connection: sa.Connection, selection: Selection, last: date, *, whole_month: bool = False) -> Repeats:
    # Whether a customer called before does not depend on which model answered then.
    selection = replace(selection, others=True)
    over = windows(last, whole_month=whole_month)
    end = datetime.combine(last, time.max)
    return find_repeats(read_entries(connection, selection, start=_start(over.first), end=end), over)


def _rejects(connection: sa.Connection, run: Run) -> dict[str, int]:
    query = sa.select(rejects.c.code, sa.func.count()).where(rejects.c.run_id == run.id).group_by(rejects.c.code)
    return dict(connection.execute(query).all())


def _start(day: date) -> datetime:
    return datetime.combine(day, time())
