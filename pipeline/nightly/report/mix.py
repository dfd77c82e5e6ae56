"""Tickets by type and cause, and through the cross-walks of the taxonomy."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.nightly.report.entries import Entry
from pipeline.taxonomy import OUT_OF_SCOPE, Cause, Taxonomy

# Level 2 of the tree: conduct and attitude of the staff, but for repair and construction crews, whose behaviour the
# scheme files under outages and grid construction. The definition of a service complaint calls it 服务行为不规范.
MISCONDUCT = "service_behavior"
VOLTAGE = "voltage_quality"
FREQUENT = "frequent_outage"
NO_THEME = ""  # of causes that belong to none of the service themes

_UNSUBSTANTIATED = ("不属实", "否", "不实")  # what 是否属实 says where the complaint did not hold


@dataclass(frozen=True, slots=True)
class Group:
    """Tickets of one type, cause, indicator or theme.

    `review` of them go to a person; of `unsubstantiated` the unit found that the complaint did not hold.
    """

    key: str
    name: str
    tickets: int
    review: int = 0
    unsubstantiated: int = 0
    parent: str = ""  # of a cause: its type


@dataclass(frozen=True, slots=True)
class Mix:
    """`complaints` are the tickets of all types but the one out of scope: what the shares of the others are of."""

    tickets: int
    complaints: int
    types: tuple[Group, ...]  # all of them, in the order of the taxonomy
    causes: tuple[Group, ...]  # those that occur, the commonest first
    indicators: tuple[Group, ...]  # by each cause's primary indicator; they add up to `complaints`
    themes: tuple[Group, ...]  # the last one: those that belong to none
    frequent_outage: int
    misconduct: int
    voltage: int


_Key = tuple[str, str]  # type, cause


@dataclass(slots=True)
class MixTally:
    """Counts tickets."""

    taxonomy: Taxonomy
    tickets: Counter[_Key] = field(default_factory=Counter)
    review: Counter[_Key] = field(default_factory=Counter)
    unsubstantiated: Counter[_Key] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count one ticket."""
        key = (entry.type, entry.cause)
        self.tickets[key] += 1
        if entry.route == "review":
            self.review[key] += 1
        if entry.fields.get("substantiated", "").strip() in _UNSUBSTANTIATED:
            self.unsubstantiated[key] += 1

    def result(self) -> Mix:
        """Return what was counted."""
        complaints = {cause: count for (kind, cause), count in self.tickets.items() if kind != OUT_OF_SCOPE}
        known = [(cause, count) for key, count in complaints.items() if (cause := self.taxonomy.find_cause(key))]
        indicators = self.taxonomy.gallup_indicators
        themes = {**self.taxonomy.service_themes, NO_THEME: ""}
        return Mix(
            tickets=self.tickets.total(),
            complaints=sum(complaints.values()),
            types=self._types(),
            causes=self._causes(),
            indicators=_crossed(indicators, [(cause.gallup[0], count) for cause, count in known if cause.gallup]),
            themes=_crossed(themes, [(cause.theme or NO_THEME, count) for cause, count in known]),
            frequent_outage=complaints.get(FREQUENT, 0),
            misconduct=_below(MISCONDUCT, known),
            voltage=_below(VOLTAGE, known),
        )

    def _types(self) -> tuple[Group, ...]:
        tickets, review, unsubstantiated = map(_by_type, (self.tickets, self.review, self.unsubstantiated))
        return tuple(
            Group(kind.id, kind.name, tickets[kind.id], review[kind.id], unsubstantiated[kind.id])
            for kind in self.taxonomy.types
        )

    def _causes(self) -> tuple[Group, ...]:
        return tuple(
            Group(key[1], cause_name(self.taxonomy, key[1]), count, self.review[key], self.unsubstantiated[key], key[0])
            for key, count in sorted(self.tickets.items(), key=lambda item: (-item[1], item[0]))
        )


def cause_name(taxonomy: Taxonomy, cause_id: str) -> str:
    """Return a cause's name, 原“…” of one that was split; the id itself where this taxonomy does not know it."""
    return taxonomy.name_of(cause_id)


def _by_type(counts: Mapping[_Key, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (kind, _), count in counts.items():
        found[kind] += count
    return found


def _below(level2: str, counts: Sequence[tuple[Cause, int]]) -> int:
    return sum(count for cause, count in counts if cause.level2_id == level2)


def _crossed(names: Mapping[str, str], counts: Sequence[tuple[str, int]]) -> tuple[Group, ...]:
    found: Counter[str] = Counter()
    for key, count in counts:
        found[key] += count
    return tuple(Group(key, name, found[key]) for key, name in names.items())
