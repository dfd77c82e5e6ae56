"""Months and working days."""

from datetime import date, timedelta
from functools import lru_cache

_DECEMBER = 12
_FRIDAY = 4


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def shift_month(month: date, by: int) -> date:
    """Return the first day of the month `by` months later, or earlier.

    >>> shift_month(date(2026, 1, 1), -2)
    datetime.date(2025, 11, 1)
    """
    years, months = divmod(month.year * _DECEMBER + month.month - 1 + by, _DECEMBER)
    return date(years, months + 1, 1)


def last_of_month(month: date) -> date:
    """Return a month's last day."""
    return shift_month(month_of(month), 1) - timedelta(days=1)


def months_before(day: date, months: int) -> date:
    """Return the same day some months earlier; the month's last day where it has no such day.

    >>> months_before(date(2026, 4, 30), 2)
    datetime.date(2026, 2, 28)
    """
    month = shift_month(month_of(day), -months)
    return min(month + timedelta(days=day.day - 1), last_of_month(month))


@lru_cache(maxsize=4096)  # asked for each ticket, of few days
def add_working_days(day: date, days: int) -> date:
    """Return the working day (Monday to Friday) that is the `days`-th after a day, which itself does not count.

    Public holidays and the weekends worked in their stead are announced year by year and not known here.

    >>> add_working_days(date(2026, 10, 30), 4).strftime("%a %m-%d")  # from a Friday
    'Thu 11-05'
    """
    while days:
        day += timedelta(days=1)
        days -= day.weekday() <= _FRIDAY
    return day
