"""How good predictions are, and which ones are wrong."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.taxonomy import Taxonomy
from pipeline.train.evaluate import Evaluation, accepted_types, measure
from pipeline.workbench import pictures
from pipeline.workbench.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Figures with their tables and pictures; all shares are from 0 to 1."""

    evaluation: Evaluation
    taxonomy: Taxonomy

    @property
    def figures(self) -> pd.Series:
        """The single numbers: rows, accuracy and macro-F1 of types and causes, ECE, coverage, accepted error."""
        return pd.Series(self.evaluation.figures(), name="value").drop("min_support")

    @property
    def types(self) -> pd.DataFrame:
        """One row per type: id, name, support, predicted, precision, recall, f1."""
        return pd.DataFrame([asdict(score) for score in self.evaluation.types])

    @property
    def causes(self) -> pd.DataFrame:
        """One row per cause: id, name, support, predicted, precision, recall, f1."""
        return pd.DataFrame([asdict(score) for score in self.evaluation.causes])

    def plot(self) -> Figure:
        """Draw which types are taken for which, and how far the probabilities of the types can be trusted."""
        return pictures.confusion_and_calibration(self.evaluation, self.taxonomy)


def evaluate(predictions: Predictions) -> Evaluated:
    """Measure predictions against the labels: accuracy, macro-F1, calibration error, coverage.

    ECE is the mean gap between the probability of a type and the share that is right (15 bins). Coverage is the share
    of rows whose type the model would answer without a person, the accepted error how many of those are wrong; both are
    0 for cross-validated predictions, which have no threshold. Raises ValueError without rows.
    """
    if not len(predictions.rows):
        raise ValueError("there are no rows to evaluate on")
    taxonomy, probabilities = predictions.taxonomy, predictions.probabilities
    accepted = (
        np.zeros(len(predictions.rows), dtype=bool)
        if predictions.accepts is None
        else accepted_types(probabilities, taxonomy, predictions.accepts)
    )
    return Evaluated(measure(probabilities, predictions.rows, taxonomy, accepted), taxonomy)


def misclassified(predictions: Predictions, level: str = "type") -> pd.DataFrame:
    """List the rows whose type (or `level` "cause") is wrong: the commonest confusion first, the surest first within.

    Columns: labelled, predicted (ids), times (how often these two are confused), probability (of the predicted type, 0
    to 1), id, narrative (masked). Raises ValueError for another level.
    """
    if level not in ("type", "cause"):
        raise ValueError(f"level must be type or cause, it is {level!r}")
    frame = predictions.frame
    wrong = frame[~frame["right"]] if level == "type" else frame[frame["right_cause"].eq(False)]
    found = wrong.rename(columns={level: "labelled", f"predicted_{level}": "predicted"})
    times = found.groupby(["labelled", "predicted"])["id"].transform("size") if len(found) else []
    found = found.assign(times=times)[["labelled", "predicted", "times", "probability", "id", "narrative"]]
    order = ["times", "labelled", "predicted", "probability"]
    return found.sort_values(order, ascending=[False, True, True, False], ignore_index=True)
