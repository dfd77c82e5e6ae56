"""Accuracy by parts: by unit, hour, length, voice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.train.slices import Slice
from pipeline.train.slices import slices as count_slices
from pipeline.workbench import pictures
from pipeline.workbench.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Slices:
    """Parts of the rows, the worst first, with the share of all rows that is right (0 to 1)."""

    by: str
    parts: Sequence[Slice]
    overall: float

    @property
    def frame(self) -> pd.DataFrame:
        """One row per part: its name, rows, right, accuracy, and the 95 % interval of the accuracy, low to high."""
        return pd.DataFrame(
            [(it.name, it.rows, it.right, it.accuracy, it.low, it.high) for it in self.parts],
            columns=[self.by, "rows", "right", "accuracy", "low", "high"],
        )

    def plot(self) -> Figure:
        """Draw each part with its interval, beside the share of all rows."""
        return pictures.intervals(self.by, self.parts, self.overall)


def slices(source: Predictions | pd.DataFrame, by: str, *, least: int = 10) -> Slices:
    """Count the share of right types by parts: where a model is worse than on average, and by more than chance.

    `source` is predictions, with the parts length and voice, or a frame like that of `stored_answers`, with unit, hour
    and any other column; it needs a column `right`, and rows where that is missing are left out, as are parts of fewer
    than `least` rows. The intervals are exact (Clopper and Pearson, 95 %). Raises KeyError that lists the columns.
    """
    frame = source.frame if isinstance(source, Predictions) else source
    for name in ("right", by):
        if name not in frame.columns:
            raise KeyError(f"there is no column {name!r}; there are {', '.join(map(str, frame.columns))}")
    known = frame[frame["right"].notna() & frame[by].notna() & frame[by].ne("")]
    right = np.array(known["right"].tolist(), dtype=bool)
    names = known[by].tolist()
    found = count_slices(names, right, lambda name: f"{name:02d}" if isinstance(name, int) else str(name), least=least)
    return Slices(by, tuple(found), float(right.mean()) if len(right) else 0.0)
