"""How good a model is on labelled narratives."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from pipeline.classify.answer import Level, best_paths
from pipeline.classify.base import Floats
from pipeline.classify.calibrate import Bin, expected_calibration_error, reliability
from pipeline.classify.model import Model
from pipeline.corpus import Labelled
from pipeline.taxonomy import Taxonomy

_BATCH = 2000


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One row of the table per type or cause."""

    id: str
    name: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over `n` rows; those of causes over the `n_cause` rows whose cause is labelled.

    Macro-F1 is the plain mean over the labels that occur at least `min_support` times; `ece` is that of the types'
    probabilities; `coverage` is the share answered at least at the level of the type, `accepted_error` how many of
    those have the wrong type.
    """

    n: int
    n_cause: int
    type_macro_f1: float
    type_accuracy: float
    cause_macro_f1: float
    cause_accuracy: float
    ece: float
    coverage: float
    accepted_error: float
    min_support: int
    types: tuple[LabelScore, ...]
    causes: tuple[LabelScore, ...]
    confusion: tuple[tuple[int, ...], ...]  # (n_types, n_types): true type by row, predicted by column
    cause_confusion: tuple[tuple[int, ...], ...]  # (n_causes, n_causes)
    reliability: tuple[Bin, ...]  # of the types' probabilities

    def figures(self) -> dict[str, float]:
        """Return the single numbers, without the tables."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int | float)}


def evaluate(model: Model, rows: Sequence[Labelled], *, min_support: int = 1) -> Evaluation:
    """Run a model over labelled narratives."""
    texts = [row.text for row in rows]
    parts = [model.predict_proba(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
    probabilities = np.concatenate(parts)
    accepted = accepted_types(probabilities, model.taxonomy, model.manifest.thresholds.type)
    return measure(probabilities, rows, model.taxonomy, accepted, min_support=min_support)


def accepted_types(probabilities: Floats, taxonomy: Taxonomy, level: Level) -> NDArray[np.bool_]:
    """Tell for every row of probabilities (n, n_causes) whether its most probable type is accepted: (n,)."""
    return np.array(
        [level.accepts(best) for best in taxonomy.type_probabilities(probabilities).max(axis=1)], dtype=bool
    )


def measure(
    probabilities: Floats,
    rows: Sequence[Labelled],
    taxonomy: Taxonomy,
    accepted: NDArray[np.bool_],
    *,
    min_support: int = 1,
) -> Evaluation:
    """Compare probabilities (n, n_causes) with the labels of `rows`; `accepted` (n,): was the type accepted."""
    of_types = taxonomy.type_probabilities(probabilities)
    types, causes = best_paths(probabilities, of_types, taxonomy)
    true_types = np.array([taxonomy.type_ids.index(row.type) for row in rows])
    predicted_types = np.array(types)
    right = predicted_types == true_types
    confidence = of_types[np.arange(len(rows)), types]
    labelled = [index for index, row in enumerate(rows) if row.cause is not None]
    true_causes = np.array([taxonomy.cause_ids.index(rows[index].cause or "") for index in labelled], dtype=int)
    predicted_causes = np.array([causes[index] for index in labelled], dtype=int)
    return Evaluation(
        n=len(rows),
        n_cause=len(labelled),
        type_macro_f1=_macro_f1(true_types, predicted_types, min_support),
        type_accuracy=_share(right),
        cause_macro_f1=_macro_f1(true_causes, predicted_causes, min_support),
        cause_accuracy=_share(predicted_causes == true_causes),
        ece=expected_calibration_error(confidence, right),
        coverage=_share(accepted),
        accepted_error=_share(~right[accepted]),
        min_support=min_support,
        types=_table(true_types, predicted_types, [(kind.id, kind.name) for kind in taxonomy.types]),
        causes=_table(true_causes, predicted_causes, [(cause.id, cause.name) for cause in taxonomy.causes]),
        confusion=_confusion(true_types, predicted_types, len(taxonomy.types)),
        cause_confusion=_confusion(true_causes, predicted_causes, len(taxonomy.causes)),
        reliability=tuple(reliability(confidence, right)),
    )


def _confusion(true: NDArray[np.int64], predicted: NDArray[np.int64], size: int) -> tuple[tuple[int, ...], ...]:
    if not len(true):
        return ()
    return tuple(tuple(map(int, line)) for line in confusion_matrix(true, predicted, labels=range(size)))


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _macro_f1(true: NDArray[np.int64], predicted: NDArray[np.int64], min_support: int) -> float:
    labels, counts = np.unique(true, return_counts=True)
    counted = labels[counts >= min_support]
    if not len(counted):
        return 0.0
    return float(f1_score(true, predicted, labels=counted, average="macro", zero_division=0))


def _table(
    true: NDArray[np.int64], predicted: NDArray[np.int64], names: Sequence[tuple[str, str]]
) -> tuple[LabelScore, ...]:
    if not len(true):
        return ()
    precision, recall, f1, support = precision_recall_fscore_support(
        true, predicted, labels=range(len(names)), zero_division=0
    )
    return tuple(
        LabelScore(
            label_id,
            name,
            int(support[index]),
            int((predicted == index).sum()),
            float(precision[index]),
            float(recall[index]),
            float(f1[index]),
        )
        for index, (label_id, name) in enumerate(names)
    )
