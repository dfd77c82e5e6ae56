"""Which tickets are unlike anything known, and which of those belong together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.cluster import AgglomerativeClustering

from pipeline.nightly.watch.settings import ProposalSettings
from pipeline.nightly.watch.vectors import Cosines, cosines, different, highest, nearness

Rows = NDArray[np.intp]

_HELD_OUT = 3000  # narratives that the threshold rests on: thirty of them lie beyond one in a hundred
_LARGEST = 3  # part of the corpus that such a night may be: the rest is what it is compared with
_CONSIDERED = 1000  # rows for a core: a cause of which there are more is known by now
_FAR = 10.0  # times as far from each other as from what is known: two that share nothing


@dataclass(frozen=True)
class Contrast:
    """Different narratives of a set, and how much nearer they lie to each other than to what is known."""

    kept: Rows  # of the set
    known: Cosines  # nearness to what is known (n_kept,)
    near: Cosines  # to each other (n_kept, n_kept), zeros on the diagonal
    contrast: NDArray[np.float64]  # (n_kept,); the median is 1


def contrast(rows: csr_array, known: csr_array, settings: ProposalSettings) -> Contrast:
    """Compare each row's nearness to the others with its nearness to what is known.

    Divided by the median, for a call centre's tickets are all a little nearer to each other than to a corpus.
    """
    near = cosines(rows, rows)
    kept = different(near, settings.same)
    near = near[np.ix_(kept, kept)]
    np.fill_diagonal(near, 0)
    to_known = nearness(rows[kept], known, settings.nearest)
    ratio = highest(near, settings.nearest) / np.maximum(to_known, np.finfo(np.float32).eps)
    middle = float(np.median(ratio)) if len(ratio) else 0.0
    return Contrast(kept, to_known, near, ratio.astype(np.float64) / (middle or 1.0))


def threshold(corpus: csr_array, rows: int, settings: ProposalSettings, seed: int) -> float:
    """Return the contrast that a share of `unlike` of held-out narratives exceeds, in nights of so many."""
    source = np.random.default_rng(seed)
    size = max(min(rows, corpus.shape[0] // _LARGEST), 1)
    found = []
    for _ in range(-(-_HELD_OUT // size)):
        order = source.permutation(corpus.shape[0])
        found.append(contrast(corpus[order[:size]], corpus[order[size:]], settings).contrast)
    return float(np.quantile(np.concatenate(found), 1 - settings.unlike))


def cores(found: Contrast, least: float, settings: ProposalSettings) -> list[Rows]:
    """Group the rows whose contrast is `least` or more; returns the rows of the set, largest groups first.

    Average linkage (scikit-learn) on distances in units of what is known: 1 where two rows are as near to each other as
    to their nearest known ones.
    """
    unlike = np.flatnonzero(found.contrast >= least)
    if len(unlike) < settings.core:
        return []
    to_known = np.maximum.outer(found.known[unlike], found.known[unlike])
    near = np.maximum(found.near[np.ix_(unlike, unlike)], np.finfo(np.float32).eps)
    distances = np.minimum(to_known / near, _FAR)
    np.fill_diagonal(distances, 0)
    clusters = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=settings.apart
    )
    labels = clusters.fit_predict(distances)
    groups = [found.kept[unlike[labels == label]] for label in range(labels.max() + 1)]
    return sorted((group for group in groups if len(group) >= settings.core), key=len, reverse=True)


def members(
    core: csr_array, rows: csr_array, known: csr_array, settings: ProposalSettings, itself: float = np.inf
) -> Rows:
    """Return the rows that lie nearer to a core than to anything known.

    Where the rows are among what is known, cosines of `itself` and more are those of a row with itself.
    """
    to_core = nearness(rows, core, settings.core)
    close = np.argsort(-to_core, kind="stable")[:_CONSIDERED]
    close = close[to_core[close] > 0]
    return np.sort(close[to_core[close] >= nearness(rows[close], known, settings.nearest, itself)])


def separate(groups: Sequence[Rows]) -> list[int]:
    """Return which groups to keep so that none shares half of its rows with one before it."""
    kept: list[int] = []
    for index, group in enumerate(groups):
        if all(2 * len(np.intersect1d(group, groups[other])) < len(group) for other in kept):
            kept.append(index)
    return kept


def typical(rows: csr_array) -> Rows:
    """Return the rows in the order of their nearness to all of them, the most typical first."""
    return np.argsort(-cosines(rows, rows).sum(axis=1), kind="stable")
