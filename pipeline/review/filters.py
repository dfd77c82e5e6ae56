"""Which reviewed tickets somebody wants to see, as an address says it (`?unit=…&week_from=2026-W48`)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import sqlalchemy as sa

from pipeline.review.statistics import LEVELS, SIDES, Level, Side
from pipeline.store.review import BLIND, SHOWN
from pipeline.taxonomy import Taxonomy

NO_UNIT = "-"  # how an address says that the export has no unit
_TRUE = "1"
_TEXT = re.compile(r"[^\x00-\x1f\ud800-\udfff]{1,200}")  # no database takes these characters; SQLite no endless pattern
_WEEK = re.compile(r"[0-9]{4}-W[0-9]{2}")
_NAME = re.compile(r"[a-z_]{1,20}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")  # what an integer of PostgreSQL holds


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reviewed ticket has to meet; None: anything.

    `from_*` is what the side (the model, if none is told) had said, `to_*` what was decided; with `wrong` the two have
    to differ. `q`: an id or words of the narrative. Weeks are ISO weeks of acceptance, both ends included.
    """

    q: str | None = None
    side: Side | None = None
    from_type: str | None = None
    to_type: str | None = None
    from_cause: str | None = None
    to_cause: str | None = None
    unit: str | None = None
    week_from: str | None = None
    week_to: str | None = None
    reason: str | None = None
    reviewer: int | None = None
    kind: str | None = None
    wrong: bool = False
    page: int = 1

    @classmethod
    def parse(cls, values: Mapping[str, str], taxonomy: Taxonomy) -> tuple[Self, list[str]]:
        """Read a filter from an address and return it with the keys that are unknown or say nothing sensible.

        What is empty is not set. Never raises.
        """
        readers, found, unknown = _readers(taxonomy), {}, []
        for key, value in values.items():
            text = " ".join(value.split())
            if key not in readers:
                unknown.append(key)
            elif text:
                read = readers[key](text)
                if read is None:
                    unknown.append(key)
                else:
                    found[key] = read
        return cls(**found), unknown

    def query(self) -> dict[str, str]:
        """Return what an address has to say for this filter: only what is set.

        >>> Filter(unit="城关供电所", wrong=True).query()
        {'unit': '城关供电所', 'wrong': '1'}
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        set_ = {name: value for name, value in values.items() if value is not None and value is not False}
        return {
            name: _TRUE if value is True else str(value) for name, value in set_.items() if (name, value) != ("page", 1)
        }

    def without_pair(self) -> Self:
        """Return the filter without what it says about the side, what it had said and what was decided."""
        return replace(self, side=None, from_type=None, to_type=None, from_cause=None, to_cause=None, wrong=False)

    def conditions(self, row: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        """Return what a row of `pipeline.review.lists.decided` has to meet."""
        found: list[sa.ColumnElement[bool]] = [*self._said(row), *self._words(row)]
        if self.unit is not None:
            found.append(row.c.unit.in_(("", NO_UNIT)) if self.unit == NO_UNIT else row.c.unit == self.unit)
        if self.week_from is not None:
            found.append(row.c.week >= self.week_from)
        if self.week_to is not None:
            found.append(row.c.week <= self.week_to)
        if self.reason is not None:  # the list is kept as JSON, which both databases show as text
            found.append(sa.cast(row.c.reasons, sa.Text).contains(f'"{self.reason}"', autoescape=True))
        if self.reviewer is not None:
            found.append(row.c.user_id == self.reviewer)
        if self.kind is not None:
            found.append(row.c.kind == self.kind)
        return found

    def _said(self, row: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        side = self.side or "model"
        found = []
        for level in LEVELS:
            before, after = getattr(self, f"from_{level}"), getattr(self, f"to_{level}")
            if before is not None:
                found.append(said(row, side, level) == before)
            if after is not None:
                found.append(row.c[level] == after)
        if self.wrong:
            found.append(sa.or_(*(said(row, side, level) != row.c[level] for level in LEVELS)))
        return found

    def _words(self, row: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        if self.q is None:
            return []
        words = [row.c.narrative.icontains(word, autoescape=True) for word in self.q.split()]
        return [sa.or_(row.c.ticket_id.icontains(self.q, autoescape=True), sa.and_(*words))]


def said(row: sa.Subquery, side: Side, level: Level) -> sa.ColumnElement[Any]:
    """Return the column that holds what a side had said."""
    return row.c[f"{side}_{level}"]


def _readers(taxonomy: Taxonomy) -> Mapping[str, Callable[[str], Any]]:
    """Return, for each key, what makes a value of a text, or None of one that says nothing sensible."""
    types, causes = _one_of(*taxonomy.type_ids), _one_of(*taxonomy.cause_ids)
    return {
        "q": _like(_TEXT), "unit": _like(_TEXT), "reason": _like(_NAME), "week_from": _like(_WEEK),
        "week_to": _like(_WEEK), "side": _one_of(*SIDES), "kind": _one_of(BLIND, SHOWN), "from_type": types,
        "to_type": types, "from_cause": causes, "to_cause": causes, "reviewer": _number, "page": _number,
        "wrong": _flag,
    }  # fmt: skip


def _like(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: text if pattern.fullmatch(text) else None


def _one_of(*known: str) -> Callable[[str], str | None]:
    return lambda text: text if text in known else None


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _flag(text: str) -> bool | None:
    return {"0": False, _TRUE: True}.get(text)
