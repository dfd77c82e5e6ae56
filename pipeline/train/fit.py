"""The fine-tuning itself, on transformers' Trainer: precision, learning rates by layer, checkpoints, progress."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from pydantic import Field
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from pipeline.classify.calibrate import probabilities
from pipeline.classify.windows import Windows
from pipeline.corpus import Labelled
from pipeline.settings import Settings
from pipeline.taxonomy import Taxonomy
from pipeline.train.examples import Batches, Example, Examples, collate_with
from pipeline.train.finish import columns
from pipeline.train.reader import Reader, blend, fit_head, scores_of

OnEpoch = Callable[[Mapping[str, float], int], None]
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _LARGEST_INT = -1, -3, 2**31 - 1  # of glibc's malloc.h


class Watch(Protocol):
    """Is told what runs, and how far it is."""

    def __call__(self, name: str, done: int = 0, total: int | None = None) -> None:
        """Take the name of the step; `total` is None where nobody knows how long it takes."""


def unwatched(name: str, done: int = 0, total: int | None = None) -> None:
    """Take what `Watch` takes, and tell nobody."""
    del name, done, total


def no_epoch(figures: Mapping[str, float], number: int) -> None:
    """Take what `OnEpoch` takes, and tell nobody."""
    del figures, number


class FitSettings(Settings):
    """How a reader is fine-tuned: the part of configs/train/bert.yaml that the Trainer needs."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    head_learning_rate: float = Field(gt=0)
    layer_decay: float = Field(gt=0, le=1)
    warmup: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    label_smoothing: float = Field(ge=0, lt=1)
    word_dropout: float = Field(ge=0, lt=0.5)
    balance: float = Field(ge=0, le=1)
    freeze_embeddings: bool
    noise: float = Field(ge=0, le=1)
    blend: float = Field(ge=0, lt=1)
    precision: Literal["auto", "fp32"]


@dataclass(frozen=True, slots=True)
class Lessons:
    """Labelled narratives to fine-tune on, and those that tell how far it is.

    `taught` trains everything. `hard` trains the encoder and its attention, but the final head is fitted on `taught`
    alone: the causes in `hard` are mixed as they mislead, not as tickets come.
    """

    taught: Sequence[Labelled]
    calibration: Sequence[Labelled]
    hard: Sequence[Labelled] = ()


def fit(
    reader: Reader,
    windows: Windows,
    settings: FitSettings,
    seed: int,
    taxonomy: Taxonomy,
    lessons: Lessons,
    checkpoints: Path,
    watch: Watch = unwatched,
    on_epoch: OnEpoch = no_epoch,
) -> None:
    """Fine-tune a reader in place; `on_epoch` is told its accuracy on the calibration rows after every epoch.

    Once more it is told after the encoder was blended and the head fitted to it. A checkpoint per epoch goes to
    `checkpoints`; what is found there is gone on with, to the same end.
    """
    rows = [*lessons.taught, *lessons.hard]
    texts, labels = [row.text for row in rows], columns(rows, taxonomy)
    types = np.array([taxonomy.type_ids.index(row.type) for row in rows], dtype=np.int64)
    reader.set_balance(labels[labels >= 0], settings.balance)
    cuda = torch.cuda.is_available()
    bf16 = settings.precision == "auto" and has_bf16(cuda=cuda)
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    keep_memory()
    reader.encoder.embeddings.requires_grad_(not settings.freeze_embeddings)
    taught = slice(len(lessons.taught))

    def set_head() -> None:
        fit_head(reader, windows, texts[taught], labels[taught], types[taught], bf16=bf16)

    def reached() -> Mapping[str, float]:
        return accuracy(reader, windows, lessons.calibration, taxonomy, bf16=bf16)

    reader.to("cuda" if cuda else "cpu")
    pretrained = {name: weights.detach().clone() for name, weights in reader.encoder.named_parameters()}
    if last is None:
        watch("starting the head from the encoder as it is")
        set_head()
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
            seed=seed,
            use_cpu=not cuda,
            bf16=bf16,
            fp16=cuda and not bf16 and settings.precision == "auto",
            save_strategy="epoch",
            save_total_limit=1,
            logging_strategy="epoch",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        ),
        callbacks=[_Teller(watch, on_epoch, settings.epochs, reached)],
    )
    trainer.remove_callback(PrinterCallback)  # `watch` is told instead
    trainer.settings = settings
    trainer.examples = Examples(texts, labels, types, windows, noise=settings.noise, seed=seed)
    trainer.order = Batches(len(rows), settings.batch_size, seed)
    trainer.train(resume_from_checkpoint=last)
    if settings.blend or lessons.hard:
        watch("blending the encoder with what it was, and fitting the head to it")
        blend(reader, pretrained, settings.blend)
        set_head()
        on_epoch(reached(), settings.epochs + 1)
    reader.to("cpu").eval()


def keep_memory() -> None:
    """Have the C library keep what large tensors leave, where it is glibc.

    It gives blocks of megabytes back to the system at once, and a step spends a fifth of its time in asking for them
    again (measured on two cores).
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for option in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
            library.mallopt(option, _LARGEST_INT)


def has_bf16(*, cuda: bool) -> bool:
    """Tell whether bf16 is computed by the processor itself; emulated, it is slower than fp32."""
    if cuda:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def accuracy(
    reader: Reader, windows: Windows, rows: Sequence[Labelled], taxonomy: Taxonomy, *, bf16: bool = False
) -> Mapping[str, float]:
    """Return `type_accuracy` and `cause_accuracy` on rows with a cause."""
    scores = scores_of(reader, windows, [row.text for row in rows], bf16=bf16)
    causes = scores.argmax(axis=1)
    shares = taxonomy.type_probabilities(probabilities(scores))
    types = np.array([taxonomy.type_ids.index(row.type) for row in rows])
    return {
        "type_accuracy": float((shares.argmax(axis=1) == types).mean()),
        "cause_accuracy": float((causes == columns(rows, taxonomy)).mean()),
    }


class _Trainer(Trainer):
    """The Trainer with its own batches, and learning rates by layer."""

    settings: FitSettings
    examples: Examples
    order: Batches
    optimizer: torch.optim.Optimizer | None

    def get_train_dataloader(self) -> DataLoader[Example]:
        """Return the batches of `Batches`."""
        collate = collate_with(self.examples.windows.settings.pad)
        loader: DataLoader[Example] = self.accelerator.prepare(
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
                if not parameter.requires_grad:
                    continue
                rate = settings.head_learning_rate
                if name.startswith("encoder."):
                    rate = settings.learning_rate * settings.layer_decay ** (depth - 1 - _layer(name))
                decay = settings.weight_decay if parameter.ndim > 1 else 0.0
                groups.setdefault((rate, decay), []).append(parameter)
            self.optimizer = torch.optim.AdamW(
                [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()],
                fused=True,  # one pass over the weights: otherwise AdamW takes a third of a step on a CPU
            )
        return self.optimizer


def _layer(name: str) -> int:
    """Return the layer of the encoder that a parameter belongs to; embeddings are -1.

    >>> _layer("encoder.encoder.layer.7.output.dense.weight"), _layer("encoder.embeddings.LayerNorm.bias")
    (7, -1)
    """
    parts = name.split(".")
    return int(parts[parts.index("layer") + 1]) if "layer" in parts else -1


class StepTeller(TrainerCallback):
    """Tells after every step how many are done, of how many."""

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        self.tell = tell

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Tell it."""
        del args, control
        self.tell(state.global_step, state.max_steps)


class _Teller(TrainerCallback):
    """Tells how far the training is, and after every epoch how good."""

    def __init__(
        self,
        watch: Watch,
        on_epoch: OnEpoch,
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
