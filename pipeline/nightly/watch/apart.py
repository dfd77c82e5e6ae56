"""A domain classifier: can two sets of texts be told apart? Words, TF-IDF, logistic regression, cross-validated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, permutation_test_score

from pipeline.nightly.watch.settings import WatchSettings

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Chance:
    """The AUC of labels that mean nothing, for so many texts of each side."""

    mean: float
    spread: float
    texts: int

    def spread_for(self, texts: int) -> float:
        """Return the spread with another number of texts: it falls with the root."""
        return self.spread * float(np.sqrt(self.texts / texts))


class Pool:
    """Texts as TF-IDF vectors; any two sets of its rows can be told apart."""

    def __init__(self, words_of: Callable[[str], list[str]], texts: Sequence[str], settings: WatchSettings) -> None:
        """Read the texts once; every text needs a word."""
        self._settings = settings
        vectorizer = TfidfVectorizer(analyzer=words_of, sublinear_tf=True)
        self._features = vectorizer.fit_transform(texts)
        self._names = vectorizer.get_feature_names_out()

    def auc(self, one: Rows, other: Rows) -> float:
        """Return the ROC AUC on held-out texts, as many of each side: 0.5 as alike as chance, 1 all told apart."""
        rows, sides = self._balanced(one, other)
        scores = cross_val_score(_classifier(), self._features[rows], sides, scoring="roc_auc", cv=self._folds())
        return float(np.mean(scores))

    def with_chance(self, one: Rows, other: Rows) -> tuple[float, Chance]:
        """Return the AUC, and what it is when the labels are permuted."""
        rows, sides = self._balanced(one, other)
        auc, permuted, _ = permutation_test_score(
            _classifier(),
            self._features[rows],
            sides,
            scoring="roc_auc",
            cv=self._folds(),
            n_permutations=self._settings.text.permutations,
            random_state=self._settings.seed,
        )
        return float(auc), Chance(float(np.mean(permuted)), float(np.std(permuted, ddof=1)), len(sides) // 2)

    def telling_words(self, one: Rows, other: Rows) -> tuple[list[str], list[str]]:
        """Return the words that speak most for the one side and for the other, of those that enough texts have."""
        rows, sides = self._balanced(one, other)
        features = self._features[rows]
        weights = _classifier().fit(features, sides).coef_[0]
        often = np.asarray((features > 0).sum(axis=0)).ravel() >= self._settings.text.word_tickets
        ranked = [index for index in np.argsort(-weights, kind="stable") if often[index]]
        most = self._settings.text.words
        more = [str(self._names[index]) for index in ranked[:most] if weights[index] > 0]
        less = [str(self._names[index]) for index in ranked[::-1][:most] if weights[index] < 0]
        return more, less

    def _balanced(self, one: Rows, other: Rows) -> tuple[Rows, Rows]:
        """Draw as many rows of each side; returns the rows and their sides, 1 and 0."""
        size = min(len(one), len(other), self._settings.text.rows)
        source = np.random.default_rng(self._settings.seed)
        drawn = [source.permutation(side)[:size] for side in (one, other)]
        return np.concatenate(drawn), np.repeat(np.array([1, 0]), size)

    def _folds(self) -> StratifiedKFold:
        return StratifiedKFold(self._settings.text.folds, shuffle=True, random_state=self._settings.seed)


def _classifier() -> LogisticRegression:
    return LogisticRegression(solver="liblinear")
