"""From which probability on an answer is safe: a bound on the error among accepted answers that holds with confidence."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from pipeline.classify.answer import Level
from pipeline.classify.base import Floats


def choose_threshold(
    probability: Floats, correct: NDArray[np.bool_], *, error: float, confidence: float
) -> Level:
    """Return the lowest probability from which on at most `error` of the accepted answers are wrong.

    `probability` (n,) and `correct` (n,) come from rows the model was not trained on. Thresholds are tested from the
    strictest down and the first failure ends the search, so that the bound holds for the chosen one with `confidence`
    (fixed-sequence testing, Angelopoulos et al. 2021, "Learn then Test", arXiv 2110.01052, section 3.2; each test is
    Clopper and Pearson's exact binomial bound). The search starts where enough rows are accepted for a perfect record
    to suffice, which depends on no label. The level's threshold is None if even that one fails.
    """
    order = np.argsort(-probability, kind="stable")
    ranked, wrong = probability[order], np.cumsum(~correct[order])
    # A perfect record of n rows proves the bound when (1 - error)^n <= 1 - confidence.
    needed = int(np.ceil(np.log(1 - confidence) / np.log(1 - error)))
    chosen = Level(threshold=None, error=error, confidence=confidence, rows=0, wrong=0)
    for threshold in np.unique(np.round(ranked[needed - 1 :], 2))[::-1]:
        rows = int(np.searchsorted(-ranked, -threshold, side="right"))
        if rows < needed:
            continue
        failures = int(wrong[rows - 1])
        if upper_bound(failures, rows, confidence) > error:
            break
        chosen = Level(threshold=float(threshold), error=error, confidence=confidence, rows=rows, wrong=failures)
    return chosen


def upper_bound(failures: int, rows: int, confidence: float) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a failure rate.

    >>> round(upper_bound(0, 59, 0.95), 3)
    0.05
    """
    return 1.0 if failures >= rows else float(beta.ppf(confidence, failures + 1, rows - failures))
