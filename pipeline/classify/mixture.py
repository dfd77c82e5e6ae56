"""A BERT and the linear model asked together: one knows what words mean, the other which of them were used."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array
from scipy.special import log_softmax

from pipeline.classify.base import Classifier, Floats
from pipeline.classify.bert import BertClassifier
from pipeline.classify.calibrate import Labels, probabilities
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

    def scores(self, bert: Floats, linear: Floats) -> Floats:
        """Return the scores (n, n_causes) of the mixture from those of its parts."""
        return _mix(log_softmax(bert, axis=1), log_softmax(linear, axis=1), self.bert, self.linear)


def _mix(bert: Floats, linear: Floats, weight_of_bert: float, weight_of_linear: float) -> Floats:
    mixed: Floats = weight_of_bert * bert + weight_of_linear * linear
    return mixed


class MixtureClassifier:
    """Scores = the weighted sum of both parts' logarithmic probabilities; their files lie side by side in a folder."""

    def __init__(self, bert: Classifier, linear: Classifier, weights: MixtureWeights) -> None:
        self.bert, self.linear, self.weights = bert, linear, weights

    @classmethod
    def load(cls, folder: Path, segmenter: Segmenter, threads: int = 0) -> "MixtureClassifier":
        """Read the files of both parts and their weights."""
        return cls(
            BertClassifier.load(folder, segmenter, threads),
            LinearClassifier.load(folder, segmenter),
            load_settings(folder / WEIGHTS, MixtureWeights),
        )

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return unnormalised log-probabilities (n_texts, n_causes)."""
        return self.weights.scores(self.bert.scores(texts), self.linear.scores(texts))

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return uncalibrated probabilities (n_texts, n_causes)."""
        return probabilities(self.scores(texts))

    def vectors(self, texts: Sequence[str]) -> csr_array:
        """Return the BERT's vectors (n_texts, width): likeness is a matter of meaning."""
        return self.bert.vectors(texts)

    @staticmethod
    def to_files(weights: MixtureWeights) -> dict[str, bytes]:
        """Return the file that is neither part's own."""
        return {WEIGHTS: (json.dumps(weights.model_dump(), indent=1) + "\n").encode()}
