"""The same code on other people's texts: letters to a city in 7 classes, news titles in 10.

    python benchmarks/accuracy.py            both, an hour and a half on two cores
    python benchmarks/accuracy.py thucnews   one

For each set it trains the linear model and the BERT with the shipped settings, each on the set's own train part alone,
measures both on its test part, and puts a table into docs/benchmarks.md. Epochs and batch size differ, and what
prepares for texts of another kind than the corpus is left out: the noise of tickets, hard letters, blending. A training
that was stopped goes on. Needs `make train` once, and the sets, which are not ours to ship: --data names their folder
(teddy_c.csv.gz; thucnews/ with train.txt.gz, dev.txt.gz, test.txt.gz, class.txt.gz).
"""

import argparse
import csv
import gzip
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tables import ROOT, machine, write_table

from pipeline import console
from pipeline.classify.model import Model
from pipeline.corpus import Labelled, load_labelled
from pipeline.settings import load_settings
from pipeline.taxonomy import Taxonomy
from pipeline.train.bert import BertSettings, train_bert
from pipeline.train.evaluate import evaluate
from pipeline.train.export import Weights
from pipeline.train.linear import LinearSettings, train_linear

CONFIGS = ROOT / "configs" / "train"
CALIBRATION = 0.1  # share of train rows that calibrate, where a set has no part for it


@dataclass(frozen=True)
class Row:
    """A text of a set: its class by number, and the split it comes in."""

    text: str
    label: int
    split: str


@dataclass(frozen=True)
class Dataset:
    """A public set, and what the BERT's settings are changed to for it."""

    title: str
    read: Callable[[Path], tuple[list[str], Iterator[Row]]]
    epochs: int
    batch_size: int
    published: str
    weights: Weights = "int8"
    learned: int | None = None  # characters of a text that the BERT learns from; it is tested on whole texts


@dataclass(frozen=True)
class Result:
    """One model on one test part."""

    name: str
    rows: int
    accuracy: float
    macro_f1: float
    ece: float
    minutes: float


def read_teddy(folder: Path) -> tuple[list[str], Iterator[Row]]:
    """Return the names of the classes, and the letters: title and body."""
    with gzip.open(folder / "teddy_c.csv.gz", "rt", encoding="utf-8", newline="") as file:
        letters = list(csv.DictReader(file))
    names = sorted({letter["label"] for letter in letters})
    rows = (
        Row(f"{letter['title']}\n{letter['text']}", names.index(letter["label"]), _teddy_split(letter))
        for letter in letters
    )
    return names, rows


def _teddy_split(letter: dict[str, str]) -> str:
    if letter["split"] == "test":
        return "test"
    draw = int.from_bytes(hashlib.sha256(letter["id"].encode()).digest()[:8], "big") / 2**64
    return "calibration" if draw < CALIBRATION else "train"


def read_thucnews(folder: Path) -> tuple[list[str], Iterator[Row]]:
    """Return the names of the classes, and the titles; those of dev calibrate."""
    folder /= "thucnews"
    with gzip.open(folder / "class.txt.gz", "rt", encoding="utf-8") as file:
        names = file.read().split()

    def rows() -> Iterator[Row]:
        for name, split in (("train", "train"), ("dev", "calibration"), ("test", "test")):
            with gzip.open(folder / f"{name}.txt.gz", "rt", encoding="utf-8") as file:
                for line in file:
                    text, label = line.rstrip("\n").rsplit("\t", 1)
                    yield Row(text, int(label), split)

    return names, rows()


DATASETS = {
    "thucnews": Dataset(
        "THUCNews titles, 10 classes", read_thucnews, 4, 32, "BERT-base after 180,000 titles 94.8, linear 88.0 to 90.6"
    ),
    "teddy": Dataset(
        "Letters to a city (泰迪杯 2020 C), 7 classes",
        read_teddy,
        3,
        16,
        "linear SVM 0.91 accuracy, 0.90 macro-F1",
        weights="fp16",  # int8 moved the labels of 3 of the 545 letters that calibrate, and 2 are allowed
        learned=240,  # half of the letters are longer, some by thousands, and each epoch would take twice as long
    ),
}


def prepare(dataset: Dataset, source: Path, folder: Path) -> dict[str, int]:
    """Write the set as a tree and labelled files; return how many rows each split has."""
    folder.mkdir(parents=True, exist_ok=True)
    names, rows = dataset.read(source)
    tree = "version: '1'\ntypes:\n" + "".join(
        f"- {{id: t{at}, zh: {json.dumps(name, ensure_ascii=False)}, "
        f"causes: [{{id: c{at}, zh: {json.dumps(name + '。', ensure_ascii=False)}}}]}}\n"
        for at, name in enumerate(names)
    )
    (folder / "tree.yaml").write_text(tree, encoding="utf-8")
    counts = dict.fromkeys(("train", "calibration", "test"), 0)
    with (
        (folder / "learn.jsonl").open("w", encoding="utf-8") as learn,
        (folder / "taught.jsonl").open("w", encoding="utf-8") as taught,
        (folder / "test.jsonl").open("w", encoding="utf-8") as test,
    ):
        for number, row in enumerate(rows):
            line = {"id": f"r{number}", "text": row.text, "cause": f"c{row.label}"}
            if row.split != "test":
                cut = row.text[: dataset.learned] if row.split == "train" else row.text
                learn.write(json.dumps({**line, "text": cut, "split": row.split}, ensure_ascii=False) + "\n")
            if row.split != "calibration":
                file = test if row.split == "test" else taught
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            counts[row.split] += 1
    return counts


def run_linear(folder: Path) -> Result:
    """Train and test the linear model."""
    settings = load_settings(CONFIGS / "linear.yaml", LinearSettings).model_copy(
        update={
            "corpus": folder / "taught.jsonl", "taxonomy": folder / "tree.yaml", "output": folder / "linear",
            "folds": 2, "description_weight": 1e-6,  # names of classes are no descriptions
        }
    )  # fmt: skip
    started = time.monotonic()
    with console.steps() as step:
        train_linear(settings, step)
    return _tested("linear", folder, "linear", (time.monotonic() - started) / 60)


def run_bert(dataset: Dataset, folder: Path) -> Result:
    """Train and test the BERT alone."""
    settings = load_settings(CONFIGS / "bert.yaml", BertSettings).model_copy(
        update={
            "corpus": folder / "learn.jsonl", "taxonomy": folder / "tree.yaml", "output": folder / "bert",
            "checkpoints": folder / "checkpoints", "mixed_with": None, "hard": None, "noise": 0.0,
            "blend": 0.0, "epochs": dataset.epochs, "batch_size": dataset.batch_size, "weights": dataset.weights,
        }
    )  # fmt: skip
    clock = folder / "minutes"
    with _added_to(clock), console.steps() as step:
        train_bert(settings, step)
    result = _tested(
        f"BERT, {dataset.epochs} epochs, {dataset.weights} weights",
        folder,
        "bert",
        float(clock.read_text(encoding="utf-8")),
    )
    clock.unlink()
    return result


@contextmanager
def _added_to(clock: Path) -> Iterator[None]:
    """Add the minutes that the block takes to those in a file, also when it is stopped."""
    before = float(clock.read_text(encoding="utf-8")) if clock.exists() else 0.0
    started = time.monotonic()
    try:
        yield
    finally:
        clock.write_text(str(before + (time.monotonic() - started) / 60), encoding="utf-8")


def _tested(name: str, folder: Path, model: str, minutes: float) -> Result:
    taxonomy = Taxonomy.load(folder / "tree.yaml")
    rows: Sequence[Labelled] = load_labelled(folder / "test.jsonl", taxonomy)
    found = evaluate(Model.load(folder / model, taxonomy), rows)
    return Result(name, found.n, found.type_accuracy, found.type_macro_f1, found.ece, minutes)


def table(dataset: Dataset, counts: dict[str, int], results: Sequence[Result], seed: int) -> str:
    """Return the Markdown that goes into docs/benchmarks.md."""
    cut = f" The BERT learned from the first {dataset.learned} characters of each." if dataset.learned else ""
    lines = [
        f"{dataset.title}: {counts['train']:,} rows to learn from, {counts['calibration']:,} to calibrate on, "
        f"{counts['test']:,} to test on.{cut}",
        "",
        "| model | accuracy | macro-F1 | ECE | minutes to train |",
        "|---|---:|---:|---:|---:|",
        *(f"| {it.name} | {it.accuracy:.4f} | {it.macro_f1:.4f} | {it.ece:.3f} | {it.minutes:.0f} |" for it in results),
        "",
        f"Published: {dataset.published}. Seed {seed}; {torch.get_num_threads()} threads of {machine()}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"{', '.join(DATASETS)}; all unless named")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of the sets")
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "accuracy", help="where models are kept")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of PyTorch")
    parser.add_argument("--dry-run", action="store_true", help="print tables instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    if unknown := set(options.sets).difference(DATASETS):
        parser.error(f"{', '.join(sorted(unknown))}: no such set; known are {', '.join(DATASETS)}")
    torch.set_num_threads(options.threads)
    seed = load_settings(CONFIGS / "bert.yaml", BertSettings).seed
    for name in options.sets or DATASETS:
        dataset, folder = DATASETS[name], options.work / name
        counts = prepare(dataset, options.data, folder)
        results = [run_linear(folder), run_bert(dataset, folder)]
        (folder / "results.json").write_text(json.dumps([asdict(it) for it in results], indent=1), encoding="utf-8")
        content = table(dataset, counts, results, seed)
        write_table(f"accuracy_{name}", content, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
