"""The reviewed tickets. Whatever is undecided stays out: who could look a drawn ticket up would not read it blind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipeline.review.filters import Filter
from pipeline.review.verdicts import FIRST, effective
from pipeline.store.review import BLIND, readings, review_items, users
from pipeline.store.schema import predictions

__all__ = ["Filter", "Row", "count", "decided", "rows"]

_SHOWN = ("ticket_id", "accepted_at", "topic", "narrative", "type_probability", "cause_probability")


@dataclass(frozen=True, slots=True)
class Row:
    """A reviewed ticket: what was said of it, and the decision that counts. Types and causes are ids."""

    item: int
    ticket_id: str
    accepted_at: datetime | None  # local time, as the export gives it
    unit: str  # "" where the export has none
    week: str
    topic: str
    narrative: str  # masked
    reasons: tuple[str, ...]  # why it was in the queue; the first is its own
    kind: str  # of the reading that counts: blind or shown
    agent_type: str | None
    agent_cause: str | None
    model: str
    model_type: str
    model_cause: str
    type_probability: float
    cause_probability: float
    type: str
    cause: str
    second_cause: str | None
    rule: str
    note: str  # masked
    reviewer: str
    decided_at: datetime  # UTC


def decided() -> sa.Subquery:
    """Return one row per reviewed ticket, with the decision that counts.

    That is the first blind reading's of a drawn ticket, else the last reading's. A ticket that somebody has still to
    read is left out: he could look up here what others made of it.

    Its columns: those of the decision, of the item and of the prediction that a Row shows, and the reviewer's name.
    """
    last = _last()
    item, ticket = review_items.c, predictions.c
    same = sa.and_(*(item[column.name] == column for column in predictions.primary_key.columns))
    return (
        sa.select(
            *last.c,
            item.unit,
            item.reason,
            item.reasons,
            *(ticket[name] for name in _SHOWN),
            users.c.name.label("reviewer"),
        )
        .select_from(last)
        .join(review_items, item.id == last.c.item_id)
        .join(predictions, same)
        .join(users, users.c.id == last.c.user_id)
        .where(last.c.rank == 1, ~_read_again_later(last))
        .subquery("decided")
    )


def rows(connection: sa.Connection, wanted: Filter, limit: int | None, offset: int) -> list[Row]:
    """Read reviewed tickets, the latest decisions first; `limit` None: all of them."""
    row = decided()
    query = sa.select(row).where(*wanted.conditions(row)).order_by(row.c.decided_at.desc(), row.c.id.desc())
    return [_row(found._asdict()) for found in connection.execute(query.limit(limit).offset(offset))]


def count(connection: sa.Connection, wanted: Filter) -> int:
    """Count the reviewed tickets."""
    row = decided()
    return connection.scalar(sa.select(sa.func.count()).select_from(row).where(*wanted.conditions(row))) or 0


def _last() -> sa.Subquery:
    """Return the decisions that stand and could count, each with its `rank` within the ticket: the first counts."""
    standing = effective("standing")
    rank = sa.func.row_number().over(partition_by=standing.c.item_id, order_by=standing.c.number.desc())
    could = sa.or_(sa.not_(standing.c.blind), sa.and_(standing.c.number == FIRST, standing.c.kind == BLIND))
    return sa.select(*standing.c, rank.label("rank")).where(could).subquery("last")


def _read_again_later(last: sa.Subquery) -> sa.ColumnElement[bool]:
    done = effective("done")
    undecided = ~sa.exists().where(done.c.reading_id == readings.c.id)
    return sa.exists().where(readings.c.item_id == last.c.item_id, undecided)


def _row(values: Mapping[str, Any]) -> Row:
    own = {name: values[name] for name in Row.__dataclass_fields__ if name not in ("item", "reasons")}
    return Row(item=values["item_id"], reasons=tuple(values["reasons"]), **own)
