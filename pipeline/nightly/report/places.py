"""Where and when: urban or rural, units and districts, hours of the day."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from functools import lru_cache

from pipeline.nightly.report.entries import Entry

URBAN, RURAL, REMOTE, UNKNOWN = "urban", "rural", "remote", "unknown"
HOURS = 24
# What 城乡类别 says, the first that fits. Codes (01, 02, ...) differ from system to system: they stay unknown.
_KINDS = (
    (REMOTE, re.compile("偏远|边远|山区")),
    (URBAN, re.compile("^(?:城|市|县城)")),
    (RURAL, re.compile("^(?:农|乡|镇|村)")),
)
_MIDNIGHT = time()  # what a date without a time is read as


@dataclass(frozen=True, slots=True)
class Count:
    """Tickets with one value: of a unit, its `path` from the city down."""

    path: tuple[str, ...]
    tickets: int
    types: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """`known` of the `of` tickets have a value; the commonest first."""

    rows: tuple[Count, ...]
    known: int
    of: int


@dataclass(frozen=True, slots=True)
class Places:
    """Complaints by place and time. `hours` holds 24 counts of urban, rural (with remote) and unknown."""

    of: int
    kinds: Mapping[str, int]  # urban, rural without remote, remote, unknown
    strange_kinds: tuple[tuple[str, int], ...]  # what 城乡类别 says where it is not understood
    hours: tuple[tuple[int, int, int], ...]
    timed: int  # tickets whose acceptance has a time of day
    units: Breakdown
    counties: Breakdown
    cities: Breakdown

    @property
    def peaks(self) -> tuple[int, ...]:
        """The three hours with most tickets, the busiest first."""
        totals = [sum(counts) for counts in self.hours]
        ranked = sorted((hour for hour in range(HOURS) if totals[hour]), key=lambda hour: (-totals[hour], hour))
        return tuple(ranked[:3])


@dataclass(slots=True)
class PlaceTally:
    """Counts complaints by place and time."""

    kinds: Counter[str] = field(default_factory=Counter)
    strange: Counter[str] = field(default_factory=Counter)
    hours: Counter[tuple[int, str]] = field(default_factory=Counter)
    units: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)  # city, county, unit, type

    def add(self, entry: Entry) -> None:
        """Count one complaint."""
        value = clean(entry.fields.get("urban_rural", ""))
        kind = kind_of_place(value)
        self.kinds[kind] += 1
        if kind == UNKNOWN and value:
            self.strange[value] += 1
        if entry.accepted_at is not None and entry.accepted_at.time() != _MIDNIGHT:
            self.hours[entry.accepted_at.hour, RURAL if kind == REMOTE else kind] += 1
        city, county, unit = place(entry)
        self.units[city, county, unit, entry.type] += 1

    def result(self) -> Places:
        """Return what was counted."""
        return Places(
            of=self.kinds.total(),
            kinds={kind: self.kinds[kind] for kind in (URBAN, RURAL, REMOTE, UNKNOWN)},
            strange_kinds=tuple(self.strange.most_common(5)),
            hours=tuple(
                (self.hours[hour, URBAN], self.hours[hour, RURAL], self.hours[hour, UNKNOWN]) for hour in range(HOURS)
            ),
            timed=self.hours.total(),
            units=self._breakdown(3),
            counties=self._breakdown(2),
            cities=self._breakdown(1),
        )

    def _breakdown(self, depth: int) -> Breakdown:
        """Sum up by the first `depth` of city, county and unit; a place needs the last of them."""
        totals: Counter[tuple[str, ...]] = Counter()
        types: dict[tuple[str, ...], Counter[str]] = {}
        for (*path, kind), count in self.units.items():
            if path[depth - 1]:
                key = tuple(path[:depth])
                totals[key] += count
                types.setdefault(key, Counter())[kind] += count
        ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        rows = tuple(Count(path, count, types[path]) for path, count in ranked)
        return Breakdown(rows, totals.total(), self.kinds.total())


def kind_of_place(value: str) -> str:
    """Return URBAN, RURAL, REMOTE or UNKNOWN for what 城乡类别 says.

    >>> [kind_of_place(value) for value in ("城区", "农村", "特殊边远地区", "02", "")]
    ['urban', 'rural', 'remote', 'unknown', 'unknown']
    """
    return next((kind for kind, words in _KINDS if words.search(value)), UNKNOWN)


def place(entry: Entry) -> tuple[str, str, str]:
    """Return a ticket's city, county and unit, empty where the export does not say."""
    city, county, unit = (clean(entry.fields.get(name, "")) for name in ("city", "county", "unit"))
    return city, county, unit


@lru_cache(maxsize=65536)  # asked for each ticket, of few names
def clean(name: str) -> str:
    """Return a name in one spelling: blanks and width do not count.

    >>> clean("水口村 １号公变")
    '水口村1号公变'
    """
    return "".join(unicodedata.normalize("NFKC", name).split())
