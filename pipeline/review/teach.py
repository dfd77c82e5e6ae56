"""Decisions become labelled narratives to train on, each with where it comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.corpus import Labelled
from pipeline.corpus.load import Split
from pipeline.corpus.split import assign
from pipeline.corpus.write import json_lines, write_file
from pipeline.review.filters import Filter
from pipeline.review.lists import Row, rows
from pipeline.store.review import decisions, review_items
from pipeline.store.schema import predictions
from pipeline.taxonomy import Taxonomy

STYLE = "reviewed"


@dataclass(frozen=True, slots=True)
class Taught:
    """How many reviewed tickets became rows, and why the others did not."""

    rows: int
    corrections: int  # of the rows: those that the model had said otherwise
    protected: int  # kept out: near-duplicates of blind tickets, or of what calibrates or tests


def teach(connection: sa.Connection, corpus: Sequence[Labelled], taxonomy: Taxonomy, path: Path) -> Taught:
    """Write the reviewed tickets to a .jsonl file of labelled narratives, whole or not at all.

    Blind tickets never become rows, for they measure the model; nor does a near-duplicate of one of them, or of a
    narrative of the corpus that calibrates or tests (`pipeline.corpus.split`). Raises FileError if the file cannot be
    written.
    """
    found = (_now(row, taxonomy) for row in rows(connection, Filter(), None, 0))
    reviewed = [row for row in found if row.cause in taxonomy.cause_ids]
    blind: dict[int, str] = {row.id: row.narrative for row in connection.execute(_blind())}
    candidates = sorted((row for row in reviewed if row.item not in blind), key=lambda row: row.item)
    measuring: Split = "test"
    teaching: Split = "train"
    said = [*(row.split for row in corpus), *[measuring] * len(blind), *[teaching] * len(candidates)]
    texts = [*(row.text for row in corpus), *blind.values(), *(row.narrative for row in candidates)]
    splits = assign(texts, said)[-len(candidates) :] if candidates else []
    kept = [row for row, split in zip(candidates, splits, strict=True) if split == "train"]
    write_file(path, json_lines(_lines(kept, _chains(connection))))
    corrections = sum(row.cause != row.model_cause for row in kept)
    return Taught(len(kept), corrections, len(candidates) - len(kept))


def _now(row: Row, taxonomy: Taxonomy) -> Row:
    """Return a decision in the present tree; one for a cause that was split keeps that and teaches nothing."""
    kind, cause = taxonomy.lineage.read(row.type, row.cause)
    model_type, model_cause = taxonomy.lineage.read(row.model_type, row.model_cause)
    second = taxonomy.lineage.successor(row.second_cause) if row.second_cause else None
    return replace(
        row, type=kind, cause=cause, second_cause=None if second == cause else second, model_type=model_type,
        model_cause=model_cause,
    )  # fmt: skip


def _blind() -> sa.Select[Any]:
    """Ask for the blind tickets, those that nobody has read yet among them."""
    item = review_items.c
    same = sa.and_(*(item[column.name] == column for column in predictions.primary_key.columns))
    return sa.select(item.id, predictions.c.narrative).join(predictions, same).where(item.blind)


def _chains(connection: sa.Connection) -> Mapping[int, list[int]]:
    """Return all decisions about each item in their order: the last one counts, the others led to it."""
    found: dict[int, list[int]] = {}
    query = sa.select(decisions.c.item_id, decisions.c.id).order_by(decisions.c.id)
    for item, number in connection.execute(query):
        found.setdefault(item, []).append(number)
    return found


def _lines(kept: Sequence[Row], chains: Mapping[int, list[int]]) -> Iterator[dict[str, Any]]:
    for row in kept:
        *before, last = chains[row.item]
        yield {
            "id": f"review-{row.item}-{last}",
            "text": row.narrative,
            "cause": row.cause,
            "secondary": [row.second_cause] if row.second_cause else [],
            "style": STYLE,
            "split": "train",
            # Where it comes from: the decisions, and what they put right. Who decided stays in the database.
            "decision": last,
            "earlier_decisions": before,
            "decided_at": row.decided_at.isoformat(timespec="seconds"),
            "agent": row.agent_cause or row.agent_type,
            "model": row.model,
            "model_cause": row.model_cause,
            "rule": row.rule,
        }
