"""Days and events in Chinese."""

from collections.abc import Sequence
from datetime import date

from pipeline.nightly.watch.history import Days, add
from pipeline.nightly.watch.settings import Event

_WEEKDAYS = "一二三四五六日"
_FEW = 8  # days that are listed one by one


def days_in_words(days: Days, weekdays: frozenset[int] | None) -> str:
    """Say which days they are and how many tickets they have; `weekdays` if they were chosen by them.

    >>> from collections import Counter
    >>> from pipeline.nightly.watch.history import Totals
    >>> days = {date(2026, 11, 2): Totals(Counter(a=30)), date(2026, 11, 9): Totals(Counter(a=25))}
    >>> days_in_words(days, frozenset({0}))
    '此前星期一 2 天（11月2日、11月9日）共 55 件'
    """
    named = "各日" if weekdays is None else "、".join(f"星期{_WEEKDAYS[number]}" for number in sorted(weekdays))
    return f"此前{named} {len(days)} 天（{listed(sorted(days))}）共 {add(days.values()).rows} 件"


def listed(days: Sequence[date]) -> str:
    """Name the days, or the first and the last of many."""
    if len(days) <= _FEW:
        return "、".join(map(_day, days))
    return f"{_day(days[0])}至{_day(days[-1])}"


def events_in_words(events: Sequence[Event]) -> str:
    """Name the events with their dates."""
    return "、".join(f"{event.name}（{_day(event.first)}至{_day(event.last)}）" for event in events)


def _day(day: date) -> str:
    return f"{day.month}月{day.day}日"
