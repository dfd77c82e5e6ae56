"""The checks of the gate: each looks at two models' answers and says in a sentence whether the candidate may pass.

A further check is a further file and a further line here.
"""

from collections.abc import Sequence

from pipeline.promotion.checks.calibration import calibration
from pipeline.promotion.checks.churn import churn
from pipeline.promotion.checks.export import export
from pipeline.promotion.checks.finding import Check, Finding
from pipeline.promotion.checks.floor import floor
from pipeline.promotion.checks.host import size, speed
from pipeline.promotion.checks.paired import paired
from pipeline.promotion.checks.unseen import unseen

CHECKS: Sequence[Check] = (unseen, paired, floor, calibration, export, speed, size, churn)

__all__ = ["CHECKS", "Check", "Finding"]
