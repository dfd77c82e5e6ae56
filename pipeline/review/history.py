"""One reviewed ticket with all decisions about it, those that were superseded among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pipeline.review.lists import decided
from pipeline.store.review import decisions, review_items, users
from pipeline.store.schema import predictions


@dataclass(frozen=True, slots=True)
class Ticket:
    """A reviewed ticket: the columns of its prediction, all masked, and of its decisions, the oldest first."""

    item: int
    prediction: Mapping[str, Any]
    evidence: Mapping[str, Any] | None
    reasons: tuple[str, ...]
    agent_type: str | None
    agent_cause: str | None
    decisions: Sequence[Mapping[str, Any]]  # each with the `reviewer`'s name


def ticket_of(connection: sa.Connection, item_id: int) -> Ticket | None:
    """Read a ticket; None if there is none, or if somebody has still to read it."""
    listed = decided()
    if connection.scalar(sa.select(sa.func.count()).select_from(listed).where(listed.c.item_id == item_id)) == 0:
        return None
    item = connection.execute(sa.select(review_items).where(review_items.c.id == item_id)).one()
    same = [column == getattr(item, column.name) for column in predictions.primary_key.columns]
    prediction = connection.execute(sa.select(predictions).where(*same)).one()
    query = (
        sa.select(decisions, users.c.name.label("reviewer"))
        .join(users, users.c.id == decisions.c.user_id)
        .where(decisions.c.item_id == item_id)
        .order_by(decisions.c.id)
    )
    return Ticket(
        item_id,
        prediction._asdict(),
        item.evidence,
        tuple(item.reasons),
        item.agent_type,
        item.agent_cause,
        [row._asdict() for row in connection.execute(query)],
    )
