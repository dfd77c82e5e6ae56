"""What a whole corpus tells that no single narrative does: shortcuts, repetition, agreement between readers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from pipeline.corpus.load import Labelled
from pipeline.errors import CorpusError
from pipeline.taxonomy import Taxonomy

VOICES = ("agent", "customer", "speech")
PUNCTUATION = "，。！？、：；“”‘’…—（）【】《》<>,.!?;:()\"'「」～~ \n"
_FOLDS = 5
_TREES = 200
_SMALLEST_LEAF = 8  # rows: smaller leaves learn rows by heart


@dataclass(frozen=True, slots=True)
class Shortcut:
    """How often form alone gives the type away, and how often always saying the largest type would be right."""

    accuracy: float
    largest: float


def shortcut(rows: Sequence[Labelled], seed: int = 0) -> Shortcut:
    """Guess types from length, punctuation, line breaks and voice alone, by a random forest in five folds.

    A corpus in which form tells the type teaches models the form. Raises CorpusError unless at least two types occur,
    each of them at least five times.
    """
    counts = Counter(row.type for row in rows)
    if len(counts) < 2 or min(counts.values()) < _FOLDS:
        raise CorpusError("corpus_too_small", f"it takes two types or more, each with {_FOLDS} narratives or more")
    form = np.array([_form(row) for row in rows])
    types = np.array([row.type for row in rows])
    forest = RandomForestClassifier(_TREES, min_samples_leaf=_SMALLEST_LEAF, random_state=seed, n_jobs=-1)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    guessed = cross_val_predict(forest, form, types, cv=folds)
    return Shortcut(float((guessed == types).mean()), max(counts.values()) / len(types))


def _form(row: Labelled) -> list[float]:
    length = max(len(row.raw), 1)
    counts = [row.raw.count(mark) for mark in PUNCTUATION]
    return [
        length,
        sum(counts) / length,
        *counts,
        *(count / length for count in counts),
        *(row.style == voice for voice in VOICES),
    ]


def distinct_ngrams(texts: Sequence[str], *, window: int, size: int = 4, seed: int = 0) -> float:
    """Return the mean number of distinct character n-grams per 1,000 characters of shuffled texts.

    Counted within windows of `window` characters, because the longer a text is, the more it repeats; two collections
    compare only over windows of one length. Raises CorpusError if the texts do not fill one window.
    """
    order = np.random.default_rng(seed).permutation(len(texts))
    whole = "".join(texts[index] for index in order)
    starts = range(0, len(whole) - window + 1, window)
    if not starts:
        raise CorpusError("corpus_too_small", f"{len(whole)} characters do not fill a window of {window}")
    found = [len({whole[at : at + size] for at in range(start, start + window - size + 1)}) for start in starts]
    return float(np.mean(found) * 1000 / window)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two readings of the same narratives; kappa is Cohen's (1960), per type that type against all others."""

    n: int
    same_type: float
    same_cause: float
    type_kappa: float
    cause_kappa: float
    by_type: Mapping[str, float]


def agreement(first: Sequence[str], second: Sequence[str], taxonomy: Taxonomy) -> Agreement:
    """Compare two sequences of cause ids, row by row; types that no or every row has are left out of `by_type`."""
    one, two = (np.array([taxonomy.cause(cause).type_id for cause in labels]) for labels in (first, second))
    return Agreement(
        n=len(first),
        same_type=float((one == two).mean()),
        same_cause=float(np.mean([mine == theirs for mine, theirs in zip(first, second, strict=True)])),
        type_kappa=float(cohen_kappa_score(one, two)),
        cause_kappa=float(cohen_kappa_score(first, second)),
        by_type={
            kind: float(cohen_kappa_score(one == kind, two == kind))
            for kind in taxonomy.type_ids
            if len({*(one == kind), *(two == kind)}) > 1
        },
    )
