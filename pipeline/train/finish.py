"""What every training ends with: calibration, thresholds, figures, and a model folder."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.classify.answer import Thresholds, best_paths
from pipeline.classify.base import Floats
from pipeline.classify.calibrate import Calibration
from pipeline.classify.folder import CARD, FORMAT, LEXICON, tree_of, write_folder
from pipeline.corpus import Labelled, corpus_sha256, load_labelled
from pipeline.errors import CorpusError
from pipeline.settings import Settings, resolve
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
    least_probability: float = Field(ge=0, lt=1)


class TrainSettings(Settings):
    """What every training configuration says."""

    corpus: Path | Annotated[tuple[Path, ...], Field(min_length=1)]  # one file or folder, or several
    taxonomy: Path
    lexicon: Path
    output: Path
    seed: int
    thresholds: ThresholdSettings

    @property
    def corpora(self) -> tuple[Path, ...]:
        """The files or folders of `corpus`, as they are told."""
        return (self.corpus,) if isinstance(self.corpus, Path) else self.corpus

    def labelled(self, taxonomy: Taxonomy) -> list[Labelled]:
        """Read the corpus; raises CorpusError, or FileError for a file that cannot be read."""
        return load_labelled([resolve(path) for path in self.corpora], taxonomy)

    def tree(self) -> Taxonomy:
        """Read the taxonomy; raises TaxonomyError."""
        return Taxonomy.load(resolve(self.taxonomy))

    def named(self) -> str:
        """Say which corpus is meant."""
        return " + ".join(map(str, self.corpora))

    def told(self) -> dict[str, Any]:
        """Return what a model's manifest and its run say of its settings."""
        return self.model_dump(mode="json", exclude={"output"})


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
    hard: Sequence[Labelled] = ()  # that taught a part of it


def columns(rows: Sequence[Labelled], taxonomy: Taxonomy) -> NDArray[np.int64]:
    """Return the column of every row's cause (n,), -1 where only the type is labelled."""
    number = {cause: index for index, cause in enumerate(taxonomy.cause_ids)}
    return np.array([number[row.cause] if row.cause is not None else -1 for row in rows], dtype=np.int64)


def require_rows(rows: Sequence[Labelled], least: int, where: str) -> None:
    """Raise CorpusError if there are fewer than `least` narratives with a cause, or those of one cause alone."""
    causes = {row.cause for row in rows}
    if len(rows) < least or len(causes) < 2:
        raise CorpusError(
            "corpus_too_small",
            f"{where} {len(rows)} narratives with a cause, of {len(causes)} causes: too few to learn; it takes {least} "
            "or more, of two causes at least",
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """What turns scores into answers: temperatures, and what is safe to accept."""

    calibration: Calibration
    thresholds: Thresholds

    @classmethod
    def fit(cls, scored: Scored, taxonomy: Taxonomy, settings: ThresholdSettings) -> "Judged":
        """Fit temperatures and choose thresholds on rows with a cause."""
        labels = columns(scored.rows, taxonomy)
        calibration = Calibration.fit(scored.scores, labels, taxonomy.membership)
        calibrated = calibration.apply(scored.scores, taxonomy.membership)
        return cls(calibration, thresholds_of(calibrated, labels, taxonomy, settings))

    def measure(self, scored: Scored, taxonomy: Taxonomy) -> Evaluation:
        """Measure scored rows as they would be answered."""
        chances = self.calibration.apply(scored.scores, taxonomy.membership)
        accepted = accepted_types(chances, taxonomy, self.thresholds.type)
        return measure(chances, scored.rows, taxonomy, accepted)


def finish(
    made: Made,
    settings: TrainSettings,
    taxonomy: Taxonomy,
    lexicon: tuple[Lexicon, bytes],
    judged: Judged,
    measured_on: Scored,
) -> Trained:
    """Measure, and write the folder whole or not at all; `lexicon` comes with its file's bytes."""
    evaluation, folder = judged.measure(measured_on, taxonomy), resolve(settings.output)
    rows = [*made.taught, *made.hard]
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "kind": made.kind,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "taxonomy_version": taxonomy.version,
        "tree": tree_of(taxonomy),
        "lexicon_sha256": lexicon[0].sha256,
        "calibration": judged.calibration,
        "thresholds": judged.thresholds,
        "trained_on": {
            "rows": len(rows),
            "sha256": corpus_sha256(rows),
            "styles": dict(Counter(row.style for row in rows)),
            "settings": settings.told(),
        },
        "metrics": {**evaluation.figures(), **made.metrics},
    }
    card = model_card(manifest, evaluation, taxonomy, made.story)
    write_folder(folder, manifest, {**made.files, LEXICON: lexicon[1], CARD: card.encode()})
    taught = {row.cause for row in made.taught}
    return Trained(folder, evaluation, judged.thresholds, tuple(it for it in taxonomy.cause_ids if it not in taught))


def thresholds_of(
    calibrated: Floats, labels: NDArray[np.int64], taxonomy: Taxonomy, settings: ThresholdSettings
) -> Thresholds:
    """Choose what is safe to accept from probabilities (n, n_causes) of rows that taught nothing, and their causes."""
    of_types = taxonomy.type_probabilities(calibrated)
    types, causes = (np.array(path) for path in best_paths(calibrated, of_types, taxonomy))
    every = np.arange(len(labels))
    true_types = taxonomy.membership.argmax(axis=1)[labels]
    choose = partial(
        choose_threshold,
        confidence=settings.confidence,
        least_coverage=settings.least_coverage,
        least_probability=settings.least_probability,
    )
    return Thresholds(
        type=choose(of_types[every, types], types == true_types, error=settings.type_error),
        cause=choose(calibrated[every, causes], causes == labels, error=settings.cause_error),
    )
