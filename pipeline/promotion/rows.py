"""The rows that candidate and champion are judged on, and the tickets whose types they may change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.classify.folder import Manifest
from pipeline.corpus import Labelled, corpus_sha256, load_labelled
from pipeline.corpus.load import Split
from pipeline.corpus.split import splits_of
from pipeline.errors import GongdanError
from pipeline.promotion.compared import Recent
from pipeline.promotion.settings import ChurnSettings
from pipeline.review.clock import now
from pipeline.review.verdicts import FIRST, effective
from pipeline.settings import resolve
from pipeline.store.review import BLIND, review_items
from pipeline.store.schema import CLOSED, predictions, runs
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative

_KEY = ("ticket_id", "content_sha256", "model_digest", "taxonomy_version")
_HASH_DIGITS = 8  # of a content's hash, for the choice of a sample


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled narratives and the split of each."""

    rows: Sequence[Labelled]
    splits: Sequence[Split]

    @classmethod
    def read(cls, path: Path, taxonomy: Taxonomy) -> "Corpus":
        """Read a file or folder; raises CorpusError."""
        rows = load_labelled(path, taxonomy)
        return cls(rows, splits_of(rows))

    def of(self, *wanted: Split) -> list[Labelled]:
        """Return the rows of some splits."""
        return [row for row, split in zip(self.rows, self.splits, strict=True) if split in wanted]


class Library:
    """Corpora by their path, each read once: to find near-duplicates in ten thousand narratives takes half a minute."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        """Read corpora with the labels of a taxonomy."""
        self._taxonomy = taxonomy
        self._read: dict[Path, Corpus] = {}

    def corpus(self, path: Path) -> Corpus:
        """Return the corpus at a path; raises CorpusError."""
        found = resolve(path)
        if found not in self._read:
            self._read[found] = Corpus.read(found, self._taxonomy)
        return self._read[found]

    def learned(self, manifest: Manifest, rows: Collection[Labelled]) -> int | None:
        """Count the rows whose text taught a model; None if the corpus it was trained on is gone or changed.

        What a model learned is found by its settings, as training reads them, and believed if the digest is the same.
        """
        for taught in self._taught(manifest.trained_on.get("settings", {})):
            if corpus_sha256(taught) == manifest.trained_on.get("sha256"):
                texts = {row.text for row in taught}
                return sum(row.text in texts for row in rows)
        return None

    def _taught(self, told: Mapping[str, Any]) -> Sequence[list[Labelled]]:
        try:
            if not isinstance(told["corpus"], str):  # of several files it would have to be known which rows were whose
                return []
            corpus = self.corpus(Path(told["corpus"]))
            hard = self.corpus(Path(told["hard"])).of("train") if told.get("hard") else []
        except (KeyError, GongdanError, OSError):
            return []
        everything = [row for row in corpus.rows if row.cause is not None and row.split != "test"]
        return [everything, corpus.of("train") + hard]  # the linear model's way, and the BERT's


def reviewed_rows(connection: sa.Connection, days: int, taxonomy: Taxonomy) -> list[Labelled]:
    """Read the tickets that were decided blind within so many days, as labelled narratives, each text once.

    They are no selection (see docs/review.md) and never teach. Decisions for causes that the tree does not have any
    more are left out.
    """
    first = effective("first")
    query = (
        sa.select(first.c.item_id, first.c.type, first.c.cause, predictions.c.narrative)
        .join(review_items, review_items.c.id == first.c.item_id)
        .join(predictions, sa.and_(*(predictions.c[name] == review_items.c[name] for name in _KEY)))
        .where(first.c.blind, first.c.kind == BLIND, first.c.number == FIRST)
        .where(first.c.decided_at >= now() - timedelta(days=days))
        .order_by(first.c.item_id)
    )
    found: dict[str, Labelled] = {}
    for row in connection.execute(query):
        cause = taxonomy.find_cause(row.cause)
        if cause is not None and cause.type_id == row.type:
            found[row.narrative] = Labelled(f"review-{row.item_id}", Narrative(row.narrative), row.type, cause.id)
    return list(found.values())


def recent_tickets(connection: sa.Connection, settings: ChurnSettings) -> list[Recent]:
    """Read tickets of the nights of the last days, each once: at most so many, chosen by the hash of their content."""
    columns = predictions.c
    lately = (runs.c.status == CLOSED, runs.c.finished_at >= now() - timedelta(days=settings.days))
    # What the runs counted, for counting answers anew would read all of a month; tickets that were answered twice make
    # the sample smaller, not another one.
    count = connection.scalar(sa.select(sa.func.sum(runs.c.scored + runs.c.review)).where(*lately)) or 0
    wanted = (
        sa.select(columns.ticket_id, columns.content_sha256, columns.narrative)
        .where(columns.run_id.in_(sa.select(runs.c.id).where(*lately)))
        .distinct()
    )
    if count > settings.rows:
        # Hashes are spread evenly; a tenth more than wanted, so that chance leaves enough of them.
        share = min(1.1 * settings.rows / count, 1.0)
        limit = format(min(int(share * 16**_HASH_DIGITS), 16**_HASH_DIGITS - 1), f"0{_HASH_DIGITS}x")
        wanted = wanted.where(columns.content_sha256 < limit)
    found = sorted(connection.execute(wanted), key=lambda row: (row.content_sha256, row.ticket_id))
    return [Recent(row.ticket_id, row.narrative) for row in found[: settings.rows]]
