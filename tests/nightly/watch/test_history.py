"""What is read from the database: by day, sampled, around known events; on both kinds of database."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from pipeline.nightly.watch import Event, WatchSettings
from pipeline.nightly.watch.gather import events_of
from pipeline.nightly.watch.history import (
    Period,
    Totals,
    before,
    of_run,
    period_of,
    same_weekdays,
    sample,
    some_days,
    totals_by_day,
    usable,
)
from pipeline.store.schema import metadata

from .conftest import DIGEST, TONIGHT, Nights, Ticket

DARK = Ticket("又停电了", "outage", 0.9, "cause", area="东一台区", customer="c1")
RUDE = Ticket("态度很差", "service", 0.5, "none")


@pytest.fixture
def stored(database: str, nights: Nights) -> Iterator[Nights]:
    """Nights in an SQLite file and in a real PostgreSQL."""
    engine = sa.create_engine(database, poolclass=sa.NullPool)
    metadata.create_all(engine)
    with engine.connect() as connection:
        yield Nights(connection, nights.model, nights.corpus)


def test_answers_add_up_by_day_and_by_model(stored: Nights) -> None:
    stored.add(TONIGHT - timedelta(days=1), [DARK, DARK, RUDE])
    stored.add(TONIGHT - timedelta(days=1), [RUDE], digest="other")
    tonight = stored.add(TONIGHT, [DARK, RUDE])
    stored.add(None, [DARK])
    stored.add(TONIGHT - timedelta(days=1), [DARK])  # by a later run
    yesterday = TONIGHT - timedelta(days=1)
    assert totals_by_day(stored.connection, of_run(tonight)) == {
        TONIGHT: Totals(Counter(outage=1, service=1), pytest.approx(1.4), pytest.approx(1.06), 1)
    }
    past = before(tonight, yesterday, TONIGHT)
    assert totals_by_day(stored.connection, past)[yesterday].types == Counter(outage=2, service=2)
    own = before(tonight, yesterday, TONIGHT, DIGEST)
    assert totals_by_day(stored.connection, own)[yesterday].types == Counter(outage=2, service=1)
    assert list(totals_by_day(stored.connection, of_run(tonight + 1))) == [None]


def test_a_sample_is_bounded_stable_and_not_the_first_rows(stored: Nights) -> None:
    run = stored.add(TONIGHT, [DARK] * 600)
    first, again = (sample(stored.connection, of_run(run), 100) for _ in range(2))
    assert first == again
    assert 60 <= len(first) <= 100
    numbers = [int(seen.id[1:]) for seen in first]
    assert 200 < sum(numbers) / len(numbers) < 400
    assert (first[0].narrative, first[0].area, first[0].customer) == ("又停电了", "东一台区", "c1")
    assert len(sample(stored.connection, of_run(run), 600)) == 600


def test_a_late_ticket_does_not_date_a_run() -> None:
    days = {
        TONIGHT: Totals(Counter(a=50)),
        TONIGHT - timedelta(days=40): Totals(Counter(a=1)),
        None: Totals(Counter(a=9)),
    }
    period = period_of(days, 0.05)
    assert period == Period((TONIGHT,))
    assert period.weekdays == {0}
    assert period.weeks_before(4) == (date(2026, 11, 2), TONIGHT)
    assert period_of({None: Totals(Counter(a=9))}, 0.05).days == ()
    month = {TONIGHT - timedelta(days=number): Totals(Counter(a=60)) for number in range(31)}
    assert len(period_of(month, 0.05).days) == 31


def test_days_of_an_event_are_not_usual_unless_hardly_any_other_is_left(watching: WatchSettings) -> None:
    days = {TONIGHT - timedelta(days=number): Totals(Counter(a=30)) for number in range(1, 8)}
    days[TONIGHT - timedelta(days=8)] = Totals(Counter(a=watching.day_rows - 1))
    assert len(usable(days, watching)) == 7
    short = watching.model_copy(update={"events": (_event(TONIGHT - timedelta(days=3), TONIGHT - timedelta(days=2)),)})
    assert len(usable(days, short)) == 5
    long = watching.model_copy(update={"events": (_event(TONIGHT - timedelta(days=9), TONIGHT),)})
    assert len(usable(days, long)) == 7


def test_tonight_is_in_an_event_if_a_good_part_of_its_tickets_is(watching: WatchSettings) -> None:
    event = _event(TONIGHT, TONIGHT)
    settings = watching.model_copy(update={"events": (event,), "event_share": 0.2})
    most = {TONIGHT - timedelta(days=1): Totals(Counter(a=70)), TONIGHT: Totals(Counter(a=30))}
    few = {TONIGHT - timedelta(days=1): Totals(Counter(a=90)), TONIGHT: Totals(Counter(a=10))}
    assert events_of(most, settings) == (event,)
    assert events_of(few, settings) == ()
    assert events_of({None: Totals(Counter(a=5))}, settings) == ()


def test_mondays_are_compared_with_mondays_if_there_are_enough(watching: WatchSettings) -> None:
    days = {TONIGHT - timedelta(days=number): Totals(Counter(a=30)) for number in range(1, 29)}
    chosen, by_weekday = same_weekdays(days, frozenset({0}), watching)
    assert by_weekday
    assert {day.weekday() for day in chosen} == {0}
    assert len(chosen) == 4
    few = {day: found for day, found in days.items() if day.weekday() or day > TONIGHT - timedelta(days=15)}
    assert same_weekdays(few, frozenset({0}), watching) == (few, False)


def test_the_days_for_texts_are_spread_and_hold_the_weekday_first() -> None:
    days = [TONIGHT - timedelta(days=number) for number in range(1, 29)]
    chosen = some_days(days, frozenset({0}), 8)
    assert len(chosen) == len(set(chosen)) == 8
    assert sum(day.weekday() == 0 for day in chosen) == 4
    others = [day for day in chosen if day.weekday()]
    assert (max(others) - min(others)).days > 20
    assert some_days(days[:2], frozenset({0}), 8) == sorted(days[:2])
    assert some_days([], frozenset(), 8) == []


def _event(first: date, last: date) -> Event:
    return Event.model_validate({"name": "台风", "from": first, "to": last, "note": ""})
