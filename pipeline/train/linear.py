"""Training the linear model: cross-validated scores for honest figures, then one fit on everything."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold

from pipeline.classify.answer import Thresholds, best_paths
from pipeline.classify.base import Floats
from pipeline.classify.calibrate import Calibration
from pipeline.classify.folder import CARD, FORMAT, LEXICON, tree_of, write_folder
from pipeline.classify.linear import KIND, Features, LinearClassifier, vectorizers
from pipeline.corpus import Labelled, load_labelled
from pipeline.errors import CorpusError
from pipeline.settings import Settings, resolve
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, Segmenter, normalize
from pipeline.train.card import model_card
from pipeline.train.evaluate import Evaluation, accepted_types, measure
from pipeline.train.thresholds import choose_threshold


class ThresholdSettings(Settings):
    """How much error among accepted answers is allowed."""

    type_error: float = Field(gt=0, lt=1)
    cause_error: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    least_coverage: float = Field(gt=0, le=1)


class LinearSettings(Settings):
    """configs/train/linear.yaml."""

    kind: Literal["linear"]
    corpus: Path
    taxonomy: Path
    lexicon: Path
    output: Path
    features: Features
    description_weight: float = Field(gt=0)
    regularisation: float = Field(gt=0)
    max_iterations: int = Field(ge=1)
    folds: int = Field(ge=2)
    seed: int
    thresholds: ThresholdSettings


@dataclass(frozen=True, slots=True)
class Trained:
    """What training leaves: the folder, and the figures on rows that the scoring model had not seen."""

    folder: Path
    evaluation: Evaluation
    thresholds: Thresholds
    without_narrative: tuple[str, ...]  # ids of causes the corpus says nothing about


def train_linear(settings: LinearSettings, step: Callable[[str], None] = lambda _: None) -> Trained:
    """Train, calibrate and write a model folder; `step` is told what begins.

    Raises CorpusError if there are too few narratives, and whatever loading the parts raises.
    """
    taxonomy = Taxonomy.load(resolve(settings.taxonomy))
    lexicon_path = resolve(settings.lexicon)
    lexicon = Lexicon.load(lexicon_path)
    step("reading the corpus")
    rows = [row for row in load_labelled(resolve(settings.corpus), taxonomy) if row.cause is not None]
    labels = np.array([taxonomy.cause_ids.index(row.cause or "") for row in rows], dtype=np.int64)
    if len(rows) < settings.folds * 2 or len(set(labels.tolist())) < 2:
        raise CorpusError(
            "corpus_too_small", f"{settings.corpus} has {len(rows)} narratives with a cause: too few to learn"
        )
    learner = _Learner(settings, Segmenter(lexicon), taxonomy)
    scores = _cross_validate(learner, rows, labels, step)
    calibration = Calibration.fit(scores, labels, taxonomy.membership)
    calibrated = calibration.apply(scores, taxonomy.membership)
    step("fitting on all narratives")
    classifier = learner.fit([row.text for row in rows], labels)
    thresholds = _thresholds(calibrated, labels, taxonomy, settings.thresholds)
    evaluation = measure(calibrated, rows, taxonomy, accepted_types(calibrated, taxonomy, thresholds.type))
    trained = Trained(
        resolve(settings.output),
        evaluation,
        thresholds,
        tuple(cause for index, cause in enumerate(taxonomy.cause_ids) if index not in set(labels.tolist())),
    )
    manifest = {
        "format": FORMAT,
        "kind": KIND,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "taxonomy_version": taxonomy.version,
        "tree": tree_of(taxonomy),
        "lexicon_sha256": lexicon.sha256,
        "calibration": calibration,
        "thresholds": thresholds,
        "trained_on": {
            "rows": len(rows),
            "sha256": _corpus_sha256(rows),
            "styles": dict(Counter(row.style for row in rows)),
            "settings": settings.model_dump(mode="json", exclude={"output"}),
        },
        "metrics": evaluation.figures(),
    }
    files = {
        **classifier.to_files(settings.features),
        LEXICON: lexicon_path.read_bytes(),
        CARD: model_card(manifest, evaluation, taxonomy).encode(),
    }
    write_folder(trained.folder, manifest, files)
    return trained


class _Learner:
    """Fits a LinearClassifier on texts and labels (column numbers of the taxonomy).

    What the taxonomy says of each cause (name, definition, cues, scenes) is learned along as one more text per cause.
    """

    def __init__(self, settings: LinearSettings, segmenter: Segmenter, taxonomy: Taxonomy) -> None:
        self.settings = settings
        self.segmenter = segmenter
        self.descriptions = [
            normalize("。".join([cause.name, cause.definition, *cause.cues, *cause.scenes]))
            for cause in taxonomy.causes
        ]

    def fit(self, texts: Sequence[str], labels: NDArray[np.int64]) -> LinearClassifier:
        settings, n_causes = self.settings, len(self.descriptions)
        taught = [*texts, *self.descriptions]
        weights = np.repeat([1.0, settings.description_weight], [len(texts), n_causes])
        words, characters = vectorizers(settings.features, self.segmenter)
        words.fit(taught)
        characters.fit(taught)
        size = len(words.vocabulary_) + len(characters.vocabulary_)
        classifier = LinearClassifier(words, characters, np.zeros((size, n_causes), np.float32), np.zeros(n_causes))
        regression = LogisticRegression(
            C=settings.regularisation, max_iter=settings.max_iterations, random_state=settings.seed
        ).fit(classifier.features(taught), np.concatenate([labels, np.arange(n_causes)]), sample_weight=weights)
        if n_causes == 2:
            classifier.coefficients[:, 1], classifier.intercepts[1] = regression.coef_[0], regression.intercept_[0]
        else:
            classifier.coefficients, classifier.intercepts = (
                regression.coef_.T.astype(np.float32),
                regression.intercept_,
            )
        return classifier


def _cross_validate(
    learner: _Learner, rows: Sequence[Labelled], labels: NDArray[np.int64], step: Callable[[str], None]
) -> Floats:
    """Return scores (n, n_causes) for every row, given by a model fitted without it."""
    settings = learner.settings
    rarest = min(Counter(labels.tolist()).values())
    kind = StratifiedKFold if rarest >= settings.folds else KFold
    folds = kind(settings.folds, shuffle=True, random_state=settings.seed)
    texts = np.array([row.text for row in rows], dtype=object)
    scores = np.zeros((len(rows), len(learner.descriptions)))
    for number, (seen, unseen) in enumerate(folds.split(texts, labels), start=1):
        step(f"cross-validating, fold {number} of {settings.folds}")
        scores[unseen] = learner.fit(texts[seen].tolist(), labels[seen]).scores(texts[unseen].tolist())
    return scores


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


def _corpus_sha256(rows: Sequence[Labelled]) -> str:
    lines = sorted(f"{row.id}\t{row.cause}\t{row.text}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
