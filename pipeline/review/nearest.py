"""The reviewed tickets most like another one: how colleagues decided in such a case."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from sklearn.feature_extraction.text import HashingVectorizer

from pipeline.store.review import SHOWN, decisions, review_items
from pipeline.store.schema import predictions

_WIDTH = 2**18  # of vectors: pairs of common characters hardly ever meet
_LEAST = 0.1  # cosine: below it, tickets share a call centre's manner of speaking and nothing else
_OVERLAP = 200  # decisions looked for again: on PostgreSQL a lower number may be committed after a higher one


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


@dataclass(frozen=True, slots=True)
class _Weighted:
    """Vectors of the first so many reviewed tickets; nothing of it changes.

    They are never weighted as a whole, which would take long: a cosine needs the squares of the weights only.
    """

    counts: csr_array = field(default_factory=lambda: csr_array((0, _WIDTH)))  # which pairs a ticket has
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_WIDTH))
    lengths: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


@dataclass(slots=True)
class Nearest:
    """Pairs of characters, weighted by how rare they are among the reviewed tickets (TF-IDF). Safe between threads.

    Grows with the decisions; those about blind tickets stay out, so that the honest figures tell nobody anything. While
    one thread reads new decisions the others do not wait for it, but answer from what was read before.
    """

    vectorizer: HashingVectorizer = field(default_factory=_vectorizer)
    lock: threading.Lock = field(default_factory=threading.Lock)
    seen: int = 0  # the highest decision read
    lately: frozenset[int] = frozenset()  # the decisions read, of the last _OVERLAP numbers
    rows: list[Reviewed] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)  # item id -> row
    withdrawn: frozenset[int] = frozenset()  # rows
    held: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_WIDTH, np.int64))  # so many tickets have a pair
    weighted: _Weighted = field(default_factory=_Weighted)

    def to(self, connection: sa.Connection, narrative: str, item_id: int, n: int = 3) -> list[Near]:
        """Return the `n` reviewed tickets nearest to a narrative, without the ticket itself."""
        if self.lock.acquire(blocking=False):
            try:
                self._catch_up(connection)
            finally:
                self.lock.release()
        among = self.weighted
        if not among.lengths.size:
            return []
        asked = np.zeros(_WIDTH)
        pairs = csr_array(self.vectorizer.transform([narrative])).indices
        asked[pairs] = among.squares[pairs]
        lengths = among.lengths * np.sqrt(asked.sum())
        cosines = np.divide(among.counts @ asked, lengths, out=np.zeros(lengths.size), where=lengths > 0)
        hidden = {*self.withdrawn, self.places.get(item_id, lengths.size)}
        cosines[[at for at in hidden if at < lengths.size]] = 0
        ranked = np.argsort(-cosines, kind="stable")[:n]
        found = [Near(self.rows[at], float(cosines[at])) for at in ranked if cosines[at] >= _LEAST]
        return [near for near in found if near.ticket.type is not None]  # one may have been withdrawn just now

    def _catch_up(self, connection: sa.Connection) -> None:
        there = frozenset(connection.scalars(_NUMBERS, {"number": self.seen - _OVERLAP}).all())
        fresh = there - self.lately
        if not fresh:
            return
        counts = self._add(connection.execute(_AFTER, {"number": min(fresh) - 1}).all())
        self.seen = max(there)
        self.lately = frozenset(number for number in there if number > self.seen - _OVERLAP)
        few = np.arange(len(self.rows) + 1)  # what a pair can be held by: far fewer numbers than there are pairs
        squares = ((np.log((1 + len(self.rows)) / (1 + few)) + 1) ** 2)[self.held]
        self.weighted = _Weighted(counts, squares, np.sqrt(counts @ squares))

    def _add(self, rows: Sequence[sa.Row[Any]]) -> csr_array:
        fresh, withdrawn = [], set(self.withdrawn)
        for row in rows:
            reviewed = Reviewed(row.item_id, row.ticket_id, row.narrative, row.type, row.cause)
            if row.item_id in self.places:
                self.rows[self.places[row.item_id]] = reviewed  # decided again, or withdrawn
            else:
                self.rows.append(reviewed)
                self.places[row.item_id] = len(self.rows) - 1
                fresh.append(row.narrative)
            change = withdrawn.discard if row.type is not None else withdrawn.add
            change(self.places[row.item_id])
        self.withdrawn = frozenset(withdrawn)
        if not fresh:
            return self.weighted.counts
        counts = csr_array(self.vectorizer.transform(fresh))
        self.held += np.bincount(counts.indices, minlength=_WIDTH)
        return csr_array(vstack([self.weighted.counts, counts], format="csr"))


def _after() -> sa.Select[Any]:
    item = review_items.c
    same = [item[column.name] == column for column in predictions.primary_key.columns]
    return (
        sa.select(decisions.c.item_id, decisions.c.type, decisions.c.cause, item.ticket_id, predictions.c.narrative)
        .join(review_items, item.id == decisions.c.item_id)
        .join(predictions, sa.and_(*same))
        .where(decisions.c.id > sa.bindparam("number"), decisions.c.kind == SHOWN, ~item.blind)
        .order_by(decisions.c.id)
    )


_AFTER = _after()
_NUMBERS = sa.select(decisions.c.id).where(decisions.c.id > sa.bindparam("number"))
