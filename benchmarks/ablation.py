"""What the BERT gains from hard letters, blending, the lexicon, jieba's borders, balanced causes: one change at a time.

    python benchmarks/ablation.py            about an hour on two cores

Fine-tunes on the corpus's short narratives of the train split and measures on those of its calibration split, and on
the hard letters of theirs (never on a test split), with every change alone, once per seed; puts a table into
docs/benchmarks.md. Needs `make train` once.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
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
from pipeline.train.bert import BertSettings, Held, load_reader
from pipeline.train.fit import Lessons, accuracy, fit

SHORT = 90  # characters: long letters would take most of the time and say the same
EPOCHS = 3
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
    hard: bool = True


@dataclass(frozen=True)
class Found:
    """What one training reached on the calibration splits, and the tokens a narrative has on average."""

    types: float
    causes: float
    hard_types: float
    tokens: float
    minutes: float


def run(arm: Arm, seed: int, lessons: Lessons, hard: Sequence[Labelled], taxonomy: Taxonomy) -> Found:
    """Train one arm with one seed; `hard` are those it is measured on."""
    started = time.monotonic()
    set_seed(seed)
    reader, windows = load_reader(arm.settings, taxonomy)
    windows = arm.windows(windows)
    if not arm.hard:
        lessons = replace(lessons, hard=())
    with tempfile.TemporaryDirectory() as folder, console.steps() as step:
        fit(reader, windows, arm.settings, seed, taxonomy, lessons, Path(folder), step)
    reached = accuracy(reader, windows, lessons.calibration, taxonomy)
    cut = windows.cut([row.text for row in lessons.calibration])
    return Found(
        reached["type_accuracy"],
        reached["cause_accuracy"],
        accuracy(reader, windows, hard, taxonomy)["type_accuracy"],
        float(np.mean([len(window) for found in cut for window in found])),
        (time.monotonic() - started) / 60,
    )


def main() -> None:
    """Run every arm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2], help="one training of each arm per seed")
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
            Arm("as shipped", settings),
            Arm("without hard letters", settings, hard=False),
            Arm("not blended", settings.model_copy(update={"blend": 0.0})),
            Arm("lexicon words as pieces", settings.model_copy(update={"encoder": str(words)})),
            Arm("cut at jieba's borders", settings, lambda windows: at_borders(windows, lexicon)),
            Arm("causes balanced by half", settings.model_copy(update={"balance": 0.5})),
        ]
        lines = []
        for arm in arms:
            found = [run(arm, seed, lessons, hard, taxonomy) for seed in options.seeds]
            means = (
                f"{np.mean([getattr(it, name) for it in found]):.3f}" for name in ("types", "causes", "hard_types")
            )
            each = ", ".join(f"{it.types:.3f} / {it.causes:.3f} / {it.hard_types:.3f}" for it in found)
            minutes = np.mean([it.minutes for it in found])
            lines.append(f"| {arm.title} | {' | '.join(means)} | {each} | {found[0].tokens:.0f} | {minutes:.0f} |")
            print(lines[-1], flush=True)
    content = "\n".join(
        [
            "| BERT alone | types | causes | types of hard letters | each seed | tokens | minutes |",
            "|---|---:|---:|---:|---|---:|---:|",
            *lines,
            "",
            f"Accuracies. {len(taught):,} narratives of up to {SHORT} characters and {len(lessons.hard)} hard letters",
            f"to learn from in {EPOCHS} epochs, {len(held)} and {len(hard)} to measure on;",
            f"seeds {', '.join(map(str, options.seeds))}; {options.threads} threads of {machine()}.",
        ]
    )
    if options.dry_run:
        print(content)
    else:
        write_table("ablation", content)


if __name__ == "__main__":
    main()
