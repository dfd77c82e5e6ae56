"""Training the linear model: cross-validated scores for honest figures, then one fit on everything."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold

from pipeline.classify.base import Floats
from pipeline.classify.linear import KIND, Features, LinearClassifier, vectorizers
from pipeline.corpus import Labelled, load_labelled
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
    taxonomy = Taxonomy.load(resolve(settings.taxonomy))
    lexicon_path = resolve(settings.lexicon)
    lexicon = Lexicon.load(lexicon_path)
    step("reading the corpus")
    rows = [
        row
        for row in load_labelled(resolve(settings.corpus), taxonomy)
        if row.cause is not None and row.split != "test"
    ]
    require_rows(rows, settings.folds * 2, f"{settings.corpus} has")
    labels = columns(rows, taxonomy)
    learner = Learner(settings, Segmenter(lexicon), taxonomy)
    unseen = Scored(rows, _cross_validate(learner, rows, labels, step))
    step("fitting on all narratives")
    classifier = learner.fit([row.text for row in rows], labels)
    made = Made(KIND, classifier.to_files(settings.features), rows, _STORY, {})
    parts = (lexicon, lexicon_path.read_bytes())
    judged = Judged.fit(unseen, taxonomy, settings.thresholds)
    return finish(made, settings, taxonomy, parts, judged, measured_on=unseen)


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


def _cross_validate(
    learner: Learner, rows: Sequence[Labelled], labels: NDArray[np.int64], step: Callable[[str], None]
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
