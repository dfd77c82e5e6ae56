"""Probabilities that mean what they say, of causes and of the types they sum to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from pipeline.classify.base import Floats
from pipeline.settings import Settings

Labels = NDArray[np.int64]
_BINS = 15  # as in Guo et al. 2017
_TINY = 1e-12  # keeps the logarithm of a type without any probability finite


class Calibration(Settings):
    """Two temperatures: one for the causes, one for what their sums say of the types.

    Sums of calibrated parts need not be calibrated. So each type's probability is raised to 1 / `types` and the whole
    brought back to 1; the causes of a type keep their proportions, and P(type) stays the sum of P(cause).
    """

    causes: float
    types: float

    @classmethod
    def fit(cls, scores: Floats, labels: Labels, membership: Floats) -> "Calibration":
        """Fit both on scores (n, n_causes) of rows the classifier was not trained on, and their causes (n,).

        `membership` (n_causes, n_types) is the taxonomy's.
        """
        causes = fit_temperature(scores, labels)
        of_types = np.log(probabilities(scores, causes) @ membership + _TINY)
        return cls(causes=causes, types=fit_temperature(of_types, membership.argmax(axis=1)[labels]))

    def apply(self, scores: Floats, membership: Floats) -> Floats:
        """Return calibrated probabilities (n, n_causes) that sum to 1 in every row."""
        of_causes = probabilities(scores, self.causes)
        of_types = of_causes @ membership
        factors = probabilities(np.log(of_types + _TINY), self.types) / (of_types + _TINY)
        result = of_causes * (factors @ membership.T)
        normalised: Floats = result / result.sum(axis=1, keepdims=True)
        return normalised


def probabilities(scores: Floats, temperature: float = 1.0) -> Floats:
    """Turn scores (n, n_classes) into probabilities at a temperature.

    Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv 1706.04599), section 4.2.
    """
    result: Floats = softmax(np.asarray(scores, dtype=np.float64) / temperature, axis=1)
    return result


def fit_temperature(scores: Floats, labels: Labels) -> float:
    """Return the temperature that minimises the negative log-likelihood of `labels` (n,) under `scores` (n, n_classes).

    The scores must come from rows the classifier was not trained on.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - only training fits; scoring starts sooner without

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(scores / np.exp(log_temperature), axis=1)
        return float(-likelihood[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))


def expected_calibration_error(confidence: Floats, correct: NDArray[np.bool_]) -> float:
    """Return the mean gap between confidence (n,) and accuracy over 15 equal bins, weighted by their rows.

    Naeini et al. 2015 as used by Guo et al. 2017, section 2. 0 for no rows.
    """
    bins = reliability(confidence, correct)
    return sum(abs(it.confidence - it.accuracy) * it.rows for it in bins) / max(len(confidence), 1)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence: its mean, how many of them are right, and how many there are."""

    confidence: float
    accuracy: float
    rows: int


def reliability(confidence: Floats, correct: NDArray[np.bool_]) -> list[Bin]:
    """Return those of 15 equal bins of confidence (n,) that hold any row."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return [
        Bin(float(confidence[inside].mean()), float(correct[inside].mean()), int(inside.sum()))
        for index in range(_BINS)
        if (inside := bins == index).any()
    ]
