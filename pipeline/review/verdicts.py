"""Which decisions stand, and what of them the statistics need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pipeline.review.statistics import Pair, Verdict
from pipeline.store.review import BLIND, SHOWN, WITHDRAW, decisions, readings, review_items

FIRST = 1  # the number of the reading that says what a blind ticket is


@dataclass(frozen=True, slots=True)
class Span:
    """Which tickets count: of which runs, accepted from which ISO week (2026-W48) to which; None: of any."""

    runs: tuple[int, ...] | None = None
    week_from: str | None = None
    week_to: str | None = None

    def conditions(self, table: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        """Return what a row with `run_id` and `week` has to meet."""
        found: list[sa.ColumnElement[bool]] = []
        if self.runs is not None:
            found.append(table.c.run_id.in_(self.runs))
        if self.week_from is not None:
            found.append(table.c.week >= self.week_from)
        if self.week_to is not None:
            found.append(table.c.week <= self.week_to)
        return found


ALL = Span()


def effective(name: str) -> sa.Subquery:
    """Return the decisions that stand: nothing supersedes them, and they withdraw nothing.

    One row per decided reading: the columns of `decisions`, the reading's `number`, the item's `blind`, `run_id` and
    `week`.
    """
    later = decisions.alias()
    superseded = sa.exists().where(later.c.supersedes == decisions.c.id)
    item = review_items.c
    return (
        sa.select(decisions, readings.c.number, item.blind, item.run_id, item.week)
        .join(readings, readings.c.id == decisions.c.reading_id)
        .join(review_items, item.id == decisions.c.item_id)
        .where(decisions.c.action != WITHDRAW, ~superseded)
        .subquery(name)
    )


def blind_verdicts(connection: sa.Connection, span: Span = ALL) -> list[Verdict]:
    """Read what each blind ticket is: the decision of its first blind reading, in the order of the items."""
    first = effective("first")
    query = sa.select(*_columns(first)).where(*_is_truth(first), *span.conditions(first)).order_by(first.c.item_id)
    return [Verdict(*row) for row in connection.execute(query)]


def shown_pairs(connection: sa.Connection, span: Span = ALL) -> list[Pair]:
    """Read the blind tickets that another person read again, with the suggestion shown."""
    return _pairs(connection, span, SHOWN)


def second_readings(connection: sa.Connection, span: Span = ALL) -> list[Pair]:
    """Read the blind tickets that another person read blind, too."""
    return _pairs(connection, span, BLIND)


def queue_verdicts(connection: sa.Connection, span: Span = ALL) -> list[Verdict]:
    """Read what was decided about the tickets that were picked for a reason, with the suggestion shown.

    Of one whose cause was split, and that was read again since, it is the first reading that judges the model.
    """
    shown = effective("shown")
    chosen = (sa.not_(shown.c.blind), shown.c.kind == SHOWN, shown.c.number == FIRST)
    query = sa.select(*_columns(shown)).where(*chosen, *span.conditions(shown)).order_by(shown.c.item_id)
    return [Verdict(*row) for row in connection.execute(query)]


def _pairs(connection: sa.Connection, span: Span, kind: str) -> list[Pair]:
    first, second = effective("first"), effective("second")
    again = sa.and_(
        second.c.item_id == first.c.item_id,
        second.c.number > first.c.number,
        second.c.kind == kind,
        second.c.user_id != first.c.user_id,
    )
    query = (
        sa.select(*_columns(first), *_columns(second))
        .join(second, again)
        .where(*_is_truth(first), *span.conditions(first))
        .order_by(first.c.item_id, second.c.number)
    )
    size = len(_columns(first))
    return [Pair(Verdict(*row[:size]), Verdict(*row[size:])) for row in connection.execute(query)]


def _is_truth(first: sa.Subquery) -> tuple[sa.ColumnElement[bool], ...]:
    return first.c.blind, first.c.kind == BLIND, first.c.number == FIRST


def _columns(table: sa.Subquery) -> Sequence[sa.ColumnElement[Any]]:
    """Return the columns of a Verdict, in its order."""
    names = ("item_id", "user_id", "model_type", "model_cause", "agent_type", "agent_cause", "type", "cause")
    return [table.c[name] for name in names]
