"""From which probability on an answer is safe: a bound on the error among accepted answers."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from pipeline.classify.answer import Level
from pipeline.classify.base import Floats

_STEP = 0.005  # finer thresholds would follow single rows


def choose_threshold(
    probability: Floats,
    correct: NDArray[np.bool_],
    *,
    error: float,
    confidence: float,
    least_coverage: float,
    least_probability: float = 0.0,
) -> Level:
    """Return the lowest probability from which on at most `error` of the accepted answers are wrong.

    `probability` (n,) and `correct` (n,) come from rows the model was not trained on. Thresholds are tested from strict
    to lenient and the first failure ends the search, so that the bound holds for the chosen one with `confidence`
    (fixed-sequence testing, Angelopoulos et al. 2021, "Learn then Test", arXiv 2110.01052, section 3.2; each test is
    Clopper and Pearson's exact binomial bound). The search starts where a share of `least_coverage` of the rows is
    accepted, or as many as an errorless promise needs if that is more, which depends on no label: started at a handful
    of rows, a single slip would end it. It ends at `least_probability` in any case: what a good model gets right at 0.1
    on texts like those it was judged on says little about others. The level's threshold is None if already the first
    test fails.
    """
    ranked = -np.sort(-probability)
    chosen = Level(threshold=None, error=error, confidence=confidence, rows=0, wrong=0, judged_on=len(ranked))
    start = max(int(np.ceil(len(ranked) * least_coverage)), chosen.rows_needed)
    if start > len(ranked):
        return chosen
    strictest = np.floor(ranked[start - 1] / _STEP) * _STEP
    for threshold in np.arange(max(strictest, least_probability), max(least_probability - _STEP / 2, 0.0), -_STEP):
        accepted = probability >= threshold
        rows, wrong = int(accepted.sum()), int((accepted & ~correct).sum())
        if upper_bound(wrong, rows, confidence) > error:
            break
        chosen = chosen.model_copy(update={"threshold": round(float(threshold), 3), "rows": rows, "wrong": wrong})
    return chosen


def choose_shortcut(sure: Floats, same: NDArray[np.bool_], *, error: float, confidence: float) -> float | None:
    """Return from which probability on a cheap answer may stand for a dear one.

    The lowest at which at most a share `error` of all rows gets a cheap answer that is not the dear one, with
    `confidence`: `sure` (n,) is the cheap answer's probability, `same` (n,) tells whether both say the same. Tested
    from strict to lenient as in `choose_threshold`. None if not even the strictest keeps the promise.
    """
    chosen: float | None = None
    for threshold in np.arange(1 - _STEP, 0, -_STEP):
        different = int(((sure >= threshold) & ~same).sum())
        if upper_bound(different, len(same), confidence) > error:
            break
        chosen = round(float(threshold), 3)
    return chosen


def upper_bound(failures: int, rows: int, confidence: float) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a failure rate.

    >>> round(upper_bound(0, 59, 0.95), 3)
    0.05
    """
    return 1.0 if failures >= rows else float(beta.ppf(confidence, failures + 1, rows - failures))
