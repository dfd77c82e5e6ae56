"""What reviewers found, counted: which types and causes are taken for which, where and when.

These count the reviewed tickets. They are no random sample: most of them were chosen because something seemed wrong
with them. They say where to look, not how often something is wrong; for that there is pipeline.review.statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from pipeline.review.filters import Filter, said
from pipeline.review.lists import decided
from pipeline.review.statistics import Proportion, Side


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many reviewed tickets a side said to be of a type (rows) that were decided to be of a type (columns).

    `types`: the ids of rows and columns. `reviewed`: how many tickets were reviewed; the side said a type of `compared`
    of them, which is what all counts add up to.
    """

    side: Side
    types: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    reviewed: int

    @property
    def compared(self) -> int:
        """The tickets of which the side said a type."""
        return sum(map(sum, self.counts))

    @property
    def wrong(self) -> Proportion:
        """Of the tickets of which the side said a type, those that are of another. Of no random sample."""
        return Proportion(self.compared - sum(row[at] for at, row in enumerate(self.counts)), self.compared)


@dataclass(frozen=True, slots=True)
class CausePair:
    """A cause that the side said and another that was decided; of so many reviewed tickets that it said to be of it."""

    said: str
    decided: str
    tickets: Proportion


@dataclass(frozen=True, slots=True)
class Group:
    """The reviewed tickets of one unit or one week, and those about whose type or cause the side was wrong.

    The shares are of the tickets of which the side said something. The name is "" where the export has no unit.
    """

    name: str
    reviewed: int
    wrong_type: Proportion
    wrong_cause: Proportion


def confusion(connection: sa.Connection, wanted: Filter, side: Side, types: Sequence[str]) -> Confusion:
    """Count types against types over the reviewed tickets, which are no random sample.

    `types` come first, in this order; after them whatever else a former tree had.
    """
    row, conditions = _reviewed(wanted)
    before, after = said(row, side, "type"), row.c.type
    query = sa.select(before, after, sa.func.count()).where(*conditions).group_by(before, after)
    counts = {(one, other): number for one, other, number in connection.execute(query)}
    seen = {kind for pair in counts for kind in pair if kind is not None}
    names = (*types, *sorted(seen - set(types)))
    matrix = tuple(tuple(counts.get((one, other), 0) for other in names) for one in names)
    return Confusion(side, names, matrix, sum(counts.values()))


def differing_causes(connection: sa.Connection, wanted: Filter, side: Side, most: int) -> list[CausePair]:
    """Return up to `most` pairs of causes that the side mixed up most often in the reviewed tickets."""
    row, conditions = _reviewed(wanted)
    before, after = said(row, side, "cause"), row.c.cause
    query = sa.select(before, after, sa.func.count()).where(*conditions, before.is_not(None)).group_by(before, after)
    found = [tuple(line) for line in connection.execute(query)]
    called: dict[str, int] = {}
    for one, _, number in found:
        called[one] = called.get(one, 0) + number
    pairs = [CausePair(one, other, Proportion(number, called[one])) for one, other, number in found if one != other]
    return sorted(pairs, key=lambda pair: (-pair.tickets.part, pair.said, pair.decided))[:most]


def by_unit(connection: sa.Connection, wanted: Filter, side: Side) -> list[Group]:
    """Count the reviewed tickets of each unit, those with most reviewed first; they are no random sample."""
    return sorted(_groups(connection, wanted, side, "unit"), key=lambda group: (-group.reviewed, group.name))


def by_week(connection: sa.Connection, wanted: Filter, side: Side) -> list[Group]:
    """Count the reviewed tickets of each ISO week of acceptance, in their order; they are no random sample."""
    return sorted(_groups(connection, wanted, side, "week"), key=lambda group: group.name)


def _groups(connection: sa.Connection, wanted: Filter, side: Side, name: Literal["unit", "week"]) -> list[Group]:
    row, conditions = _reviewed(wanted)
    kind, cause = said(row, side, "type"), said(row, side, "cause")
    query = (
        sa.select(
            row.c[name],
            sa.func.count(),
            sa.func.count(sa.case((kind != row.c.type, 1))),
            sa.func.count(kind),
            sa.func.count(sa.case((cause != row.c.cause, 1))),
            sa.func.count(cause),
        )
        .where(*conditions)
        .group_by(row.c[name])
    )
    return [
        Group(group, reviewed, Proportion(wrong_types, types), Proportion(wrong_causes, causes))
        for group, reviewed, wrong_types, types, wrong_causes, causes in connection.execute(query)
    ]


def _reviewed(wanted: Filter) -> tuple[sa.Subquery, list[sa.ColumnElement[bool]]]:
    row = decided()
    return row, wanted.without_pair().conditions(row)
