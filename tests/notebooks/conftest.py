"""A small world for the notebooks: few rows of each cause, one night, an MLflow store, a gate; nothing of var/."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pipeline.settings import CONFIGS, CORPUS, ROOT

from ..conftest import night_in
from ..encoder import write_tiny_encoder

_PER_CAUSE = 10


@dataclass(frozen=True)
class World:
    """Where everything is."""

    folder: Path
    corpus: Path
    linear: Path
    nightly: Path
    promotion: Path
    service: Path
    mlflow: str

    @property
    def out(self) -> str:
        """Where notebooks may write."""
        return str(self.folder / "out")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tree_model: Path) -> World:
    folder = tmp_path_factory.mktemp("world")
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(_few_of_each_cause()), encoding="utf-8")
    (folder / "inbox").mkdir()
    shutil.copy(next((ROOT / "data" / "demo").glob("*.csv")), folder / "inbox")
    night_in(folder, tree_model, watch=None)
    return World(
        folder,
        corpus,
        _changed(CONFIGS / "train" / "linear.yaml", folder, {"folds": 2, "corpus": str(corpus)}),
        folder / "nightly.yaml",
        _changed(
            CONFIGS / "promote.yaml",
            folder,
            {"log": str(folder / "promotions.jsonl"), "nightly": str(folder / "nightly.yaml"), "corpus": str(corpus)},
        ),
        tree_model,
        f"sqlite:///{folder / 'mlflow.db'}",
    )


def _few_of_each_cause() -> list[str]:
    seen: dict[str, int] = {}
    kept = []
    for path in sorted(CORPUS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            cause = json.loads(line).get("cause")
            if cause and seen.setdefault(cause, 0) < _PER_CAUSE:
                seen[cause] += 1
                kept.append(line)
    return kept


def _changed(source: Path, folder: Path, changes: Mapping[str, object]) -> Path:
    content = yaml.safe_load(source.read_text(encoding="utf-8")) | changes
    path = folder / source.name
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tiny_encoder(world: World) -> Path:
    texts = [json.loads(line)["text"] for line in world.corpus.read_text(encoding="utf-8").splitlines()]
    folder = world.folder / "encoder"
    folder.mkdir()
    return write_tiny_encoder(folder, texts)
