"""A smaller BERT that says what a larger one says: some of its layers, taught to do the work of all.

The student starts from every so many-th layer of the teacher and learns, on narratives with noise and on narratives put
together from clauses of several (no label is needed), to give the same scores and, layer by layer, the same vectors of
tokens: Jiao et al. 2020, "TinyBERT: Distilling BERT for Natural Language Understanding" (arXiv 1909.10351), equations 8
and 10; Sanh et al. 2019, "DistilBERT" (arXiv 1910.01108) for where it starts.
"""

import copy
import random
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.utils.data import Dataset, SequentialSampler
from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from pipeline.classify.bert import load_windows
from pipeline.classify.folder import read_manifest
from pipeline.classify.windows import Windows, batches, pad
from pipeline.corpus.noise import add_noise
from pipeline.errors import ConfigError
from pipeline.settings import resolve
from pipeline.taxonomy import Taxonomy
from pipeline.text import read_narrative
from pipeline.train.finish import Trained
from pipeline.train.fit import StepTeller, Watch, has_bf16, keep_memory, unwatched
from pipeline.train.reader import Reader
from pipeline.train.restore import restore
from pipeline.train.serve import Held, ServedSettings, serve

_PART_TOKENS = 1536  # of windows of similar length that go through both networks together
_VECTORS = 0.5  # how much the vectors of whole windows count beside scores and tokens
_SAVED_EVERY = 100  # steps
_CLAUSE = re.compile(r"[^，。！？；]+[，。！？；]?")
_SHORTEST_CLAUSE = 4  # characters

Windowed = list[list[int]]


class DistilSettings(ServedSettings):
    """configs/train/student.yaml."""

    kind: Literal["distilled"]
    teacher: Path
    layers: tuple[int, ...] = Field(min_length=1)  # of the teacher, from 0: what the student starts from
    begin: Path | None = None  # the folder of a student with as many layers that starts instead
    steps: int = Field(ge=0)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    warmup: int = Field(ge=0)
    noise: float = Field(ge=0, le=1)
    spliced: float = Field(ge=0, le=1)
    swapped: float = Field(ge=0, le=1)
    longest: int = Field(ge=16)
    checkpoints: Path

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...]) -> tuple[int, ...]:
        if list(layers) != sorted(set(layers)) or layers[0] < 0:
            raise ValueError("layers must be numbers from 0 on, ascending")
        return layers

    def told(self) -> dict[str, Any]:
        """Return the settings with digest and settings of teacher and beginner in place of their paths."""
        before = {"teacher": self.teacher, "begin": self.begin}
        return {**super().told(), **{name: None if path is None else _told(path) for name, path in before.items()}}


def _told(folder: Path) -> dict[str, Any]:
    manifest, digest = read_manifest(resolve(folder))
    return {"digest": digest, **manifest.trained_on.get("settings", {})}


def train_student(settings: DistilSettings, watch: Watch = unwatched, *, resume: bool = True) -> Trained:
    """Distil the teacher, export, calibrate and write a model folder.

    Stopped and started again, it goes on from the last checkpoint (unless not to `resume`). Raises ConfigError if the
    teacher has no such layers, ModelError if it cannot be read, and whatever `serve` raises.
    """
    taxonomy = Taxonomy.load(resolve(settings.taxonomy))
    watch("reading the corpus")
    held = Held.read(settings, taxonomy)
    folder = resolve(settings.teacher)
    digest = read_manifest(folder)[1]
    set_seed(settings.seed)
    teacher = restore(folder, taxonomy.membership)
    windows = load_windows(folder)
    student = start(teacher, settings.layers)
    checkpoints = resolve(settings.checkpoints) / f"{digest[:12]}-{'-'.join(map(str, settings.layers))}"
    if settings.begin is not None:
        begin = resolve(settings.begin)
        _take(student, restore(begin, taxonomy.membership), begin)
        checkpoints = checkpoints.with_name(f"{checkpoints.name}-{read_manifest(begin)[1][:12]}")
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    if settings.steps:
        texts = [row.text for row in (*held.lessons.taught, *held.lessons.hard)]
        distil(student, teacher, Texts(texts, settings, windows), settings, checkpoints, watch)
    trained = serve(student, windows, settings, taxonomy, held, watch)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return trained


def start(teacher: Reader, layers: Sequence[int]) -> Reader:
    """Return a reader with some of the teacher's layers; raises ConfigError if it has no such layer."""
    every = teacher.encoder.encoder.layer
    if layers[-1] >= len(every):
        raise ConfigError("config_invalid", f"layers: the teacher has {len(every)}, the last is {len(every) - 1}")
    student = copy.deepcopy(teacher)
    student.encoder.encoder.layer = nn.ModuleList(student.encoder.encoder.layer[number] for number in layers)
    student.encoder.config.num_hidden_layers = len(layers)
    student.encoder.set_attn_implementation("eager")  # learns half again as fast on a CPU as with the fused kernel
    student.encoder.embeddings.requires_grad_(requires_grad=False)
    return student


def _take(student: Reader, weights: Reader, folder: Path) -> None:
    """Give a student the weights of another of its size; raises ConfigError if it is of another size."""
    try:
        student.load_state_dict(weights.state_dict())
    except RuntimeError as error:
        raise ConfigError(
            "config_invalid", f"begin: {folder} is of another size than `layers` of the teacher"
        ) from error


class Texts(Dataset[Windowed]):
    """As many narratives as the steps need, the same in every run: with noise, or put together from clauses."""

    def __init__(self, texts: Sequence[str], settings: DistilSettings, windows: Windows) -> None:
        self.texts, self.settings, self.windows = texts, settings, windows
        self.clauses = [clause for text in texts for clause in _clauses(text)]
        marks = {windows.settings.begin, windows.settings.end, windows.settings.pad}
        self.pieces = [number for number in range(windows.tokenizer.get_vocab_size()) if number not in marks]

    def __len__(self) -> int:
        return self.settings.steps * self.settings.batch_size

    def __getitem__(self, number: int) -> Windowed:
        source = random.Random(f"{self.settings.seed}-{number}")  # noqa: S311 - lessons, not secrets
        text = source.choice(self.texts)
        if source.random() < self.settings.spliced:
            text = self._spliced(text, source)
        over = len(text) - self.settings.longest
        if over > 0:  # long letters would take most of the time and teach the same
            begin = source.randint(0, over)
            text = text[begin : begin + self.settings.longest]
        if source.random() < self.settings.noise:
            text = read_narrative(add_noise(text, source)).text or text
        return [self._swapped(window, source) for window in self.windows.cut([text])[0]]

    def _swapped(self, window: Sequence[int], source: random.Random) -> list[int]:
        """Put any pieces of the vocabulary in the place of some: real tickets have words that no lesson has."""
        share = source.random() * self.settings.swapped
        begin, *held, end = window
        return [begin, *(source.choice(self.pieces) if source.random() < share else piece for piece in held), end]

    def _spliced(self, text: str, source: random.Random) -> str:
        """Keep half of a narrative's clauses and put one to eight of others between them."""
        own = _clauses(text) or [text]
        kept = [own[place] for place in sorted(source.sample(range(len(own)), max(1, len(own) // 2)))]
        for _ in range(source.randint(1, 8)):
            kept.insert(source.randint(0, len(kept)), source.choice(self.clauses))
        return "".join(kept)


def _clauses(text: str) -> list[str]:
    return [clause for clause in _CLAUSE.findall(text) if len(clause) >= _SHORTEST_CLAUSE]


def distil(
    student: Reader,
    teacher: Reader,
    texts: Texts,
    settings: DistilSettings,
    checkpoints: Path,
    watch: Watch = unwatched,
) -> None:
    """Teach a student in place; what is found in `checkpoints` is gone on with."""
    keep_memory()
    cuda = torch.cuda.is_available()
    device, bf16 = "cuda" if cuda else "cpu", has_bf16(cuda=cuda)
    teacher.to(device).eval().requires_grad_(requires_grad=False)
    if bf16:
        teacher.encoder.to(torch.bfloat16)  # once, instead of for every product
    trainer = _Distiller(
        model=student.to(device),
        args=TrainingArguments(
            output_dir=str(checkpoints),
            max_steps=settings.steps,
            per_device_train_batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=settings.warmup,
            weight_decay=0.01,
            max_grad_norm=1.0,
            seed=settings.seed,
            use_cpu=not cuda,
            bf16=bf16,
            optim="adamw_torch_fused",
            save_steps=_SAVED_EVERY,
            save_total_limit=1,
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        ),
        train_dataset=texts,
        data_collator=lambda rows: _collated(rows, texts.windows.settings.pad),
    )
    trainer.add_callback(StepTeller(lambda step, total: watch(f"distilling{trainer.told}", step, total)))
    trainer.remove_callback(PrinterCallback)  # `watch` is told instead
    trainer.teacher = teacher
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    student.to("cpu").eval()


def _collated(rows: Sequence[Windowed], filler: int) -> dict[str, Any]:
    windows = [window for row in rows for window in row]
    parts = [pad([windows[at] for at in part], filler) for part in batches(list(map(len, windows)), _PART_TOKENS)]
    return {name: [torch.from_numpy(part[at]) for part in parts] for at, name in enumerate(("ids", "masks"))}


class _Distiller(Trainer):
    """The Trainer with the teacher's words for labels."""

    teacher: Reader
    told = ""

    def _get_train_sampler(self, train_dataset: Dataset[Windowed] | None = None) -> SequentialSampler:
        return SequentialSampler(train_dataset or self.train_dataset)  # by number, so that going on is the same

    def compute_loss(
        self, model: nn.Module, inputs: Mapping[str, Any], return_outputs: bool = False, **_: object
    ) -> Tensor:
        """Return the mean loss of windows that come in parts of similar length."""
        del return_outputs
        total = sum(len(ids) for ids in inputs["ids"])
        losses = [
            _loss(model, self.teacher, ids, mask) * len(ids) / total
            for ids, mask in zip(inputs["ids"], inputs["masks"], strict=True)
        ]
        loss = torch.stack(losses).sum()
        self.told = f" (loss {loss.item():.3f})"
        return loss


def _loss(student: nn.Module, teacher: Reader, ids: Tensor, mask: Tensor) -> Tensor:
    with torch.no_grad():
        tokens, vectors, scores = _read(teacher, ids, mask)
    own_tokens, own_vectors, own_scores = _read(student, ids, mask)
    every = (len(tokens) - 1) // (len(own_tokens) - 1)
    of_tokens = torch.stack(
        [_apart(own_tokens[layer], tokens[layer * every], mask) for layer in range(1, len(own_tokens))]
    ).mean()
    of_scores = nn.functional.kl_div(
        torch.log_softmax(own_scores, 1), torch.log_softmax(scores, 1), log_target=True, reduction="batchmean"
    )
    return of_scores + of_tokens + _VECTORS * nn.functional.mse_loss(own_vectors, vectors)


def _read(reader: nn.Module, ids: Tensor, mask: Tensor) -> tuple[Sequence[Tensor], Tensor, Tensor]:
    """Return the vectors of tokens after every layer, those of windows, and their scores."""
    hidden = reader.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    vectors, _ = reader.pooled(hidden[-1], mask)
    return hidden, vectors, reader.head(vectors).float()


def _apart(one: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """Return the squared distance of vectors of tokens (n, longest, width), relative to the length of the second."""
    tokens = mask.unsqueeze(-1).float()
    one, other = one.float(), other.float()
    return ((one - other).square() * tokens).sum() / (other.square() * tokens).sum()
