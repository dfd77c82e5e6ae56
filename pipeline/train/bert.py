"""Fine-tuning a Chinese BERT: one softmax over the causes, types by summing, on transformers' Trainer."""

import hashlib
import json
import math
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from pydantic import Field
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from pipeline.classify.bert import KIND, TOKENIZER, WINDOWS
from pipeline.classify.calibrate import probabilities
from pipeline.classify.windows import Windows, WindowSettings, batches, flatten, pad
from pipeline.corpus import Labelled, load_labelled
from pipeline.corpus.noise import add_noise
from pipeline.corpus.split import assign
from pipeline.errors import ModelError
from pipeline.settings import ROOT, resolve
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, read_narrative
from pipeline.train.card import Story
from pipeline.train.export import export, parity
from pipeline.train.finish import (
    Made,
    Scored,
    Trained,
    TrainSettings,
    columns,
    corpus_sha256,
    finish,
    require_rows,
)
from pipeline.train.reader import Reader, load_encoder, scores_of, start_head

_LEAST_ROWS = 20
_CHUNK_TOKENS = 1024  # of windows of similar length that go through the encoder together


class BertSettings(TrainSettings):
    """configs/train/bert.yaml."""

    kind: Literal["bert"]
    encoder: str  # a folder, or a hub id where a hub can be reached
    licence: str
    window: int = Field(ge=16)
    overlap: int = Field(ge=0)
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    head_learning_rate: float = Field(gt=0)
    layer_decay: float = Field(gt=0, le=1)
    warmup: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    label_smoothing: float = Field(ge=0, lt=1)
    word_dropout: float = Field(ge=0, lt=0.5)
    noise: float = Field(ge=0, le=1)
    precision: Literal["auto", "fp32"]
    checkpoints: Path


class Watch(Protocol):
    """Is told what runs, and how far it is."""

    def __call__(self, name: str, done: int = 0, total: int | None = None) -> None:
        """Take the name of the step; `total` is None where nobody knows how long it takes."""


def _unwatched(name: str, done: int = 0, total: int | None = None) -> None:
    del name, done, total


def train_bert(
    settings: BertSettings,
    watch: Watch = _unwatched,
    *,
    resume: bool = True,
    on_epoch: Callable[[Mapping[str, float], int], None] = lambda *_: None,
) -> Trained:
    """Fine-tune, export, calibrate and write a model folder; `on_epoch` is told the figures of every epoch.

    Stopped and started again with the same settings and corpus, it goes on from the last finished epoch and gives the
    same model (unless not to `resume`). Raises CorpusError if there are too few narratives, ModelError if there is no
    encoder or the exported model says something else, and whatever loading the parts raises.
    """
    taxonomy = Taxonomy.load(resolve(settings.taxonomy))
    lexicon_path = resolve(settings.lexicon)
    lexicon = Lexicon.load(lexicon_path)
    watch("reading the corpus")
    rows = load_labelled(resolve(settings.corpus), taxonomy)
    require_rows([row for row in rows if row.cause is not None], _LEAST_ROWS, settings.corpus)
    splits = assign([row.text for row in rows])
    taught = [row for row, split in zip(rows, splits, strict=True) if split == "train"]
    held = {
        name: [row for row, split in zip(rows, splits, strict=True) if split == name and row.cause is not None]
        for name in ("calibration", "test")
    }
    require_rows(held["calibration"], 2, settings.corpus)

    set_seed(settings.seed)
    encoder = _encoder_name(settings.encoder)
    tokenizer = _tokenizer(encoder)
    windows = Windows(tokenizer.backend_tokenizer, _window_settings(settings, tokenizer))
    reader = Reader(
        load_encoder(encoder),
        taxonomy.membership,
        smoothing=settings.label_smoothing,
        word_dropout=settings.word_dropout,
    )
    reader.marks = tuple(tokenizer.all_special_ids)
    reader.blank = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
    checkpoints = resolve(settings.checkpoints) / _key(settings, taught)
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    _fit(reader, windows, settings, taxonomy, taught, held["calibration"], checkpoints, watch, on_epoch)

    watch("exporting with int8 weights")
    files, classifier = export(reader, windows)
    kept = [*held["calibration"], *held["test"]]
    texts = [row.text for row in kept]
    exact, served = scores_of(reader, windows, texts), classifier.scores(texts)
    agreed = parity(exact, served, taxonomy.membership)
    scored = {
        name: Scored(part, served[at : at + len(part)])
        for name, at, part in (
            ("calibration", 0, held["calibration"]),
            ("test", len(held["calibration"]), held["test"]),
        )
    }
    story = Story(
        seen=f"The rows of the corpus's test split, which nothing was trained or chosen on ({len(held['test'])}); "
        f"temperatures and\nthresholds rest on its calibration split ({len(held['calibration'])}).",
        licence=settings.licence,
    )
    files = {**files, TOKENIZER: windows.tokenizer.to_str().encode(), WINDOWS: _json(windows.settings.model_dump())}
    trained = finish(
        Made(KIND, files, taught, story, agreed),
        settings,
        resolve(settings.output),
        taxonomy,
        (lexicon, lexicon_path.read_bytes()),
        fitted_on=scored["calibration"],
        measured_on=scored["test"] if held["test"] else scored["calibration"],
    )
    shutil.rmtree(checkpoints, ignore_errors=True)
    return trained


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


def _key(settings: BertSettings, taught: Sequence[Labelled]) -> str:
    """Return what checkpoints of one training are called: another corpus or setting starts anew."""
    told = settings.model_dump(mode="json", exclude={"output", "checkpoints", "thresholds"})
    return hashlib.sha256((json.dumps(told, sort_keys=True) + corpus_sha256(taught)).encode()).hexdigest()[:12]


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _fit(
    reader: Reader,
    windows: Windows,
    settings: BertSettings,
    taxonomy: Taxonomy,
    taught: Sequence[Labelled],
    calibration: Sequence[Labelled],
    checkpoints: Path,
    watch: Watch,
    on_epoch: Callable[[Mapping[str, float], int], None],
) -> None:
    labels = columns(taught, taxonomy)
    types = np.array([taxonomy.type_ids.index(row.type) for row in taught], dtype=np.int64)
    examples = _Examples([row.text for row in taught], labels, types, windows, settings)
    order = _Batches(len(taught), settings.batch_size, settings.seed)
    cuda = torch.cuda.is_available()
    bf16 = settings.precision == "auto" and _has_bf16(cuda=cuda)
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    if last is None:
        watch("starting the head from the encoder as it is")
        known = labels >= 0
        start_head(
            reader,
            windows,
            [row.text for row, has_cause in zip(taught, known, strict=True) if has_cause],
            labels[known],
            bf16=bf16,
        )
    trainer = _Trainer(
        model=reader,
        args=TrainingArguments(
            output_dir=str(checkpoints),
            num_train_epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=settings.warmup,
            weight_decay=settings.weight_decay,
            max_grad_norm=1.0,
            seed=settings.seed,
            use_cpu=not cuda,
            bf16=bf16,
            save_strategy="epoch",
            save_total_limit=1,
            logging_strategy="epoch",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        ),
        callbacks=[
            _Teller(
                watch, on_epoch, settings.epochs, lambda: _accuracy(reader, windows, calibration, taxonomy, bf16=bf16)
            )
        ],
    )
    trainer.remove_callback(PrinterCallback)  # `watch` is told instead
    trainer.settings, trainer.examples, trainer.order = settings, examples, order
    trainer.train(resume_from_checkpoint=last)
    reader.to("cpu").eval()


def _has_bf16(*, cuda: bool) -> bool:
    """Tell whether bf16 is computed by the processor itself; emulated, it is slower than fp32."""
    return torch.cuda.is_bf16_supported() if cuda else bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def _accuracy(
    reader: Reader, windows: Windows, rows: Sequence[Labelled], taxonomy: Taxonomy, *, bf16: bool
) -> Mapping[str, float]:
    scores = scores_of(reader, windows, [row.text for row in rows], bf16=bf16)
    causes = scores.argmax(axis=1)
    shares = taxonomy.type_probabilities(probabilities(scores))
    types = np.array([taxonomy.type_ids.index(row.type) for row in rows])
    return {
        "type_accuracy": float((shares.argmax(axis=1) == types).mean()),
        "cause_accuracy": float((causes == columns(rows, taxonomy)).mean()),
    }


@dataclass(frozen=True, slots=True)
class _Example:
    windows: list[list[int]]
    label: int
    type: int


class _Examples(Dataset[_Example]):
    """Narratives as windows, by (epoch, number): every epoch has its own noise, the same in every run."""

    def __init__(
        self,
        texts: Sequence[str],
        labels: np.ndarray[Any, np.dtype[np.int64]],
        types: np.ndarray[Any, np.dtype[np.int64]],
        windows: Windows,
        settings: BertSettings,
    ) -> None:
        self.texts, self.labels, self.types = texts, labels, types
        self.windows = windows
        self.noise, self.seed = settings.noise, settings.seed

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, key: tuple[int, int]) -> _Example:
        epoch, number = key
        source = random.Random(f"{self.seed}-{epoch}-{number}")  # noqa: S311 - noise, not secrets
        text = self.texts[number]
        if source.random() < self.noise:
            # As in service: what normalising undoes is undone, what it cannot undo is learned.
            text = read_narrative(add_noise(text, source)).text or text
        return _Example(self.windows.cut([text])[0], int(self.labels[number]), int(self.types[number]))


class _Batches(Sampler[list[tuple[int, int]]]):
    """Batches of so many narratives, shuffled anew in every epoch, as (epoch, number).

    Short and long ones are mixed: a step on two letters alone would be one on their quirks.
    """

    def __init__(self, rows: int, size: int, seed: int) -> None:
        self.rows, self.size, self.seed, self.epoch = rows, size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Make the order depend on the epoch alone; the Trainer calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.rows / self.size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        for start in range(0, self.rows, self.size):
            yield [(self.epoch, int(number)) for number in order[start : start + self.size]]


def _collate(filler: int) -> Callable[[Sequence[_Example]], dict[str, Any]]:
    """Return what turns examples into tensors: windows of similar length together, so that little is filled up."""

    def collate(examples: Sequence[_Example]) -> dict[str, Any]:
        windows, owners = flatten([example.windows for example in examples])
        parts = list(batches([len(window) for window in windows], _CHUNK_TOKENS))
        padded = [pad([windows[position] for position in part], filler) for part in parts]
        return {
            "labels": torch.tensor([example.label for example in examples]),
            "types": torch.tensor([example.type for example in examples]),
            "input_ids": [torch.from_numpy(ids) for ids, _ in padded],
            "attention_mask": [torch.from_numpy(mask) for _, mask in padded],
            "owners": torch.from_numpy(owners[np.concatenate(parts)]),
        }

    return collate


class _Trainer(Trainer):
    """The Trainer with its own batches, and learning rates by layer."""

    settings: BertSettings
    examples: _Examples
    order: _Batches
    optimizer: torch.optim.Optimizer | None

    def get_train_dataloader(self) -> DataLoader[_Example]:
        """Return the batches of `_Batches`."""
        collate = _collate(self.examples.windows.settings.pad)
        loader: DataLoader[_Example] = self.accelerator.prepare(
            DataLoader(self.examples, batch_sampler=self.order, collate_fn=collate)
        )
        return loader

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Return AdamW: the further a layer is from the head, the less it moves; no decay for biases and norms."""
        if self.optimizer is None:
            settings = self.settings
            groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
            depth = 1 + max(_layer(name) for name, _ in self.model.named_parameters())
            for name, parameter in self.model.named_parameters():
                rate = settings.head_learning_rate
                if name.startswith("encoder."):
                    rate = settings.learning_rate * settings.layer_decay ** (depth - 1 - _layer(name))
                decay = settings.weight_decay if parameter.ndim > 1 else 0.0
                groups.setdefault((rate, decay), []).append(parameter)
            self.optimizer = torch.optim.AdamW(
                [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]
            )
        return self.optimizer


def _layer(name: str) -> int:
    """Return the layer of the encoder that a parameter belongs to; embeddings are -1.

    >>> _layer("encoder.encoder.layer.7.output.dense.weight"), _layer("encoder.embeddings.LayerNorm.bias")
    (7, -1)
    """
    parts = name.split(".")
    return int(parts[parts.index("layer") + 1]) if "layer" in parts else -1


class _Teller(TrainerCallback):
    """Tells how far the training is, and after every epoch how good."""

    def __init__(
        self,
        watch: Watch,
        on_epoch: Callable[[Mapping[str, float], int], None],
        epochs: int,
        accuracy: Callable[[], Mapping[str, float]],
    ) -> None:
        self.watch, self.on_epoch, self.epochs, self.accuracy = watch, on_epoch, epochs, accuracy
        self.last = ""

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        del args, control
        epoch = min(int(state.epoch or 0) + 1, self.epochs)
        self.watch(f"training, epoch {epoch} of {self.epochs}{self.last}", state.global_step, state.max_steps)

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        del args, control
        found = self.accuracy()
        self.on_epoch(found, round(state.epoch or 0))
        self.last = f" (calibration split: types {found['type_accuracy']:.3f}, causes {found['cause_accuracy']:.3f})"
        self.watch(f"epoch {round(state.epoch or 0)} done{self.last}", state.global_step, state.max_steps)
