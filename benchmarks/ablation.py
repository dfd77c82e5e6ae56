"""What the BERT gains from the lexicon, jieba's borders, balanced causes, blending, hard letters: one change at a time.

    python benchmarks/ablation.py            about 35 minutes on two cores
    python benchmarks/ablation.py --hard     and what hard letters teach, a quarter of an hour more

Fine-tunes on the corpus's short narratives of the train split and measures on those of its calibration split, and on
the hard letters of theirs (never on a test split), with every change alone, once per seed, before and after half of
the pretrained weights are blended in; puts a table into docs/benchmarks.md after each. Needs `make train` once.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tables import ROOT, machine, write_table
from tokenizers import Tokenizer, pre_tokenizers
from transformers import set_seed

from pipeline import console
from pipeline.classify.windows import Windows
from pipeline.corpus import Labelled
from pipeline.settings import load_settings, resolve
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, Segmenter
from pipeline.train.bert import BertSettings, load_reader
from pipeline.train.fit import Lessons, accuracy, fit
from pipeline.train.serve import Held

SHORT = 90  # characters: long letters would take most of the time and say the same
EPOCHS = 2
BONUS = 5.0  # how much likelier a word is made than its pieces together, in log-probability: it always wins


class JiebaWindows(Windows):
    """Cuts narratives at jieba's borders first, so that no piece crosses one."""

    segmenter: Segmenter

    def cut(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """Return the windows of every narrative."""
        parts = [self._parts(text) or [" "] for text in texts]
        found = self.tokenizer.encode_batch(parts, is_pretokenized=True, add_special_tokens=False)
        return [self._windows(each.ids) for each in found]

    def _parts(self, text: str) -> list[str]:
        borders = sorted({0, len(text), *(border for span in self.segmenter.spans(text) for border in span)})
        return [text[start:end] for start, end in pairwise(borders)]


def with_words(encoder: Path, words: Sequence[str], target: Path) -> None:
    """Write the encoder with each word as a piece of its own, its embedding the mean of the pieces it had."""
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    content = json.loads(tokenizer.to_str())
    vocabulary: list[list[object]] = content["model"]["vocab"]
    scores = {str(piece): float(str(score)) for piece, score in vocabulary}
    tensors = load_file(encoder / "model.safetensors")
    table = tensors["embeddings.word_embeddings.weight"]
    rows = []
    for word in words:
        found = tokenizer.encode(word, add_special_tokens=False)
        pieces = [at for at, piece in zip(found.ids, found.tokens, strict=True) if piece != "▁"]
        if word in scores or len(pieces) < 2:
            continue
        vocabulary.append([word, sum(scores[piece] for piece in found.tokens if piece != "▁") + BONUS])
        rows.append(table[pieces].float().mean(dim=0).to(table.dtype))
    tensors["embeddings.word_embeddings.weight"] = torch.cat([table, torch.stack(rows)])
    target.mkdir(parents=True)
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    (target / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    config = json.loads((encoder / "config.json").read_text(encoding="utf-8"))
    config["vocab_size"] += len(rows)
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (target / "tokenizer_config.json").write_bytes((encoder / "tokenizer_config.json").read_bytes())


def at_borders(windows: Windows, lexicon: Lexicon) -> Windows:
    """Return windows that are cut at jieba's borders."""
    tokenizer = Tokenizer.from_str(windows.tokenizer.to_str())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never")
    made = JiebaWindows(tokenizer, windows.settings)
    made.segmenter = Segmenter(lexicon)
    return made


@dataclass(frozen=True)
class Arm:
    """One change: to the settings, to how narratives are cut, or to what teaches."""

    title: str
    settings: BertSettings
    windows: Callable[[Windows], Windows] = lambda windows: windows
    hard: bool = False


@dataclass(frozen=True)
class Found:
    """What one training reached before and after blending, and the tokens a narrative has on average.

    Each is the accuracy of types and of causes on the calibration split, and of types on its hard letters.
    """

    before: tuple[float, float, float]
    after: tuple[float, float, float]
    tokens: float
    minutes: float


def run(arm: Arm, seed: int, lessons: Lessons, hard: Sequence[Labelled], taxonomy: Taxonomy) -> Found:
    """Train one arm with one seed; `hard` are those it is measured on."""
    started = time.monotonic()
    set_seed(seed)
    reader, windows = load_reader(arm.settings, taxonomy)
    windows = arm.windows(windows)
    reached: dict[int, tuple[float, float, float]] = {}

    def on_epoch(figures: Mapping[str, float], number: int) -> None:
        if number >= EPOCHS:
            of_hard = accuracy(reader, windows, hard, taxonomy)["type_accuracy"]
            reached[number] = figures["type_accuracy"], figures["cause_accuracy"], of_hard

    if not arm.hard:
        lessons = replace(lessons, hard=())
    with tempfile.TemporaryDirectory() as folder, console.steps() as step:
        fit(reader, windows, arm.settings, seed, taxonomy, lessons, Path(folder), step, on_epoch)
    cut = windows.cut([row.text for row in lessons.calibration])
    return Found(
        reached[EPOCHS],
        reached[EPOCHS + 1],
        float(np.mean([len(window) for found in cut for window in found])),
        (time.monotonic() - started) / 60,
    )


def line(title: str, found: Sequence[Found]) -> str:
    """Return an arm's line of the table: means over its seeds."""
    figures = np.mean([[*it.before, *it.after] for it in found], axis=0)
    minutes = np.mean([it.minutes for it in found])
    cells = " | ".join(f"{figure:.3f}" for figure in figures)
    return f"| {title} | {cells} | {found[0].tokens:.0f} | {minutes:.0f} |"


def main() -> None:
    """Run every arm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="one training of each arm per seed")
    parser.add_argument("--hard", action="store_true", help="also train with hard letters")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of PyTorch")
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = load_settings(ROOT / "configs" / "train" / "bert.yaml", BertSettings).model_copy(
        update={"epochs": EPOCHS, "noise": 0.0}
    )
    taxonomy, lexicon = Taxonomy.load(resolve(settings.taxonomy)), Lexicon.load(resolve(settings.lexicon))
    read = Held.read(settings, taxonomy)
    taught, held = (
        [row for row in rows if row.cause and len(row.text) <= SHORT]
        for rows in (read.lessons.taught, read.lessons.calibration)
    )
    lessons, hard = Lessons(taught, held, read.lessons.hard), read.hard_calibration
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "words"
        with_words(resolve(Path(settings.encoder)), sorted(lexicon.frequencies()), words)
        arms = [
            Arm("pieces as they are", settings),
            Arm("lexicon words as pieces", settings.model_copy(update={"encoder": str(words)})),
            Arm("cut at jieba's borders", settings, lambda windows: at_borders(windows, lexicon)),
            Arm("causes balanced by half", settings.model_copy(update={"balance": 0.5})),
            *([Arm("taught by hard letters too", settings, hard=True)] if options.hard else []),
        ]
        lines: list[str] = []
        for arm in arms:
            lines.append(line(arm.title, [run(arm, seed, lessons, hard, taxonomy) for seed in options.seeds]))
            content = "\n".join(
                [
                    "| BERT alone | types | causes | types of hard letters | blended: types | causes "
                    "| types of hard letters | tokens | minutes |",
                    "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
                    *lines,
                    "",
                    f"Accuracies. {len(taught):,} narratives of up to {SHORT} characters to learn from in {EPOCHS} "
                    f"epochs, {len(held)} and {len(hard)} hard letters",
                    f"to measure on; mean of seeds {', '.join(map(str, options.seeds))}; "
                    f"{options.threads} threads of {machine()}.",
                ]
            )
            write_table("ablation", content, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
