"""From a trained reader to a model folder: exported, mixed with the linear model, calibrated, sealed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from pipeline.classify import bert, mixture
from pipeline.classify.answer import Answer, ScoreSettings, decide
from pipeline.classify.base import Floats
from pipeline.classify.cascade import Shortcut, surer
from pipeline.classify.probe import Probe
from pipeline.classify.windows import Windows
from pipeline.corpus import Labelled, load_labelled
from pipeline.corpus.split import splits_of
from pipeline.settings import Settings, load_settings, resolve
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, Segmenter
from pipeline.train.card import Story
from pipeline.train.evaluate import Evaluation
from pipeline.train.export import LEAST_AGREEMENT, Weights, compare, export, parity
from pipeline.train.finish import (
    Judged,
    Made,
    Scored,
    Trained,
    TrainSettings,
    columns,
    finish,
    require_rows,
    thresholds_of,
)
from pipeline.train.fit import Lessons, Watch
from pipeline.train.linear import Learner, LinearSettings
from pipeline.train.reader import Reader, scores_of
from pipeline.train.thresholds import choose_shortcut

_LEAST_ROWS = 20
_PROBED, _PROBED_HARD = 192, 64  # narratives that are sealed with the model
_PROBED_LENGTH = 250  # characters: long letters would take most of the time and show the same


class ShortcutSettings(Settings):
    """How many of all tickets may get another answer because the linear part answered alone."""

    error: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)


class ServedSettings(TrainSettings):
    """What becomes of a reader, however it was trained."""

    licence: str
    hard: Path | None  # labelled narratives that misled a model, None for none
    mixed_with: Path | None  # the configuration of a linear model, None for the BERT alone
    weights: Weights
    shortcut: ShortcutSettings

    def linear(self) -> LinearSettings | None:
        """Read the settings of the linear model beside it; raises ConfigError."""
        return None if self.mixed_with is None else load_settings(resolve(self.mixed_with), LinearSettings)

    def told(self) -> dict[str, Any]:
        """Return the settings with those of the linear model in place of their path."""
        linear = self.linear()
        return {**super().told(), "mixed_with": None if linear is None else linear.told()}


def serve(
    reader: Reader, windows: Windows, settings: ServedSettings, taxonomy: Taxonomy, held: "Held", watch: Watch
) -> Trained:
    """Export, calibrate and write a model folder.

    Raises ModelError if the exported model says something else than the reader, ConfigError or LexiconError if the
    linear model's settings or words cannot be read.
    """
    lexicon, linear = Lexicon.load(resolve(settings.lexicon)), settings.linear()
    watch(f"exporting with {settings.weights} weights")
    texts = [row.text for row in held.kept]
    exact = scores_of(reader, windows, texts)
    files, served = _exported(reader, windows, settings.weights, texts, exact)
    files |= {bert.TOKENIZER: windows.tokenizer.to_str().encode(), bert.WINDOWS: _json(windows.settings.model_dump())}
    kind, beside = bert.KIND, None
    if linear is not None:
        watch("fitting the linear model beside it")
        kind = mixture.KIND
        beside = _Beside.fit(linear, lexicon, taxonomy, held)
        weights = beside.weights(served, taxonomy, held)
        exact, served = weights.scores(exact, beside.scores), weights.scores(served, beside.scores)
        files |= {**beside.files, **weights.to_files()}
    calibration, hard_calibration, test, hard_test = held.scored(served)
    judging = _together(calibration, hard_calibration)
    judged = Judged.fit(judging, taxonomy, settings.thresholds)
    before = held.scored(exact)
    # Narratives written to stand near a border are no measure of how often an export crosses one: they are told apart.
    figures = parity(_together(before[0], before[2]), _together(calibration, test), judged, taxonomy)
    if hard_test.rows:
        _, moved = compare(_together(before[1], before[3]), _together(hard_calibration, hard_test), judged, taxonomy)
        figures = {**figures, **_of_hard(judged.measure(hard_test, taxonomy), moved)}
    if beside is not None:
        alone = _together(*held.scored(beside.scores)[:2])
        shortcut = fit_shortcut(alone, judging, judged, taxonomy, settings)
        watch(shortcut.describe())
        files |= shortcut.to_files()
    files |= _sealed(before[0], before[1], judged, taxonomy, settings.seed).to_files()
    return finish(
        Made(kind, files, held.lessons.taught, Story(held.story(), settings.licence), figures, held.lessons.hard),
        settings,
        taxonomy,
        (lexicon, resolve(settings.lexicon).read_bytes()),
        judged,
        measured_on=test if held.test else calibration,
    )


def _exported(
    reader: Reader, windows: Windows, weights: Weights, texts: Sequence[str], exact: Floats
) -> tuple[dict[str, bytes], Floats]:
    """Return the files of the graph, and what it says of some texts (n_texts, n_causes) in int8.

    If that is not what full precision says, `exact`, it is compiled once more: see `pipeline.classify.runtime`.
    """
    files, classifier = export(reader, windows, weights)
    served = classifier.scores(texts)
    if np.mean(served.argmax(axis=1) == exact.argmax(axis=1)) < LEAST_AGREEMENT["cause"]:
        files, classifier = export(reader, windows, weights)
        served = classifier.scores(texts)
    return files, served


def fit_shortcut(
    linear: Scored, whole: Scored, judged: Judged, taxonomy: Taxonomy, settings: ServedSettings
) -> Shortcut:
    """Choose which tickets the linear part may answer alone, and what is safe to accept where it answers everything.

    `linear` and `whole` are the scores of the linear part and of the mixture for the same rows, which taught neither.
    """
    scores, labels = log_softmax(linear.scores, axis=1), columns(linear.rows, taxonomy)

    def chances(weight: float) -> Floats:
        return judged.calibration.apply(weight * scores, taxonomy.membership)

    def loss(logarithm: float) -> float:
        likely = chances(np.exp(logarithm))[np.arange(len(labels)), labels]
        return float(-np.log(likely + 1e-12).mean())

    weight = float(np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))
    answers = [
        [(it.type, it.cause, it.answer, it.route) for it in _answers(part, judged, taxonomy)]
        for part in (chances(weight), judged.calibration.apply(whole.scores, taxonomy.membership))
    ]
    same = np.array([one == other for one, other in zip(*answers, strict=True)])
    sure = softmax(weight * scores, axis=1).max(axis=1)
    wanted = settings.shortcut
    threshold = choose_shortcut(sure, same, error=wanted.error, confidence=wanted.confidence)
    short = surer(sure, threshold)
    return Shortcut(
        weight=weight,
        threshold=threshold,
        error=wanted.error,
        confidence=wanted.confidence,
        rows=int(short.sum()),
        different=int((short & ~same).sum()),
        judged_on=len(same),
        thresholds=thresholds_of(chances(weight), labels, taxonomy, settings.thresholds),
    )


def _answers(chances: Floats, judged: Judged, taxonomy: Taxonomy) -> list[Answer]:
    return decide(chances, [None] * len(chances), taxonomy, judged.thresholds, ScoreSettings.load())


def _sealed(ordinary: Scored, hard: Scored, judged: Judged, taxonomy: Taxonomy, seed: int) -> Probe:
    """Return some of the held-out narratives with what full precision says of them."""
    source = np.random.default_rng(seed)
    texts: list[str] = []
    scores: list[Floats] = []
    for part, count in ((ordinary, _PROBED), (hard, _PROBED_HARD)):
        short = np.flatnonzero([len(row.text) <= _PROBED_LENGTH for row in part.rows])
        chosen = np.sort(source.permutation(short)[:count])
        texts += [part.rows[number].text for number in chosen]
        scores.append(part.scores[chosen])
    return Probe(tuple(texts), judged.calibration.apply(np.concatenate(scores), taxonomy.membership))


@dataclass(frozen=True, slots=True)
class Held:
    """A corpus and hard narratives in their splits; what calibrates and tests has a cause."""

    lessons: Lessons
    hard_calibration: Sequence[Labelled]
    test: Sequence[Labelled]
    hard_test: Sequence[Labelled]

    @classmethod
    def read(cls, settings: ServedSettings, taxonomy: Taxonomy) -> "Held":
        """Read what the settings name; raises CorpusError if there are too few narratives."""
        taught, calibration, test = _splits(settings.labelled(taxonomy))
        hard = _splits([] if settings.hard is None else load_labelled(resolve(settings.hard), taxonomy))
        known = [row for row in taught if row.cause is not None]
        require_rows(known, _LEAST_ROWS, f"the train split of {settings.named()} has")
        require_rows(calibration, 2, f"the calibration split of {settings.named()} has")
        return cls(Lessons(taught, calibration, hard[0]), hard[1], test, hard[2])

    @property
    def kept(self) -> list[Labelled]:
        """The rows that nothing is trained on, part after part."""
        return [*self.lessons.calibration, *self.hard_calibration, *self.test, *self.hard_test]

    def scored(self, scores: Floats) -> tuple[Scored, Scored, Scored, Scored]:
        """Return the scores of `kept` by part: calibration, hard calibration, test, hard test."""
        parts = (self.lessons.calibration, self.hard_calibration, self.test, self.hard_test)
        first, second, third = np.cumsum([len(part) for part in parts])[:-1]
        return (
            Scored(parts[0], scores[:first]),
            Scored(parts[1], scores[first:second]),
            Scored(parts[2], scores[second:third]),
            Scored(parts[3], scores[third:]),
        )

    def story(self) -> str:
        """Say on which rows figures, temperatures and thresholds rest."""
        calibrated = f"({len(self.lessons.calibration)})"
        if self.hard_calibration:
            calibrated += f"\nand {len(self.hard_calibration)} narratives written to mislead a model"
        if not self.test:
            return (
                f"The rows of the corpus's calibration split {calibrated}, on which temperatures and\n"
                "thresholds were chosen too, so these figures are slightly kind."
            )
        return (
            f"The rows of the corpus's test split, which nothing was trained or chosen on ({len(self.test)}); "
            f"temperatures and\nthresholds rest on its calibration split {calibrated}."
        )


def _splits(rows: Sequence[Labelled]) -> tuple[list[Labelled], list[Labelled], list[Labelled]]:
    """Return the rows that teach, calibrate and test."""
    splits = splits_of(rows)
    train, calibration, test = (
        [
            row
            for row, split in zip(rows, splits, strict=True)
            if split == name and (split == "train" or row.cause is not None)
        ]
        for name in ("train", "calibration", "test")
    )
    return train, calibration, test


@dataclass(frozen=True, slots=True)
class _Beside:
    """The linear model that a BERT is mixed with: its files, and its scores of the rows that were held out."""

    files: Mapping[str, bytes]
    scores: Floats

    @classmethod
    def fit(cls, settings: LinearSettings, lexicon: Lexicon, taxonomy: Taxonomy, held: Held) -> "_Beside":
        taught = [row for row in held.lessons.taught if row.cause is not None]
        classifier = Learner(settings, Segmenter(lexicon), taxonomy).fit(
            [row.text for row in taught], columns(taught, taxonomy)
        )
        return cls(classifier.to_files(settings.features), classifier.scores([row.text for row in held.kept]))

    def weights(self, served: Floats, taxonomy: Taxonomy, held: Held) -> mixture.MixtureWeights:
        """Fit the weights so that ordinary and hard narratives count alike, however many there are of either."""
        ordinary, hard, *_ = held.scored(served)
        first, second, *_ = held.scored(self.scores)
        both, beside = _together(ordinary, hard), _together(first, second)
        sizes = [len(part.rows) for part in (ordinary, hard)]
        shares = np.repeat([1 / max(size, 1) for size in sizes], sizes)
        return mixture.MixtureWeights.fit(both.scores, beside.scores, columns(both.rows, taxonomy), shares)


def _together(one: Scored, other: Scored) -> Scored:
    return Scored([*one.rows, *other.rows], np.concatenate([one.scores, other.scores]))


def _of_hard(evaluation: Evaluation, moved: Mapping[str, float]) -> dict[str, float]:
    """Return what a run says of hard narratives: those of the test split, and how far the export moved all."""
    return {
        "hard_rows": evaluation.n,
        "hard_type_accuracy": evaluation.type_accuracy,
        "hard_cause_accuracy": evaluation.cause_accuracy,
        "hard_coverage": evaluation.coverage,
        "hard_accepted_error": evaluation.accepted_error,
        **{f"hard_{name}": value for name, value in moved.items()},
    }


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
