"""The cascade: what the linear part of a mixture is sure enough of, it answers alone, and the BERT reads the rest."""

import json

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import softmax

from pipeline.classify.answer import Thresholds
from pipeline.classify.base import Floats
from pipeline.settings import Settings

SHORTCUT = "shortcut.json"
Bools = NDArray[np.bool_]


class Shortcut(Settings):
    """When the linear part answers alone, and what that rests on.

    From a probability of `threshold` for a cause on; None if no threshold keeps the promise that at most a share
    `error` of all tickets gets another answer (type, cause, level or route) than both parts together would give, with
    `confidence`. Of `judged_on` rows that neither part was trained on, `rows` are answered so, `different` of them
    otherwise.

    `thresholds` say what is safe to accept if the linear part has to answer everything.
    """

    weight: float = Field(gt=0)  # of its logarithmic probabilities where they stand alone; does a temperature's work
    threshold: float | None
    error: float
    confidence: float
    rows: int
    different: int
    judged_on: int
    thresholds: Thresholds

    def to_files(self) -> dict[str, bytes]:
        """Return the file."""
        return {SHORTCUT: (json.dumps(self.model_dump(), indent=1) + "\n").encode()}

    def scores(self, linear: Floats) -> Floats:
        """Return the scores (n, n_causes) of the linear part alone from its logarithmic probabilities."""
        alone: Floats = self.weight * linear
        return alone

    def enough(self, linear: Floats) -> Bools:
        """Tell for which rows (n,) the linear part is enough, by its logarithmic probabilities (n, n_causes)."""
        return surer(softmax(self.scores(linear), axis=1).max(axis=1), self.threshold)

    def describe(self) -> str:
        """Say which tickets the BERT is spared, and what that rests on."""
        promise = f"at most {self.error:.1%} of all tickets answered otherwise with {self.confidence:.0%} confidence"
        if self.threshold is None:
            return f"the BERT reads every ticket: no threshold keeps the promise of {promise}"
        return (
            f"the linear part answers alone from probability {self.threshold:.3f} on, {self.rows / self.judged_on:.0%} "
            f"of the held-out narratives: {promise} ({self.different} of {self.judged_on})"
        )


def surer(sure: Floats, threshold: float | None) -> Bools:
    """Tell which probabilities (n,) reach a threshold; with None, no probability does."""
    return np.zeros(len(sure), dtype=bool) if threshold is None else np.asarray(sure >= threshold)
