"""Which way a voltage was off, read from the words of the narrative."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.nightly.report.entries import NARRATED, Entry

OVER, UNDER, UNSAID = DIRECTIONS = ("over", "under", "unsaid")

_BOTH = re.compile(r"忽高忽低|时高时低|一会儿?高一会儿?低|一阵高一阵低")
_OVER = re.compile(
    r"过电压|超电压|过压(?!力)|灯[泡光管]?特别亮|亮得刺眼"
    r"|电压[^，。；,;]{0,6}?(?:偏高|过高|太高|很高|较高|这么高|那么高|超高|升高|增高|升到|升至|飙升|上升)"
    r"|电压[^，。；,;低]{0,3}高(?![低峰时速铁点些一])"
)
_UNDER = re.compile(
    r"低电压|欠压|压降|带不[动起]|启动不了|起动不了|无法启动|启不动|起不来|转不动|转速上不去|烧不[开热]"
    r"|电压[^，。；,;]{0,6}?(?:偏低|过低|太低|很低|较低|低得|不足|不够|上不去|跌|掉|降|带不)"
    r"|电压[^，。；,;高]{0,3}低(?!高)|灯[泡光管]?[^，。；,;]{0,3}(?:昏|暗|发红|不亮)"
)
_FLICKER = re.compile(r"忽明忽暗|一明一[暗灭]")  # its 暗 is no low voltage
# A figure with its unit decides before words do. Between the bands lie what is allowed, and 380 V three-phase.
_VOLTS = re.compile(
    r"(?<![0-9.])(?:([0-9]{3})(?:\.[0-9])?[伏vV]?[至到~—-])?([0-9]{2,3})(?:\.[0-9])?[多来几余]?\s?(?:伏(?!安)|[vV](?![aA]))"
)
_LOW, _HIGH = range(60, 198), range(236, 300)  # 220 V less 10 %, plus 7 %: 198.0 to 235.4 V (GB/T 12325)
_SPOKEN = {
    UNDER: re.compile(r"一百[一二三四五六七八九十零]{0,4}[多来几余]?伏"),
    OVER: re.compile(r"二百[四五六七八九]十?[一二三四五六七八九]?[多来几余]?伏"),
}


@dataclass(frozen=True, slots=True)
class Direction:
    """Voltage tickets of one direction: their `customers`, told apart by stand-ins; `unnamed` tickets have none."""

    key: str
    tickets: int
    customers: int
    unnamed: int


@dataclass(slots=True)
class VoltageTally:
    """Counts voltage tickets by direction."""

    tickets: Counter[str] = field(default_factory=Counter)
    unnamed: Counter[str] = field(default_factory=Counter)
    customers: dict[str, set[str]] = field(default_factory=lambda: {key: set() for key in DIRECTIONS})

    def add(self, entry: Entry) -> None:
        """Count one ticket; those of other causes are passed over."""
        if entry.cause not in NARRATED:
            return
        found = direction(entry.narrative or "")
        self.tickets[found] += 1
        if entry.customer is None:
            self.unnamed[found] += 1
        else:
            self.customers[found].add(entry.customer)

    def result(self) -> tuple[Direction, ...]:
        """Return the three directions."""
        return tuple(
            Direction(key, self.tickets[key], len(self.customers[key]), self.unnamed[key]) for key in DIRECTIONS
        )


def direction(narrative: str) -> str:
    """Return OVER or UNDER; UNSAID where the words tell none, or both.

    >>> direction("客户自测长期在250伏上下"), direction("空调带不动，电压只有170伏"), direction("电压忽高忽低")
    ('over', 'under', 'unsaid')
    """
    if _BOTH.search(narrative):
        return UNSAID
    found = set(_by_figures(narrative)) or set(_by_words(_FLICKER.sub("", narrative)))
    return found.pop() if len(found) == 1 else UNSAID


def _by_figures(narrative: str) -> Iterator[str]:
    for match in _VOLTS.finditer(narrative):
        for figure in filter(None, match.groups()):
            if int(figure) in _LOW:
                yield UNDER
            elif int(figure) in _HIGH:
                yield OVER
    yield from (key for key, spoken in _SPOKEN.items() if spoken.search(narrative))


def _by_words(narrative: str) -> Iterator[str]:
    yield from (key for key, words in ((OVER, _OVER), (UNDER, _UNDER)) if words.search(narrative))
