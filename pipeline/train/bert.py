"""Making the BERT: fine-tuned, exported with smaller weights, mixed with the linear model, calibrated, written down."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field
from transformers import AutoTokenizer, PreTrainedTokenizerBase, set_seed

from pipeline.classify import bert, mixture
from pipeline.classify.base import Floats
from pipeline.classify.windows import Windows, WindowSettings
from pipeline.corpus import Labelled, load_labelled
from pipeline.corpus.split import splits_of
from pipeline.errors import ModelError
from pipeline.settings import ROOT, load_settings, resolve
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, Segmenter
from pipeline.train.card import Story
from pipeline.train.evaluate import Evaluation
from pipeline.train.export import Weights, compare, export, parity
from pipeline.train.finish import Judged, Made, Scored, Trained, TrainSettings, columns, finish, require_rows
from pipeline.train.fit import FitSettings, Lessons, OnEpoch, Watch, fit, no_epoch, unwatched
from pipeline.train.linear import Learner, LinearSettings
from pipeline.train.reader import Reader, load_encoder, scores_of

_LEAST_ROWS = 20


class BertSettings(TrainSettings, FitSettings):
    """configs/train/bert.yaml."""

    kind: Literal["bert"]
    encoder: str  # a folder, or a hub id where a hub can be reached
    licence: str
    hard: Path | None  # labelled narratives that misled a model, None for none
    mixed_with: Path | None  # the configuration of a linear model, None for the BERT alone
    window: int = Field(ge=16)
    overlap: int = Field(ge=0)
    checkpoints: Path
    weights: Weights

    def linear(self) -> LinearSettings | None:
        """Read the settings of the linear model beside it; raises ConfigError."""
        return None if self.mixed_with is None else load_settings(resolve(self.mixed_with), LinearSettings)

    def told(self) -> dict[str, Any]:
        """Return the settings with those of the linear model in place of their path."""
        linear = self.linear()
        return {**super().told(), "mixed_with": None if linear is None else linear.told()}


def train_bert(
    settings: BertSettings, watch: Watch = unwatched, *, resume: bool = True, on_epoch: OnEpoch = no_epoch
) -> Trained:
    """Fine-tune, export, calibrate and write a model folder; `on_epoch` is told the figures of every epoch.

    Stopped and started again with the same settings and corpus, it goes on from the last finished epoch and gives the
    same model (unless not to `resume`). Raises CorpusError if there are too few narratives, ModelError if there is no
    encoder or the exported model says something else, and whatever loading the parts raises.
    """
    taxonomy = Taxonomy.load(resolve(settings.taxonomy))
    lexicon, linear = Lexicon.load(resolve(settings.lexicon)), settings.linear()
    watch("reading the corpus")
    held = Held.read(settings, taxonomy)

    set_seed(settings.seed)
    reader, windows = load_reader(settings, taxonomy)
    checkpoints = resolve(settings.checkpoints) / _key(settings, held.lessons, taxonomy)
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    fit(reader, windows, settings, settings.seed, taxonomy, held.lessons, checkpoints, watch, on_epoch)

    watch(f"exporting with {settings.weights} weights")
    files, classifier = export(reader, windows, settings.weights)
    files |= {bert.TOKENIZER: windows.tokenizer.to_str().encode(), bert.WINDOWS: _json(windows.settings.model_dump())}
    texts = [row.text for row in held.kept]
    exact, served = scores_of(reader, windows, texts), classifier.scores(texts)
    kind = bert.KIND
    if linear is not None:
        watch("fitting the linear model beside it")
        kind = mixture.KIND
        beside = _Beside.fit(linear, lexicon, taxonomy, held)
        weights = beside.weights(served, taxonomy, held)
        exact, served = weights.scores(exact, beside.scores), weights.scores(served, beside.scores)
        files |= {**beside.files, **mixture.MixtureClassifier.to_files(weights)}
    calibration, hard_calibration, test, hard_test = held.scored(served)
    judged = Judged.fit(_together(calibration, hard_calibration), taxonomy, settings.thresholds)
    before = held.scored(exact)
    # Narratives written to stand near a border are no measure of how often an export crosses one: they are told apart.
    figures = parity(_together(before[0], before[2]), _together(calibration, test), judged, taxonomy)
    if hard_test.rows:
        moved = compare(_together(before[1], before[3]), _together(hard_calibration, hard_test), judged, taxonomy)
        figures = {**figures, **_of_hard(judged.measure(hard_test, taxonomy), moved)}
    trained = finish(
        Made(kind, files, held.lessons.taught, Story(held.story(), settings.licence), figures, held.lessons.hard),
        settings,
        taxonomy,
        (lexicon, resolve(settings.lexicon).read_bytes()),
        judged,
        measured_on=test if held.test else calibration,
    )
    shutil.rmtree(checkpoints, ignore_errors=True)
    return trained


def load_reader(settings: BertSettings, taxonomy: Taxonomy) -> tuple[Reader, Windows]:
    """Return an untrained reader over the encoder that the settings name, and what cuts narratives for it."""
    encoder = _encoder_name(settings.encoder)
    tokenizer = _tokenizer(encoder)
    reader = Reader(
        load_encoder(encoder),
        taxonomy.membership,
        smoothing=settings.label_smoothing,
        word_dropout=settings.word_dropout,
    )
    reader.marks = tuple(tokenizer.all_special_ids)
    reader.blank = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
    return reader, Windows(tokenizer.backend_tokenizer, _window_settings(settings, tokenizer))


@dataclass(frozen=True, slots=True)
class Held:
    """A corpus and hard narratives in their splits; what calibrates and tests has a cause."""

    lessons: Lessons
    hard_calibration: Sequence[Labelled]
    test: Sequence[Labelled]
    hard_test: Sequence[Labelled]

    @classmethod
    def read(cls, settings: BertSettings, taxonomy: Taxonomy) -> "Held":
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


def _encoder_name(name: str) -> str:
    local = ROOT / name
    return str(local) if local.is_dir() else name


def _tokenizer(encoder: str) -> PreTrainedTokenizerBase:
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(encoder, use_fast=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            "encoder_missing", f"{encoder} holds no tokenizer that transformers can load; make encoder builds one"
        ) from error
    return found


def _window_settings(settings: BertSettings, tokenizer: PreTrainedTokenizerBase) -> WindowSettings:
    return WindowSettings(
        window=settings.window,
        overlap=settings.overlap,
        begin=tokenizer.cls_token_id,
        end=tokenizer.sep_token_id,
        pad=tokenizer.pad_token_id,
    )


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


def _key(settings: BertSettings, lessons: Lessons, taxonomy: Taxonomy) -> str:
    """Return what checkpoints of one training are called: other rows, another order or setting is anew."""
    later = {"output", "checkpoints", "thresholds", "mixed_with", "blend", "weights"}  # no part of the epochs
    told = settings.model_dump(mode="json", exclude=later)
    rows = [[(row.id, row.type, row.cause, row.text) for row in part] for part in (lessons.taught, lessons.hard)]
    return hashlib.sha256(json.dumps([told, taxonomy.sha256, rows], sort_keys=True).encode()).hexdigest()[:12]


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
