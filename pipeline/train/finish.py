"""What every training ends with: calibration, thresholds, figures, and a model folder."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.classify.answer import Thresholds, best_paths
from pipeline.classify.base import Floats
from pipeline.classify.calibrate import Calibration
from pipeline.classify.folder import CARD, FORMAT, LEXICON, tree_of, write_folder
from pipeline.corpus import Labelled
from pipeline.errors import CorpusError
from pipeline.settings import Settings
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon
from pipeline.train.card import Story, model_card
from pipeline.train.evaluate import Evaluation, accepted_types, measure
from pipeline.train.thresholds import choose_threshold


class ThresholdSettings(Settings):
    """How much error among accepted answers is allowed."""

    type_error: float = Field(gt=0, lt=1)
    cause_error: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    least_coverage: float = Field(gt=0, le=1)


class TrainSettings(Settings):
    """What every training configuration says."""

    corpus: Path
    taxonomy: Path
    lexicon: Path
    output: Path
    seed: int
    thresholds: ThresholdSettings


@dataclass(frozen=True, slots=True)
class Scored:
    """Labelled narratives with the scores (n, n_causes) of a model that was not trained on them."""

    rows: Sequence[Labelled]
    scores: Floats


@dataclass(frozen=True, slots=True)
class Trained:
    """What training leaves: the folder, and the figures on rows that the scoring model had not seen."""

    folder: Path
    evaluation: Evaluation
    thresholds: Thresholds
    without_narrative: tuple[str, ...]  # ids of causes the corpus says nothing about


@dataclass(frozen=True, slots=True)
class Made:
    """A fitted classifier on its way into a folder: its kind, files, the rows that taught it, and its story."""

    kind: str
    files: Mapping[str, bytes]
    taught: Sequence[Labelled]
    story: Story
    metrics: Mapping[str, float]


def columns(rows: Sequence[Labelled], taxonomy: Taxonomy) -> NDArray[np.int64]:
    """Return the column of every row's cause (n,), -1 where only the type is labelled."""
    number = {cause: index for index, cause in enumerate(taxonomy.cause_ids)}
    return np.array([number[row.cause] if row.cause is not None else -1 for row in rows], dtype=np.int64)


def require_rows(rows: Sequence[Labelled], least: int, corpus: Path) -> None:
    """Raise CorpusError if too few narratives, or those of one cause alone, are there to learn from."""
    if len(rows) < least or len({row.cause for row in rows}) < 2:
        raise CorpusError("corpus_too_small", f"{corpus} has {len(rows)} narratives with a cause: too few to learn")


def finish(
    made: Made,
    settings: TrainSettings,
    folder: Path,
    taxonomy: Taxonomy,
    lexicon: tuple[Lexicon, bytes],
    *,
    fitted_on: Scored,
    measured_on: Scored,
) -> Trained:
    """Calibrate, choose thresholds, measure, and write the folder whole or not at all.

    Temperatures and thresholds rest on `fitted_on` (rows with a cause), figures on `measured_on`; `lexicon` comes with
    its file's bytes.
    """
    labels = columns(fitted_on.rows, taxonomy)
    calibration = Calibration.fit(fitted_on.scores, labels, taxonomy.membership)
    thresholds = _thresholds(
        calibration.apply(fitted_on.scores, taxonomy.membership), labels, taxonomy, settings.thresholds
    )
    chances = calibration.apply(measured_on.scores, taxonomy.membership)
    evaluation = measure(chances, measured_on.rows, taxonomy, accepted_types(chances, taxonomy, thresholds.type))
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "kind": made.kind,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "taxonomy_version": taxonomy.version,
        "tree": tree_of(taxonomy),
        "lexicon_sha256": lexicon[0].sha256,
        "calibration": calibration,
        "thresholds": thresholds,
        "trained_on": {
            "rows": len(made.taught),
            "sha256": corpus_sha256(made.taught),
            "styles": dict(Counter(row.style for row in made.taught)),
            "settings": settings.model_dump(mode="json", exclude={"output"}),
        },
        "metrics": {**evaluation.figures(), **made.metrics},
    }
    card = model_card(manifest, evaluation, taxonomy, made.story)
    write_folder(folder, manifest, {**made.files, LEXICON: lexicon[1], CARD: card.encode()})
    taught = {row.cause for row in made.taught}
    return Trained(folder, evaluation, thresholds, tuple(it for it in taxonomy.cause_ids if it not in taught))


def corpus_sha256(rows: Sequence[Labelled]) -> str:
    """Return a digest of labelled narratives that their order does not change."""
    lines = sorted(f"{row.id}\t{row.cause}\t{row.text}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _thresholds(
    calibrated: Floats, labels: NDArray[np.int64], taxonomy: Taxonomy, settings: ThresholdSettings
) -> Thresholds:
    of_types = taxonomy.type_probabilities(calibrated)
    types, causes = (np.array(path) for path in best_paths(calibrated, of_types, taxonomy))
    every = np.arange(len(labels))
    true_types = taxonomy.membership.argmax(axis=1)[labels]
    choose = partial(choose_threshold, confidence=settings.confidence, least_coverage=settings.least_coverage)
    return Thresholds(
        type=choose(of_types[every, types], types == true_types, error=settings.type_error),
        cause=choose(calibrated[every, causes], causes == labels, error=settings.cause_error),
    )
