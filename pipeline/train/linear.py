"""Training the linear model: cross-validated scores for honest figures, then one fit on everything."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold

from pipeline.classify.base import Floats
from pipeline.classify.linear import KIND, Features, LinearClassifier, vectorizers
from pipeline.corpus import Labelled
from pipeline.settings import resolve
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, Segmenter, normalize
from pipeline.train.card import Story
from pipeline.train.finish import Judged, Made, Scored, Trained, TrainSettings, columns, finish, require_rows


class LinearSettings(TrainSettings):
    """configs/train/linear.yaml."""

    kind: Literal["linear"]
    features: Features
    description_weight: float = Field(gt=0)
    regularisation: float = Field(gt=0)
    max_iterations: int = Field(ge=1)
    folds: int = Field(ge=2)


_STORY = Story(
    seen="Cross-validated: every row was scored by a model that had not seen it. Temperatures and thresholds were\n"
    "chosen on the same scores, so these figures are slightly kind.",
    licence="Apache-2.0, like the corpus it was trained on",
)


def train_linear(settings: LinearSettings, step: Callable[[str], None] = lambda _: None) -> Trained:
    """Train, calibrate and write a model folder; `step` is told what begins.

    Rows that a file keeps for the test are left alone. Raises CorpusError if there are too few narratives, and whatever
    loading the parts raises.
    """
    lexicon_path = resolve(settings.lexicon)
    step("reading the corpus")
    ground = _Ground.load(settings)
    unseen = Scored(ground.rows, _cross_validate(ground, settings, step))
    step("fitting on all narratives")
    classifier = ground.learner.fit([row.text for row in ground.rows], ground.labels)
    made = Made(KIND, classifier.to_files(settings.features), ground.rows, _STORY, {})
    parts = (Lexicon.load(lexicon_path), lexicon_path.read_bytes())
    judged = Judged.fit(unseen, ground.taxonomy, settings.thresholds)
    return finish(made, settings, ground.taxonomy, parts, judged, measured_on=unseen)


def unseen_probabilities(
    settings: LinearSettings, step: Callable[[str], None] = lambda _: None
) -> tuple[list[Labelled], Floats]:
    """Return the narratives of the corpus with a cause, and their probabilities (n_rows, n_causes).

    Cross-validated: each row's are those of a model that was fitted without it, calibrated.
    """
    ground = _Ground.load(settings)
    scored = Scored(ground.rows, _cross_validate(ground, settings, step))
    calibration = Judged.fit(scored, ground.taxonomy, settings.thresholds).calibration
    return list(ground.rows), calibration.apply(scored.scores, ground.taxonomy.membership)


def linear_steps(settings: LinearSettings) -> Iterator[Mapping[str, float]]:
    """Cross-validate and yield, after each fold, the figures on all rows that were scored by then."""
    ground = _Ground.load(settings)
    known: list[int] = []
    scores: list[Floats] = []
    for rows, found in _folds(ground, settings):
        known += rows.tolist()
        scores.append(found)
        scored = Scored([ground.rows[row] for row in known], np.concatenate(scores))
        judged = Judged.fit(scored, ground.taxonomy, settings.thresholds)
        yield judged.measure(scored, ground.taxonomy).figures()


@dataclass(frozen=True)
class _Ground:
    """What a training begins with."""

    taxonomy: Taxonomy
    rows: Sequence[Labelled]
    labels: NDArray[np.int64]
    learner: "Learner"

    @classmethod
    def load(cls, settings: LinearSettings) -> "_Ground":
        taxonomy = Taxonomy.load(resolve(settings.taxonomy))
        lexicon = Lexicon.load(resolve(settings.lexicon))
        rows = [row for row in settings.labelled(taxonomy) if row.cause is not None and row.split != "test"]
        require_rows(rows, settings.folds * 2, f"{settings.named()} has")
        return cls(taxonomy, rows, columns(rows, taxonomy), Learner(settings, Segmenter(lexicon), taxonomy))


class Learner:
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
        """Return a classifier that learned from texts and the columns of their causes (n,)."""
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


def _cross_validate(ground: _Ground, settings: LinearSettings, step: Callable[[str], None]) -> Floats:
    """Return scores (n, n_causes) for every row, given by a model fitted without it."""
    scores = np.zeros((len(ground.rows), len(ground.taxonomy.causes)))
    step(f"cross-validating, fold 1 of {settings.folds}")
    for number, (rows, found) in enumerate(_folds(ground, settings), start=2):
        scores[rows] = found
        if number <= settings.folds:
            step(f"cross-validating, fold {number} of {settings.folds}")
    return scores


def _folds(ground: _Ground, settings: LinearSettings) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Yield for each fold its rows and their scores."""
    rarest = min(Counter(ground.labels.tolist()).values())
    kind = StratifiedKFold if rarest >= settings.folds else KFold
    folds = kind(settings.folds, shuffle=True, random_state=settings.seed)
    texts = np.array([row.text for row in ground.rows], dtype=object)
    for seen, unseen in folds.split(texts, ground.labels):
        fitted = ground.learner.fit(texts[seen].tolist(), ground.labels[seen])
        yield unseen, fitted.scores(texts[unseen].tolist())
