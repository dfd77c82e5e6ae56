"""A BERT and the linear model asked together: one knows what words mean, the other which of them were used."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array
from scipy.special import log_softmax

from pipeline.classify.base import Classifier, Floats
from pipeline.classify.calibrate import Labels, probabilities
from pipeline.classify.cascade import SHORTCUT, Bools, Shortcut
from pipeline.classify.linear import LinearClassifier
from pipeline.settings import Settings, load_settings
from pipeline.text import Segmenter

KIND = "bert+linear"
WEIGHTS = "mixture.json"
_LEAST = 0.05  # of weight: neither part is ever left out whole


class MixtureWeights(Settings):
    """How much each part's logarithmic probabilities count."""

    bert: float = Field(gt=0)
    linear: float = Field(gt=0)

    @classmethod
    def fit(cls, bert: Floats, linear: Floats, labels: Labels, shares: Floats | None = None) -> "MixtureWeights":
        """Fit both on scores (n, n_causes) of rows that neither part was trained on, and their causes (n,).

        `shares` (n,) say how much each row counts; unless told, all alike. A logarithmic opinion pool (Hinton 2002,
        "Training Products of Experts", section 1) whose weights minimise the negative log-likelihood; their sum does
        the work of a temperature.
        """
        from scipy.optimize import minimize  # noqa: PLC0415 - only training fits

        parts = log_softmax(bert, axis=1), log_softmax(linear, axis=1)
        rows = np.arange(len(labels))

        def loss(logarithms: Floats) -> float:
            mixed = log_softmax(_mix(*parts, *np.exp(logarithms)), axis=1)
            return float(-np.average(mixed[rows, labels], weights=shares))

        least, most = np.log(_LEAST), np.log(1 / _LEAST)
        found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(least, most)] * 2)
        return cls(bert=float(np.exp(found.x[0])), linear=float(np.exp(found.x[1])))

    def to_files(self) -> dict[str, bytes]:
        """Return the file."""
        return {WEIGHTS: (json.dumps(self.model_dump(), indent=1) + "\n").encode()}

    def scores(self, bert: Floats, linear: Floats) -> Floats:
        """Return the scores (n, n_causes) of the mixture from those of its parts."""
        return _mix(log_softmax(bert, axis=1), log_softmax(linear, axis=1), self.bert, self.linear)


def _mix(bert: Floats, linear: Floats, weight_of_bert: float, weight_of_linear: float) -> Floats:
    mixed: Floats = weight_of_bert * bert + weight_of_linear * linear
    return mixed


class MixtureClassifier:
    """Scores = the weighted sum of both parts' logarithmic probabilities; their files lie side by side in a folder.

    With a `shortcut`, tickets that the linear part is sure enough of are not read by the BERT; without a BERT, it
    answers them all.
    """

    def __init__(
        self, bert: Classifier | None, linear: Classifier, weights: MixtureWeights, shortcut: Shortcut | None = None
    ) -> None:
        self.bert, self.linear, self.weights, self.shortcut = bert, linear, weights, shortcut

    @classmethod
    def load(cls, folder: Path, segmenter: Segmenter, bert: Classifier | None) -> "MixtureClassifier":
        """Read the linear part, the weights and the shortcut (if the folder has one)."""
        found = folder / SHORTCUT
        return cls(
            bert,
            LinearClassifier.load(folder, segmenter),
            load_settings(folder / WEIGHTS, MixtureWeights),
            load_settings(found, Shortcut) if found.is_file() else None,
        )

    @property
    def threads(self) -> int:
        """How many cores the BERT uses."""
        return self.bert.threads if self.bert else 1

    def whole(self) -> "MixtureClassifier":
        """Return what reads every ticket with both parts."""
        return MixtureClassifier(self.bert, self.linear, self.weights)

    def prepare(self, texts: Sequence[str]) -> Callable[[], Floats]:
        """Ask the linear part, and cut for the BERT what it has to read; what is returned gives the scores."""
        linear = log_softmax(self.linear.scores(texts), axis=1)
        enough = self._enough(linear)
        scores = self.shortcut.scores(linear) if self.shortcut else linear.copy()
        if enough.all():
            return lambda: scores
        assert self.bert is not None, "without it, the linear part is enough"  # noqa: S101
        read = self.bert.prepare([text for text, alone in zip(texts, enough, strict=True) if not alone])

        def finish() -> Floats:
            scores[~enough] = self.weights.scores(read(), linear[~enough])
            return scores

        return finish

    def _enough(self, linear: Floats) -> Bools:
        if self.bert is None:
            return np.ones(len(linear), dtype=bool)
        return self.shortcut.enough(linear) if self.shortcut else np.zeros(len(linear), dtype=bool)

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return unnormalised log-probabilities (n_texts, n_causes)."""
        return self.prepare(texts)()

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return uncalibrated probabilities (n_texts, n_causes)."""
        return probabilities(self.scores(texts))

    def vectors(self, texts: Sequence[str]) -> csr_array:
        """Return the BERT's vectors (n_texts, width), for likeness is a matter of meaning."""
        return (self.bert or self.linear).vectors(texts)
