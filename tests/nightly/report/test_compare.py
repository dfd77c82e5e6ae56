from collections.abc import Callable
from datetime import date, timedelta

import pytest

from pipeline.nightly.report.build import month_report, night_report
from pipeline.nightly.report.compare import Comparison
from pipeline.taxonomy import Taxonomy

from .conftest import Nights, a_ticket

Both = tuple[Comparison | None, Comparison | None]
Compared = Callable[[int], Both]
Months = Callable[[date], Both]

BILL = {"type": "business", "cause": "bill"}


@pytest.fixture
def compared(any_nights: Nights, taxonomy: Taxonomy) -> Compared:
    """Return the two comparisons of a night."""
    return lambda run_id: any_nights.read(night_report, run_id, taxonomy).comparisons


@pytest.fixture
def months(any_nights: Nights, taxonomy: Taxonomy) -> Months:
    """Return the two comparisons of a month."""
    return lambda month: any_nights.read(month_report, month, taxonomy).comparisons


def test_a_night_is_compared_with_the_same_weekday_up_to_the_same_time(any_nights: Nights, compared: Compared) -> None:
    any_nights.add(
        [
            a_ticket("1", "2026-10-24 10:00", **BILL),
            a_ticket("2", "2026-10-24 22:00", **BILL),
            a_ticket("3", "2026-10-24 22:01", **BILL),  # after the night's last ticket
            a_ticket("4", "2026-10-23 10:00", **BILL),
        ],
        started="2026-10-25 02:00",
    )
    night = any_nights.add(
        [
            a_ticket("5", "2026-10-31 08:00", **BILL),
            a_ticket("6", "2026-10-31 09:00"),
            a_ticket("7", "2026-10-31 22:00"),
        ]
    )
    week, year = compared(night)
    assert (week.kind, week.days, week.of) == ("week", 1, 1)
    assert week.now == {"bill": 1, "frequent_outage": 2}
    assert week.before == {"bill": 2}
    assert year is None


def test_a_late_ticket_makes_no_day_of_its_own(any_nights: Nights, compared: Compared) -> None:
    any_nights.add([a_ticket(f"a{hour}", f"2026-10-28 {hour:02d}:00", **BILL) for hour in range(8, 12)])
    any_nights.add([a_ticket("b", "2026-10-21 08:00", **BILL), a_ticket("c", "2026-10-24 08:00", **BILL)])
    night = any_nights.add([a_ticket("late", "2026-10-28 12:00"), a_ticket("1", "2026-10-31 08:00")])
    week, _ = compared(night)
    assert (week.days, week.of) == (1, 1)
    assert (week.now, week.before) == ({"frequent_outage": 1}, {"bill": 1})


def test_stragglers_of_days_that_the_database_does_not_know_are_no_days_either(
    any_nights: Nights, compared: Compared
) -> None:
    any_nights.add([a_ticket("0", "2026-10-24 08:00", **BILL), a_ticket("00", "2026-10-20 08:00", **BILL)])
    night = any_nights.add(
        [
            *(a_ticket(f"full {number}", "2026-10-31 08:00") for number in range(20)),
            *(a_ticket(f"straggler {day}", f"2026-10-{day} 08:00") for day in range(25, 30)),
            a_ticket("a", "2026-10-30 08:00"),
            a_ticket("b", "2026-10-30 09:00"),  # a tenth of the full day
        ]
    )
    week, _ = compared(night)
    assert (week.days, week.of) == (1, 2)
    assert (week.now, week.before) == ({"frequent_outage": 20}, {"bill": 1})


def test_what_an_earlier_night_brought_of_a_day_counts_with_it(any_nights: Nights, compared: Compared) -> None:
    any_nights.add([a_ticket("1", "2026-10-31 00:30", **BILL)], started="2026-10-31 02:00")
    any_nights.add([a_ticket("2", "2026-10-24 08:00")])
    night = any_nights.add([a_ticket("3", "2026-10-31 08:00"), a_ticket("4", "2026-10-31 09:00")])
    week, _ = compared(night)
    assert week.now == {"bill": 1, "frequent_outage": 2}


def test_a_first_night_of_many_days_is_compared_within_itself(any_nights: Nights, compared: Compared) -> None:
    night = any_nights.add(
        [a_ticket(f"{day}-{number}", f"2026-10-{day:02d} 08:00") for day in range(1, 15) for number in range(day)]
    )
    week, year = compared(night)
    assert (week.days, week.of) == (7, 14)
    assert week.now == {"frequent_outage": sum(range(8, 15))}
    assert week.before == {"frequent_outage": sum(range(1, 8))}
    assert year is None


def test_last_year_is_a_daily_average_over_the_days_that_have_tickets(any_nights: Nights, compared: Compared) -> None:
    any_nights.add(
        [
            *(a_ticket(f"a{number}", "2025-10-01 12:00", **BILL) for number in range(4)),
            *(a_ticket(f"b{number}", "2025-10-20 09:00", **BILL) for number in range(2)),
            a_ticket("c", "2025-11-01 09:00", **BILL),
        ]
    )
    night = any_nights.add([a_ticket("1", "2026-10-30 08:00"), a_ticket("2", "2026-10-31 10:00", **BILL)])
    week, year = compared(night)
    assert week is None
    assert (year.kind, year.days, year.of, year.covered) == ("year", 2, 2, 2)
    assert year.now == {"frequent_outage": 1, "bill": 1}
    # Six bills on two days: three a day. Of the last day, up to 10 o'clock, two on two days: one.
    assert year.before == {"bill": pytest.approx(4)}


def test_a_first_night_of_more_than_a_year_is_compared_where_it_can_be(any_nights: Nights, compared: Compared) -> None:
    first = date(2025, 10, 1)
    days = [first + timedelta(days=number) for number in range((date(2026, 10, 31) - first).days + 1)]
    night = any_nights.add(
        [a_ticket(f"{day}-{number}", f"{day} 08:00") for day in days for number in range(1 + (day.year == 2026))]
    )
    week, year = compared(night)
    assert (week.days, week.of) == (len(days) - 7, len(days))
    assert (year.days, year.of, year.covered) == (31, len(days), 31)
    assert year.now == {"frequent_outage": 62}
    assert year.before == {"frequent_outage": pytest.approx(31)}


def test_dates_without_a_time_are_compared_whole(any_nights: Nights, compared: Compared) -> None:
    any_nights.add([a_ticket("1", "2026-10-24"), a_ticket("2", "2026-10-24 18:00")])
    night = any_nights.add([a_ticket("3", "2026-10-31")])
    week, _ = compared(night)
    assert week.before == {"frequent_outage": 2}


def test_what_another_model_or_a_later_night_said_is_no_comparison(any_nights: Nights, compared: Compared) -> None:
    any_nights.add([a_ticket("1", "2026-10-24 08:00")], model="m2")
    night = any_nights.add([a_ticket("2", "2026-10-31 08:00")])
    any_nights.add([a_ticket("3", "2026-10-24 08:00")])
    assert compared(night) == (None, None)


def test_a_night_without_dates_is_compared_with_nothing(any_nights: Nights, compared: Compared) -> None:
    any_nights.add([a_ticket("1", "2026-10-24 08:00")])
    assert compared(any_nights.add([a_ticket("2", None)])) == (None, None)
    assert compared(any_nights.add()) == (None, None)


def test_a_month_is_compared_whole_once_it_is_over(any_nights: Nights, months: Months) -> None:
    any_nights.add(
        [
            a_ticket("1", "2027-02-28 08:00"),
            a_ticket("2", "2027-01-31 08:00", **BILL),
            a_ticket("3", "2027-01-01 00:00", **BILL),
            a_ticket("4", "2026-02-28 23:59", **BILL),
            a_ticket("5", "2026-12-31 23:59", **BILL),
        ],
        started="2027-03-01 02:00",
    )
    before, year = months(date(2027, 2, 1))
    assert (before.kind, before.days, before.covered, before.now, before.before) == (
        "month", 31, 2, {"frequent_outage": 1}, {"bill": 2},
    )  # fmt: skip
    assert (year.kind, year.days, year.covered, year.before) == ("year", 28, 1, {"bill": 1})


def test_a_month_that_is_not_over_is_compared_up_to_the_same_day(any_nights: Nights, months: Months) -> None:
    any_nights.add(
        [
            a_ticket("1", "2026-10-14 08:00"),
            a_ticket("2", "2026-09-14 23:00", **BILL),
            a_ticket("3", "2026-09-15 00:00", **BILL),
        ],
        started="2026-10-15 02:00",
    )
    before, year = months(date(2026, 10, 20))
    assert (before.days, before.before) == (14, {"bill": 1})
    assert year is None
