"""How good models are on real texts, what defects of writing cost, and how often another matter passes as a complaint.

    python benchmarks/real_texts.py                                models/default
    python benchmarks/real_texts.py var/models/linear models/default

Measures each model on labelled real letters and tickets as they are, with typing slips, with the blanks of an OCR
between all characters, and in Traditional script; then scores 10,000 letters about other matters and counts those that
would be accepted as a complaint without anybody's review. Writes both tables into docs/benchmarks.md. The texts are
not ours to ship: --data names the folder with real_dev.jsonl and other_topics.jsonl.gz.
"""

import argparse
import gzip
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tables import ROOT, write_table

from pipeline import console
from pipeline.classify.answer import ScoreSettings
from pipeline.classify.model import Model
from pipeline.corpus import Labelled, load_labelled
from pipeline.corpus.noise import Noise, add_noise
from pipeline.settings import DEFAULT_MODEL
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy
from pipeline.text import read_narrative
from pipeline.train.evaluate import Evaluation, evaluate

MIN_SUPPORT = 5  # rows of a type, so that it counts in macro-F1
BATCH = 500
# The slips of the corpus's noise and nothing else.
SLIPS = Noise(full_width=0, blanks=0, traditional=0, topic=0, broken_topic=0, head=0, tail=0)
TRADITIONAL = replace(SLIPS, slip=0, dropped=0, doubled=0, traditional=1)
SEEDS = (1, 2, 3)
Defect = Callable[[str, int], str]


def _slips(text: str, seed: int) -> str:
    return add_noise(text, random.Random(seed), SLIPS)


def _blanks(text: str, seed: int) -> str:
    del seed  # always the same
    return " ".join(text)


def _traditional(text: str, seed: int) -> str:
    return add_noise(text, random.Random(seed), TRADITIONAL)


DEFECTS: dict[str, tuple[Defect, Sequence[int]]] = {
    "as they are": (lambda text, _: text, (0,)),
    "typing slips": (_slips, SEEDS),
    "blanks between all characters": (_blanks, (0,)),
    "Traditional script": (_traditional, (0,)),
}


def measured(model: Model, rows: Sequence[Labelled], defect: Defect, seeds: Sequence[int]) -> list[Evaluation]:
    """Evaluate the rows with a defect, once per seed."""
    return [
        evaluate(
            model,
            [replace(row, narrative=read_narrative(defect(row.raw, seed + at))) for at, row in enumerate(rows)],
            min_support=MIN_SUPPORT,
        )
        for seed in seeds
    ]


def letters_table(models: Sequence[Model], rows: Sequence[Labelled]) -> str:
    """Return the Markdown of the first table."""
    names = ("type_macro_f1", "type_accuracy", "cause_accuracy", "ece", "coverage", "accepted_error")
    lines = [
        f"| model | {len(rows)} letters and tickets | type macro-F1 | type accuracy | cause accuracy | ECE | coverage "
        "| wrong among accepted |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    with console.steps() as step:
        for model in models:
            for title, (defect, seeds) in DEFECTS.items():
                step(f"{model.name}: {title}")
                found = measured(model, rows, defect, seeds)
                means = (sum(getattr(it, name) for it in found) / len(found) for name in names)
                lines.append(f"| {model.name} | {title} | " + " | ".join(f"{value:.3f}" for value in means) + " |")
    return "\n".join([*lines, "", f"Macro-F1 over the types with at least {MIN_SUPPORT} rows; slips: mean of 3 seeds."])


def others_table(models: Sequence[Model], texts: Sequence[str]) -> str:
    """Return the Markdown of the second table."""
    lines = [
        f"| model | of {len(texts):,} letters on other matters: a complaint by the model | accepted as one, unseen |",
        "|---|---:|---:|",
    ]
    settings = ScoreSettings.load()
    with console.steps() as step:
        for model in models:
            complaints = accepted = 0
            for at in range(0, len(texts), BATCH):
                step(f"{model.name}: other matters", at, len(texts))
                answers = model.answer([read_narrative(text).text for text in texts[at : at + BATCH]], settings)
                found = [answer for answer in answers if answer.type != OUT_OF_SCOPE]
                complaints += len(found)
                accepted += sum(answer.route == "auto" for answer in found)
            shares = " | ".join(f"{count / len(texts):.2%}" for count in (complaints, accepted))
            lines.append(f"| {model.name} | {shares} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the models that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, default=[DEFAULT_MODEL], help="model folders")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of the texts")
    parser.add_argument("--dry-run", action="store_true", help="print tables instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    models = [Model.load(folder) for folder in options.models]
    rows = load_labelled(options.data / "real_dev.jsonl", Taxonomy.load())
    with gzip.open(options.data / "other_topics.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    for name, content in (("letters", letters_table(models, rows)), ("others", others_table(models, texts))):
        write_table(name, content, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
