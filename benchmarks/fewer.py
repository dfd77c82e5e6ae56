"""What makes reading cheaper, and what it costs: arithmetics, static int8, the shortcut, students; one row for each.

    python benchmarks/fewer.py models/default var/models/student      five minutes on two cores

Every model folder reads narratives of the test split in every arithmetic, all of them by the BERT, and then as in
service, where the linear part answers alone what it is sure of. `static int8` is NNCF's quantisation with ranges
measured beforehand (the head stays in fp32: in int8 it answers wrongly). Then each way answers the test split and
labelled real texts, which are not ours to ship: --data names the folder with real_dev.jsonl. How many answers (type,
cause, level or route) are other than the first folder's in fp32 is counted on both. Puts a table into
docs/benchmarks.md.
"""

import argparse
import logging
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nncf
import openvino
from measure import narratives
from tables import ROOT, machine, write_table

from pipeline import console
from pipeline.classify.answer import ScoreSettings
from pipeline.classify.base import Classifier, Floats
from pipeline.classify.bert import GRAPH, BertClassifier, load_windows
from pipeline.classify.mixture import MixtureClassifier
from pipeline.classify.model import Model, read_bert
from pipeline.classify.runtime import EXACT, Runtime, arithmetics
from pipeline.classify.windows import pad
from pipeline.corpus import Labelled, load_labelled
from pipeline.corpus.split import splits_of
from pipeline.settings import CORPUS
from pipeline.taxonomy import Taxonomy
from pipeline.text import read_narrative
from pipeline.train.evaluate import Evaluation, accepted_types, measure
from pipeline.train.export import converted
from pipeline.train.restore import restore

MIN_SUPPORT = 5  # real texts of a type, so that it counts in macro-F1
CALIBRATION = 300  # narratives that ranges are measured on
Answers = list[tuple[str, str, str, str]]


@dataclass(frozen=True)
class Row:
    """One way of reading: how fast, how well, and which answers."""

    name: str
    rate: float
    test: Evaluation
    real: Evaluation | None
    answers: Answers


@dataclass(frozen=True)
class Sets:
    """What is read: narratives for the clock, and labelled rows."""

    timed: Sequence[str]
    ranges: Sequence[str]
    test: Sequence[Labelled]
    real: Sequence[Labelled]

    @classmethod
    def load(cls, count: int, data: Path) -> "Sets":
        """Make narratives, split the corpus and read the real texts, if they are there."""
        rows = load_labelled(CORPUS, Taxonomy.load())
        splits = splits_of(rows)
        path = data / "real_dev.jsonl"
        return cls(
            [read_narrative(text).text for text in narratives(1, count, "test")],
            [row.text for row, split in zip(rows, splits, strict=True) if split == "train"][:CALIBRATION],
            [row for row, split in zip(rows, splits, strict=True) if split == "test" and row.cause is not None],
            load_labelled(path, Taxonomy.load()) if path.is_file() else [],
        )


def ways(folder: Path, sets: Sets, made: Path) -> Iterator[tuple[str, Model]]:
    """Yield every way of running a folder's model, the most exact first."""
    for arithmetic in arithmetics()[::-1]:
        model = Model.load(folder, bert=read_bert(Runtime(arithmetic=arithmetic)))
        yield f"{arithmetic}, all by the BERT", model.reading_everything()
        if isinstance(model.classifier, MixtureClassifier) and model.classifier.shortcut and arithmetic != EXACT:
            yield f"{arithmetic}, the linear part alone where it is sure", model
    if isinstance(model.classifier, MixtureClassifier):
        yield (
            "static int8, all by the BERT",
            Model.load(folder, bert=lambda it: static(it, sets, made)).reading_everything(),
        )


def static(folder: Path, sets: Sets, made: Path) -> Classifier:
    """Quantise a folder's BERT with ranges measured beforehand."""
    windows = load_windows(folder)
    graph = converted(restore(folder, Taxonomy.load().membership), windows)
    head = graph.output(0).get_node().input_value(0).get_node().input_value(0).get_node()
    nncf.set_log_level(logging.ERROR)
    quantised = nncf.quantize(
        graph,
        nncf.Dataset([found[:1] for found in windows.cut(sets.ranges)], lambda it: pad(it, windows.settings.pad)),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=CALIBRATION,
        ignored_scope=nncf.IgnoredScope(names=[head.get_friendly_name()]),
    )
    openvino.save_model(quantised, made / GRAPH, compress_to_fp16=False)
    return BertClassifier(made / GRAPH, windows, Runtime(arithmetic=EXACT))


def measured(name: str, model: Model, sets: Sets) -> Row:
    """Time a way, and let it answer."""
    model.predict_proba(sets.timed[:200])  # kernels are made for the first batches
    started = time.monotonic()
    model.predict_proba(sets.timed)
    rate = len(sets.timed) / (time.monotonic() - started)
    chances = model.predict_proba([row.text for row in (*sets.test, *sets.real)])
    answers = model.decide(chances, ScoreSettings.load())
    return Row(
        name,
        rate,
        _judged(model, chances[: len(sets.test)], sets.test, 1),
        _judged(model, chances[len(sets.test) :], sets.real, MIN_SUPPORT) if sets.real else None,
        [(it.type, it.cause, it.answer, it.route) for it in answers],
    )


def _judged(model: Model, chances: Floats, rows: Sequence[Labelled], least: int) -> Evaluation:
    accepted = accepted_types(chances, model.taxonomy, model.manifest.thresholds.type)
    return measure(chances, rows, model.taxonomy, accepted, min_support=least)


def table(rows: Sequence[Row], sets: Sets, cores: int) -> str:
    """Return the Markdown that goes into docs/benchmarks.md."""
    first, test = rows[0], len(sets.test)
    lines = [
        f"| way | a second | against the first | {test:,} of the corpus: type macro-F1 | causes | ECE | other answers "
        f"| {len(sets.real)} real: type macro-F1 | causes | ECE | other answers |",
        "|---|" + "---:|" * 10,
    ]
    for row in rows:
        other = [one != two for one, two in zip(row.answers, first.answers, strict=True)]
        cells = [f"{row.rate:.0f}", f"{row.rate / first.rate:.2f}"]
        for found, part in ((row.test, other[:test]), (row.real, other[test:])):
            if found is None:
                cells += [""] * 4
            else:
                figures = (found.type_macro_f1, found.cause_accuracy, found.ece)
                cells += [*(f"{value:.3f}" for value in figures), f"{sum(part) / len(part):.1%}"]
        lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"The model alone, its linear part included, on {len(sets.timed):,} narratives that are ready to be read; "
        f"{cores} cores of {machine()}, Python {platform.python_version()}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure the folders that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="model folders, the one to compare with first")
    parser.add_argument("--narratives", type=int, default=2_000, help="how many the clock sees")
    parser.add_argument("--cores", type=int, default=2, help="cores that may be used")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of real texts")
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    os.sched_setaffinity(0, cores)
    rows: list[Row] = []
    with console.steps() as step, tempfile.TemporaryDirectory() as made:
        step("making narratives")
        sets = Sets.load(options.narratives, options.data)
        for folder in options.models:
            for name, model in ways(folder, sets, Path(made)):
                layers = f"{folder.name}: {name}"
                step(layers)
                rows.append(measured(layers, model, sets))
    content = table(rows, sets, len(cores))
    if options.dry_run:
        print(content)
    else:
        write_table("fewer", content)


if __name__ == "__main__":
    main()
