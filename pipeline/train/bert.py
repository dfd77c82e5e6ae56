"""Making the BERT: fine-tuned, exported with int8 weights, mixed with the linear model, calibrated, written down."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
from pipeline.train.export import export, parity
from pipeline.train.finish import Judged, Made, Scored, Trained, TrainSettings, columns, finish, require_rows
from pipeline.train.fit import FitSettings, OnEpoch, Watch, fit, no_epoch, unwatched
from pipeline.train.linear import Learner, LinearSettings
from pipeline.train.reader import Reader, load_encoder, scores_of

_LEAST_ROWS = 20


class BertSettings(TrainSettings, FitSettings):
    """configs/train/bert.yaml."""

    kind: Literal["bert"]
    encoder: str  # a folder, or a hub id where a hub can be reached
    licence: str
    mixed_with: Path | None  # the configuration of a linear model, None for the BERT alone
    window: int = Field(ge=16)
    overlap: int = Field(ge=0)
    checkpoints: Path

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
    held = _Held.of(load_labelled(resolve(settings.corpus), taxonomy), settings.corpus)

    set_seed(settings.seed)
    reader, windows = load_reader(settings, taxonomy)
    checkpoints = resolve(settings.checkpoints) / _key(settings, held.taught, taxonomy)
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    fit(reader, windows, settings, settings.seed, taxonomy, held.taught, held.calibration, checkpoints, watch, on_epoch)

    watch("exporting with int8 weights")
    files, classifier = export(reader, windows)
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
    judged = Judged.fit(held.part(served, "calibration"), taxonomy, settings.thresholds)
    agreed = parity(Scored(held.kept, exact), Scored(held.kept, served), judged, taxonomy)
    trained = finish(
        Made(kind, files, held.taught, Story(held.story(), settings.licence), agreed),
        settings,
        taxonomy,
        (lexicon, resolve(settings.lexicon).read_bytes()),
        judged,
        measured_on=held.part(served, "test" if held.test else "calibration"),
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
class _Held:
    """A corpus in its splits; what calibrates and tests has a cause."""

    taught: Sequence[Labelled]
    calibration: Sequence[Labelled]
    test: Sequence[Labelled]

    @classmethod
    def of(cls, rows: Sequence[Labelled], corpus: Path) -> "_Held":
        splits = splits_of(rows)
        taught, calibration, test = (
            [
                row
                for row, split in zip(rows, splits, strict=True)
                if split == name and (split == "train" or row.cause is not None)
            ]
            for name in ("train", "calibration", "test")
        )
        require_rows([row for row in taught if row.cause is not None], _LEAST_ROWS, f"the train split of {corpus} has")
        require_rows(calibration, 2, f"the calibration split of {corpus} has")
        return cls(taught, calibration, test)

    @property
    def kept(self) -> list[Labelled]:
        """The rows that nothing is trained on: those for calibration, then those for the test."""
        return [*self.calibration, *self.test]

    def part(self, scores: Floats, name: Literal["calibration", "test"]) -> Scored:
        """Return one split with its part of the scores of `kept`."""
        border = len(self.calibration)
        if name == "calibration":
            return Scored(self.calibration, scores[:border])
        return Scored(self.test, scores[border:])

    def story(self) -> str:
        """Say on which rows figures, temperatures and thresholds rest."""
        if not self.test:
            return (
                f"The rows of the corpus's calibration split ({len(self.calibration)}), on which temperatures and\n"
                "thresholds were chosen too, so these figures are slightly kind."
            )
        return (
            f"The rows of the corpus's test split, which nothing was trained or chosen on ({len(self.test)}); "
            f"temperatures and\nthresholds rest on its calibration split ({len(self.calibration)})."
        )


@dataclass(frozen=True, slots=True)
class _Beside:
    """The linear model that a BERT is mixed with: its files, and its scores of the rows that were held out."""

    files: Mapping[str, bytes]
    scores: Floats

    @classmethod
    def fit(cls, settings: LinearSettings, lexicon: Lexicon, taxonomy: Taxonomy, held: _Held) -> "_Beside":
        taught = [row for row in held.taught if row.cause is not None]
        classifier = Learner(settings, Segmenter(lexicon), taxonomy).fit(
            [row.text for row in taught], columns(taught, taxonomy)
        )
        return cls(classifier.to_files(settings.features), classifier.scores([row.text for row in held.kept]))

    def weights(self, served: Floats, taxonomy: Taxonomy, held: _Held) -> mixture.MixtureWeights:
        border = len(held.calibration)
        labels = columns(held.calibration, taxonomy)
        return mixture.MixtureWeights.fit(served[:border], self.scores[:border], labels)


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


def _key(settings: BertSettings, taught: Sequence[Labelled], taxonomy: Taxonomy) -> str:
    """Return what checkpoints of one training are called: other rows, another order or setting is anew."""
    told = settings.model_dump(mode="json", exclude={"output", "checkpoints", "thresholds", "mixed_with"})
    rows = [(row.id, row.type, row.cause, row.text) for row in taught]
    return hashlib.sha256(json.dumps([told, taxonomy.sha256, rows], sort_keys=True).encode()).hexdigest()[:12]


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
