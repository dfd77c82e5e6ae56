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
from peers_accuracy import MIN_SUPPORT
from peers_work import Texts
from tables import ROOT, machine, write_table

from pipeline import console
from pipeline.classify.answer import ScoreSettings
from pipeline.classify.base import Classifier, Floats
from pipeline.classify.bert import GRAPH, BertClassifier, load_windows
from pipeline.classify.mixture import MixtureClassifier
from pipeline.classify.model import Model, read_bert
from pipeline.classify.runtime import EXACT, Runtime, arithmetics
from pipeline.classify.windows import pad
from pipeline.corpus import Labelled
from pipeline.taxonomy import Taxonomy
from pipeline.train.evaluate import Evaluation, accepted_types, measure
from pipeline.train.export import converted
from pipeline.train.restore import restore

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


def ways(folder: Path, texts: Texts, made: Path) -> Iterator[tuple[str, Model]]:
    """Yield every way of running a folder's model, the most exact first."""
    for arithmetic in arithmetics()[::-1]:
        model = Model.load(folder, bert=read_bert(Runtime(arithmetic=arithmetic)))
        yield f"{arithmetic}, all by the BERT", model.reading_everything()
        if isinstance(model.classifier, MixtureClassifier) and model.classifier.shortcut:
            yield f"{arithmetic}, the linear part alone where it is sure", model
    if isinstance(model.classifier, MixtureClassifier):
        yield (
            "static int8, all by the BERT",
            Model.load(folder, bert=lambda it: static(it, texts, made)).reading_everything(),
        )


def static(folder: Path, texts: Texts, made: Path) -> Classifier:
    """Quantise a folder's BERT with ranges measured beforehand."""
    windows = load_windows(folder)
    graph = converted(restore(folder, Taxonomy.load().membership), windows)
    head = graph.output(0).get_node().input_value(0).get_node().input_value(0).get_node()
    nncf.set_log_level(logging.ERROR)
    quantised = nncf.quantize(
        graph,
        nncf.Dataset(
            [found[:1] for found in windows.cut(texts.train[:CALIBRATION])], lambda it: pad(it, windows.settings.pad)
        ),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=CALIBRATION,
        ignored_scope=nncf.IgnoredScope(names=[head.get_friendly_name()]),
    )
    openvino.save_model(quantised, made / GRAPH, compress_to_fp16=False)
    return BertClassifier(made / GRAPH, windows, Runtime(arithmetic=EXACT))


def measured(name: str, model: Model, texts: Texts) -> Row:
    """Time a way, and let it answer."""
    model.predict_proba(texts.tickets[:200])  # kernels are made for the first batches
    started = time.monotonic()
    model.predict_proba(texts.tickets)
    rate = len(texts.tickets) / (time.monotonic() - started)
    chances = model.predict_proba([row.text for row in (*texts.test, *texts.real)])
    answers = model.decide(chances, ScoreSettings.load())
    return Row(
        name,
        rate,
        _judged(model, chances[: len(texts.test)], texts.test, 1),
        _judged(model, chances[len(texts.test) :], texts.real, MIN_SUPPORT) if texts.real else None,
        [(it.type, it.cause, it.answer, it.route) for it in answers],
    )


def _judged(model: Model, chances: Floats, rows: Sequence[Labelled], least: int) -> Evaluation:
    accepted = accepted_types(chances, model.taxonomy, model.manifest.thresholds.type)
    return measure(chances, rows, model.taxonomy, accepted, min_support=least)


def table(rows: Sequence[Row], texts: Texts, cores: int) -> str:
    """Return the Markdown that goes into docs/benchmarks.md."""
    first, test = rows[0], len(texts.test)
    lines = [
        f"| way | a second | against the first | {test:,} of the corpus: type macro-F1 | causes | ECE | other answers "
        f"| {len(texts.real)} real: type macro-F1 | causes | ECE | other answers |",
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
        f"The model alone, its linear part included, on {len(texts.tickets):,} narratives that are ready to be read; "
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
        texts = Texts.load(options.narratives, options.data, Taxonomy.load())
        for folder in options.models:
            for name, model in ways(folder, texts, Path(made)):
                layers = f"{folder.name}: {name}"
                step(layers)
                rows.append(measured(layers, model, texts))
    content = table(rows, texts, len(cores))
    write_table("fewer", content, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
