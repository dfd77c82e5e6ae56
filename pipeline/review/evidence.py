"""The words that carried an answer, looked for ahead of the reviewers and kept with the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pipeline.classify.explain import Evidence, explain
from pipeline.classify.model import Model
from pipeline.store.database import Pool
from pipeline.store.review import DONE, SHOWN, readings, review_items
from pipeline.store.schema import predictions

TYPE, CAUSE = "type", "cause"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a narrative; `level` is the class it is marked with, "" for none."""

    text: str
    level: str


def gather(pool: Pool, model: Model, most: int) -> int:
    """Explain up to `most` tickets that stand next in the queue, and return how many were; raises StoreError.

    Tickets that another model answered are passed over: only it could say why.
    """
    found = pool.read(lambda connection: connection.execute(_unexplained(model.digest, most)).all())
    for row in found:
        explained = explain(model, row.narrative)
        evidence = {TYPE: _kept(explained.type), CAUSE: _kept(explained.cause)}
        statement = review_items.update().where(review_items.c.id == row.id).values(evidence=evidence)
        pool.write(lambda connection, statement=statement: connection.execute(statement))  # type: ignore[misc]
    return len(found)


def pieces(narrative: str, evidence: Mapping[str, Any] | None) -> list[Piece]:
    """Cut a narrative where its marked words begin and end; where both levels mark a word, the cause's mark shows."""
    levels = [""] * len(narrative)
    for level in (TYPE, CAUSE):
        for start, end in (evidence or {}).get(level, {}).get("words", ()):
            levels[start:end] = [level] * (end - start)
    found: list[Piece] = []
    at = 0
    for end in range(1, len(narrative) + 1):
        if end == len(narrative) or levels[end] != levels[at]:
            found.append(Piece(narrative[at:end], levels[at]))
            at = end
    return found


def unreliable(evidence: Mapping[str, Any] | None) -> list[str]:
    """Return the levels whose words did not pass the deletion test."""
    return [level for level in (TYPE, CAUSE) if evidence and not evidence.get(level, {}).get("reliable", True)]


def _kept(evidence: Evidence) -> dict[str, Any]:
    return {"words": [[word.start, word.end] for word in evidence.words], "reliable": evidence.reliable}


def _unexplained(digest: str, most: int) -> sa.Select[Any]:
    item = review_items.c
    same = [item[column.name] == column for column in predictions.primary_key.columns]
    # What is read blind shows no words, so it needs none.
    wanted = sa.and_(item.evidence.is_(None), item.model_digest == digest, readings.c.kind == SHOWN)
    first = sa.func.min(readings.c.position)
    return (
        sa.select(item.id, predictions.c.narrative)
        .join(readings, readings.c.item_id == item.id)
        .join(predictions, sa.and_(*same))
        .where(wanted, readings.c.status != DONE)
        .group_by(item.id, item.run_id, predictions.c.narrative)
        .order_by(item.run_id.desc(), first)
        .limit(most)
    )
