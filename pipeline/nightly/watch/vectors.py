"""Narratives as vectors in which manner of speaking weighs little, and how near they lie to each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

Cosines = NDArray[np.float32]

_NO_LETTERS = re.compile("<[^>]*>|[^\u4e00-\u9fffA-Za-z]+")
_PRIOR = 100  # tickets without any of it: what one of ten tickets says is no manner of speaking yet
_BATCH = 500  # rows of cosines at once: 30 MB beside a corpus of 13,000


@dataclass(frozen=True)
class Space:
    """Vectors of unit length, one row per narrative: of what is known, of tonight, of the weeks before."""

    known: csr_array
    tonight: csr_array
    before: csr_array


def space(
    known: Sequence[str], tonight: Sequence[str], answered: Sequence[int], before: Sequence[str], common: float
) -> Space:
    """Weigh pairs of characters by how rare they are among what is known and what was `answered` of tonight.

    The larger of the two shares counts, so a call centre's phrases weigh as little as the corpus's, and what only
    tickets without an answer have weighs most. Pairs in a share of more than `common` do not count. Characters and not
    words: a new thing has a name that no segmenter knows.
    """
    vectorizer = CountVectorizer(analyzer="char", ngram_range=(2, 2), preprocessor=_letters, dtype=np.float32)
    counts = csr_array(vectorizer.fit_transform([*known, *tonight, *before]))
    counts.data = 1 + np.log(counts.data)
    ends = len(known), len(known) + len(tonight)
    of_known = _shares(counts[: ends[0]], 0)
    of_answered = _shares(counts[ends[0] : ends[1]][list(answered)], _PRIOR)
    share = np.maximum(np.maximum(of_known, of_answered), 1 / (len(known) + 1))
    weights = np.where(share <= common, -np.log(share), 0.0)
    vectors = csr_array(normalize(counts @ diags_array(weights.astype(np.float32))))
    return Space(vectors[: ends[0]], vectors[ends[0] : ends[1]], vectors[ends[1] :])


def cosines(one: csr_array, other: csr_array) -> Cosines:
    """Return all cosines (n_one, n_other)."""
    return np.asarray((one @ other.T).toarray(), dtype=np.float32)


def nearness(one: csr_array, other: csr_array, nearest: int, ceiling: float = np.inf) -> Cosines:
    """Return the mean of each row's highest cosines, below `ceiling`, to rows of `other` (n_one,)."""
    found = [np.zeros(0, dtype=np.float32)]
    for at in range(0, one.shape[0], _BATCH):
        near = cosines(one[at : at + _BATCH], other)
        found.append(highest(np.where(near < ceiling, near, 0), nearest))
    return np.concatenate(found)


def highest(values: Cosines, nearest: int) -> Cosines:
    """Return the mean of the highest values of each row, as if there were zeros beyond its end."""
    kept = min(nearest, values.shape[1])
    if not kept:
        return np.zeros(values.shape[0], dtype=np.float32)
    top = np.partition(values, values.shape[1] - kept, axis=1)[:, values.shape[1] - kept :]
    return np.asarray(top.sum(axis=1) / nearest, dtype=np.float32)


def different(near: Cosines, same: float) -> NDArray[np.intp]:
    """Return which rows to keep so that no two of them have a cosine of `same` or more: the first of each kind."""
    kept: list[int] = []
    for row in range(len(near)):
        if not kept or near[row, kept].max() < same:
            kept.append(row)
    return np.array(kept, dtype=np.intp)


def _shares(counts: csr_array, without: int) -> NDArray[np.float64]:
    """Return in which share of rows each column occurs, as if it did not in some more rows."""
    rows = max(counts.shape[0] + without, 1)
    held: NDArray[np.float64] = np.bincount(counts.indices, minlength=counts.shape[1]) / rows
    return held


def _letters(text: str) -> str:
    return _NO_LETTERS.sub(" ", text).lower()
