"""Whether the probabilities still mean what they say."""

import numpy as np

from pipeline.classify.base import Floats
from pipeline.classify.calibrate import expected_calibration_error
from pipeline.promotion.checks.finding import Finding
from pipeline.promotion.compared import Compared, Side
from pipeline.promotion.settings import CalibrationSettings, PromoteSettings

NAME = "calibration"


def calibration(compared: Compared, settings: PromoteSettings) -> Finding:
    """Pass an expected calibration error that is small, or that chance explains, or that is about the champion's."""
    limits = settings.calibration
    candidate, champion = (_error(compared, side) for side in (compared.candidate, compared.champion))
    chance = chance_error(compared.candidate.confidence, limits)
    limit = max(limits.most_ece, chance)
    passed = candidate <= limit or candidate <= champion + limits.margin
    return Finding(
        NAME,
        passed,
        f"ECE of types {candidate:.3f}; allowed are {limit:.3f} on {len(compared.rows.all)} rows (chance alone makes "
        f"up to {chance:.3f}), or {champion + limits.margin:.3f}, the champion's {champion:.3f} and a little",
        {"candidate": candidate, "champion": champion, "chance": chance, "limit": limit},
    )


def chance_error(confidence: Floats, limits: CalibrationSettings) -> float:
    """Return the ECE that perfectly calibrated answers of these probabilities (n,) exceed with chance `level`.

    Right and wrong are drawn by the probabilities: consistency resampling, Bröcker and Smith 2007, "Increasing the
    Reliability of Reliability Diagrams".
    """
    if not len(confidence):
        return 0.0
    random = np.random.default_rng(limits.seed)
    found = [
        expected_calibration_error(confidence, random.random(len(confidence)) < confidence) for _ in range(limits.draws)
    ]
    return float(np.quantile(found, 1 - limits.level))


def _error(compared: Compared, side: Side) -> float:
    return expected_calibration_error(side.confidence, side.types == compared.true_types)
