"""What every classifier is, whatever is inside."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]


class Classifier(Protocol):
    """Gives every cause of one taxonomy a score; calibration turns scores into probabilities."""

    @property
    def threads(self) -> int:
        """How many cores it uses by itself."""

    def prepare(self, texts: Sequence[str]) -> Callable[[], Floats]:
        """Do what can be done while other texts are at work; what is returned does the rest and gives the scores."""

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return unnormalised log-probabilities (n_texts, n_causes) for prepared narratives."""

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return uncalibrated probabilities (n_texts, n_causes) that sum to 1 in every row."""

    def vectors(self, texts: Sequence[str]) -> csr_array:
        """Return what the classifier makes of prepared narratives before it scores them (n_texts, width).

        Narratives that it reads alike have a high cosine.
        """
