"""Labels that are likely wrong, and what checking them costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from pipeline.train.suspects import SECONDS_A_CHECK, Cost, Suspect, cost, suspects
from pipeline.workbench import pictures
from pipeline.workbench.predictions import Predictions


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """Labelled rows, the most doubtful first."""

    found: Sequence[Suspect]

    @property
    def frame(self) -> pd.DataFrame:
        """One row each: id, labelled, suggested (cause ids), quality (probability of the label, 0: surely wrong),
        probability (of the suggested cause), narrative (masked).
        """  # noqa: D205 - a list of columns
        return pd.DataFrame(
            [(it.row.id, it.row.cause, it.suggested, it.quality, it.probability, it.row.text) for it in self.found],
            columns=["id", "labelled", "suggested", "quality", "probability", "narrative"],
        )

    def cost(self, checked: int, seconds: float = SECONDS_A_CHECK) -> Cost:
        """Return how many wrong labels checking the first `checked` should find, by the model's own estimate, and the
        hours it takes at so many `seconds` a row.
        """  # noqa: D205 - one sentence
        return cost(self.found, checked, seconds)

    def plot(self, seconds: float = SECONDS_A_CHECK) -> Figure:
        """Draw how many wrong labels are to be found for how many hours of checking."""
        return pictures.cost_curve([it.quality for it in self.found], seconds)


def label_errors(predictions: Predictions) -> LabelErrors:
    """Rank labelled rows by how likely their cause is wrong (cleanlab's self-confidence), the likeliest first.

    Takes the predictions of `cross_validate`: a model that has learned a wrong label does not doubt it. Rows without a
    cause are left out.
    """
    return LabelErrors(suspects(predictions.rows, predictions.probabilities, predictions.taxonomy))
