"""The reviewed tickets most like another one: how colleagues decided in such a case."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from scipy.sparse import csr_array, diags_array, vstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from pipeline.store.review import SHOWN, decisions, review_items
from pipeline.store.schema import predictions

_WIDTH = 2**18  # of vectors: pairs of common characters hardly ever meet
_OVERLAP = 200  # decisions read again: on PostgreSQL a lower number may be committed after a higher one


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A ticket as it was decided; type and cause are None if that was withdrawn."""

    item_id: int
    ticket_id: str
    narrative: str
    type: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Near:
    """A reviewed ticket and its cosine to what was asked about."""

    ticket: Reviewed
    similarity: float


def _vectorizer() -> HashingVectorizer:
    return HashingVectorizer(
        analyzer="char", ngram_range=(2, 2), n_features=_WIDTH, alternate_sign=False, binary=True, norm=None
    )


@dataclass(slots=True)
class Nearest:
    """Pairs of characters, weighted by how rare they are among the reviewed tickets (TF-IDF). Safe between threads.

    Grows with the decisions; those about blind tickets stay out, so that the honest figures tell nobody anything.
    """

    vectorizer: HashingVectorizer = field(default_factory=_vectorizer)
    lock: threading.Lock = field(default_factory=threading.Lock)
    seen: tuple[int, int] = (0, 0)  # the highest decision read, and how many there were
    rows: list[Reviewed] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)  # item id -> row
    counts: csr_array = field(default_factory=lambda: csr_array((0, _WIDTH)))
    weighted: csr_array = field(default_factory=lambda: csr_array((0, _WIDTH)))
    weights: Any = None

    def to(self, connection: sa.Connection, narrative: str, item_id: int, n: int = 3) -> list[Near]:
        """Return the `n` reviewed tickets nearest to a narrative, without the ticket itself."""
        with self.lock:
            self._catch_up(connection)
            if not self.rows:
                return []
            asked = csr_array(normalize(csr_array(self.vectorizer.transform([narrative])) @ self.weights))
            cosines = (self.weighted @ asked.T).toarray().ravel()
            for at, row in enumerate(self.rows):
                if row.type is None or row.item_id == item_id:
                    cosines[at] = 0
            ranked = np.argsort(-cosines, kind="stable")[:n]
            return [Near(self.rows[at], float(cosines[at])) for at in ranked if cosines[at] > 0]

    def _catch_up(self, connection: sa.Connection) -> None:
        there = connection.execute(sa.select(sa.func.max(decisions.c.id), sa.func.count(decisions.c.id))).one()
        now = (there[0] or 0, there[1])
        if now == self.seen:
            return
        self._add(connection.execute(_after(self.seen[0] - _OVERLAP)).all())
        self.seen = now
        held = np.bincount(self.counts.indices, minlength=_WIDTH)
        self.weights = diags_array(np.log((1 + len(self.rows)) / (1 + held)) + 1)
        self.weighted = csr_array(normalize(self.counts @ self.weights))

    def _add(self, rows: Sequence[sa.Row[Any]]) -> None:
        fresh = []
        for row in rows:
            reviewed = Reviewed(row.item_id, row.ticket_id, row.narrative, row.type, row.cause)
            if row.item_id in self.places:
                self.rows[self.places[row.item_id]] = reviewed  # decided again, or withdrawn
            else:
                self.places[row.item_id] = len(self.rows)
                self.rows.append(reviewed)
                fresh.append(row.narrative)
        if fresh:
            self.counts = csr_array(vstack([self.counts, csr_array(self.vectorizer.transform(fresh))], format="csr"))


def _after(number: int) -> sa.Select[Any]:
    item = review_items.c
    same = [item[column.name] == column for column in predictions.primary_key.columns]
    return (
        sa.select(decisions.c.item_id, decisions.c.type, decisions.c.cause, item.ticket_id, predictions.c.narrative)
        .join(review_items, item.id == decisions.c.item_id)
        .join(predictions, sa.and_(*same))
        .where(decisions.c.id > number, decisions.c.kind == SHOWN, ~item.blind)
        .order_by(decisions.c.id)
    )
