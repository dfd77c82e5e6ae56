"""Every training as an MLflow run: settings, hashes, figures per epoch, tables, pictures, and the model itself."""

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from mlflow.models import infer_signature
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pipeline.classify.model import Model
from pipeline.settings import CONFIGS, MLFLOW_STORE, ROOT, resolve
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon
from pipeline.train.evaluate import Evaluation, LabelScore
from pipeline.train.finish import Trained, TrainSettings
from pipeline.train.pyfunc import answer_frame, load

EXPERIMENT = "gongdan"
# What a ticket may look like; nobody's words.
EXAMPLE = ("台区近两个月停电五次，请尽快处理", "营业厅收费员态度恶劣")
_SERVED_WITH = ("mlflow", "pandas")  # beside gongdan itself; no torch


class Tracker:
    """Logs to the run that is going on; made by `tracked`."""

    def epoch(self, figures: Mapping[str, float], number: int) -> None:
        """Log the figures of an epoch on the calibration split."""
        mlflow.log_metrics({f"epoch_{name}": value for name, value in figures.items()}, step=number)

    def result(self, trained: Trained, tree: Path) -> None:
        """Log what training left: figures, tables, pictures, and the folder as a pyfunc model with signature."""
        taxonomy = Taxonomy.load(tree)
        model = load(trained.folder, tree)
        mlflow.set_tags({"model": model.name, "model_digest": model.digest})
        mlflow.set_tag("corpus_sha256", model.manifest.trained_on["sha256"])
        mlflow.log_metrics({name: float(value) for name, value in model.manifest.metrics.items()})
        evaluation = trained.evaluation
        for name, scores in (("types", evaluation.types), ("causes", evaluation.causes)):
            mlflow.log_text(_table(scores), f"{name}.csv")
        mlflow.log_figure(_confusion(evaluation.confusion, taxonomy.type_ids), "confusion_types.png")
        mlflow.log_figure(_confusion(evaluation.cause_confusion, taxonomy.cause_ids), "confusion_causes.png")
        mlflow.log_figure(_reliability(evaluation), "reliability.png")
        log_model(trained.folder, tree, model)


def experiment() -> None:
    """Choose where runs go: the tracking server of the usual variables, else var/mlflow."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        MLFLOW_STORE.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(f"sqlite:///{MLFLOW_STORE / 'mlflow.db'}")
        if mlflow.get_experiment_by_name(EXPERIMENT) is None:
            mlflow.create_experiment(EXPERIMENT, artifact_location=(MLFLOW_STORE / "artifacts").as_uri())
    mlflow.set_experiment(EXPERIMENT)


@contextmanager
def tracked(settings: TrainSettings) -> Iterator[Tracker]:
    """Open a run; an error ends it as failed."""
    experiment()
    told = settings.told()
    taxonomy, lexicon = Taxonomy.load(resolve(settings.taxonomy)), Lexicon.load(resolve(settings.lexicon))
    with mlflow.start_run(run_name=told["kind"]):
        mlflow.log_params(dict(_flat(told)))
        mlflow.set_tags(
            {
                "taxonomy_version": taxonomy.version,
                "taxonomy_sha256": taxonomy.sha256,
                "lexicon_sha256": lexicon.sha256,
            }
        )
        yield Tracker()


def log_model(folder: Path, tree: Path, model: Model) -> str:
    """Log a model's folder, with the taxonomy file it was made for, as a pyfunc model; returns its URI.

    It is logged to the run that is going on, with all the code and settings it needs.
    """
    frame = pd.DataFrame({"text": EXAMPLE})
    signature = infer_signature(frame, answer_frame(model, frame))
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"folder": str(folder), "taxonomy": str(tree)},
        signature=signature,
        input_example=frame,
        code_paths=[str(ROOT / "pipeline"), str(CONFIGS)],
        pip_requirements=list(_requirements()),
    )
    uri: str = info.model_uri
    return uri


def _requirements() -> Iterator[str]:
    """Yield what serving needs, pinned to what is installed here: gongdan's own core and MLflow, no torch."""
    for requirement in map(Requirement, requires("gongdan") or ()):
        if requirement.marker is None:  # what an extra brings has one
            requirement.specifier = SpecifierSet(f"=={version(requirement.name)}")
            yield str(requirement)
    for name in _SERVED_WITH:
        yield f"{name}=={version(name)}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _table(scores: Sequence[LabelScore]) -> str:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(LabelScore.__dataclass_fields__)
    table.writerows([getattr(score, name) for name in LabelScore.__dataclass_fields__] for score in scores)
    return out.getvalue()


def _confusion(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> Figure:
    size = max(4.0, 0.28 * len(names) + 2)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.add_subplot()
    counts = np.array(matrix) if matrix else np.zeros((len(names), len(names)))
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        axes.text(column, row, str(int(counts[row, column])), ha="center", va="center", fontsize=7)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set(xlabel="predicted", ylabel="labelled")
    return figure


def _reliability(evaluation: Evaluation) -> Figure:
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    bins = evaluation.reliability
    largest = max((it.rows for it in bins), default=1)
    axes.scatter(
        [it.confidence for it in bins], [it.accuracy for it in bins], s=[20 + 180 * it.rows / largest for it in bins]
    )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of the type", ylabel="share that is right")
    axes.set_title(f"ECE {evaluation.ece:.3f}, {evaluation.n} rows")
    return figure
