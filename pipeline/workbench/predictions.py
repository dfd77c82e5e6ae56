"""What a model says of labelled rows and of tickets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.classify.answer import Level, ScoreSettings, best_paths
from pipeline.classify.base import Floats
from pipeline.classify.model import Model
from pipeline.corpus import Labelled
from pipeline.errors import ConfigError
from pipeline.settings import CONFIGS
from pipeline.taxonomy import Taxonomy
from pipeline.train.linear import LinearSettings, unseen_probabilities
from pipeline.train.slices import by_length, by_voice
from pipeline.workbench.reading import Place
from pipeline.workbench.training import settings_of

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Predictions:
    """Labelled rows with calibrated probabilities (n_rows, n_causes), the columns in the order of the taxonomy.

    `accepts` is the threshold of the model's types; None where the probabilities are not those of one model.
    """

    rows: Sequence[Labelled]
    probabilities: Floats
    taxonomy: Taxonomy
    accepts: Level | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """One row each: id, narrative, type, cause, predicted_type, predicted_cause, probability (of the predicted
        type), right (is the type), right_cause (None without a labelled cause), length (class of characters), voice.
        """  # noqa: D205 - a list of columns
        tree = self.taxonomy
        of_types = tree.type_probabilities(self.probabilities)
        types, causes = best_paths(self.probabilities, of_types, tree)
        lines: list[dict[str, Any]] = [
            {
                "id": row.id,
                "narrative": row.text,
                "type": row.type,
                "cause": row.cause,
                "predicted_type": tree.type_ids[kind],
                "predicted_cause": tree.cause_ids[cause],
                "probability": float(of_types[at, kind]),
                "right": tree.type_ids[kind] == row.type,
                "right_cause": None if row.cause is None else tree.cause_ids[cause] == row.cause,
                "length": by_length(row),
                "voice": by_voice(row),
            }
            for at, (row, kind, cause) in enumerate(zip(self.rows, types, causes, strict=True))
        ]
        return pd.DataFrame(lines)


def predict(model: Model, rows: Sequence[Labelled]) -> Predictions:
    """Ask a model about labelled rows; honest only for rows that it was not trained on (see `hold_out`)."""
    if not rows:
        return Predictions(
            rows, np.zeros((0, len(model.taxonomy.causes))), model.taxonomy, model.manifest.thresholds.type
        )
    texts = [row.text for row in rows]
    parts = [model.predict_proba(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
    return Predictions(rows, np.concatenate(parts), model.taxonomy, model.manifest.thresholds.type)


def answer(model: Model, tickets: pd.DataFrame) -> pd.DataFrame:
    """Answer tickets as a night would: the frame of `read_tickets` (it needs `narrative`) with the answers beside it.

    Adds type, cause, type_probability, cause_probability (0 to 1), answer (cause, type or none) and route (auto or
    review), the columns of `stored_answers`. Raises KeyError without `narrative`.
    """
    found = model.answer(tickets["narrative"].tolist(), ScoreSettings.load(CONFIGS / "score.yaml"))
    names = ("type", "cause", "type_probability", "cause_probability", "answer", "route")
    return tickets.assign(**{name: [getattr(one, name) for one in found] for name in names})


def cross_validate(config: Place = "configs/train/linear.yaml", **changes: object) -> Predictions:
    """Fit the linear model of a training configuration fold by fold, and predict each row by a model without it.

    What finds wrong labels needs this, for a model does not doubt what it has learned. `changes` replace settings, as
    in `retrain`. Rows that are kept for the test, and rows without a cause, are left out. Takes a minute or two for the
    whole corpus. Raises ConfigError, also for a configuration of a BERT, and CorpusError.
    """
    settings = settings_of(config, changes)
    if not isinstance(settings, LinearSettings):
        raise ConfigError("config_invalid", f"{config}: only the linear model is quick enough to be cross-validated")
    rows, probabilities = unseen_probabilities(settings)
    return Predictions(rows, probabilities, settings.tree())
