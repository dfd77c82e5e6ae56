"""What tests of trained BERTs share: a tiny encoder, and models trained from it in seconds."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.settings import CONFIGS
from pipeline.train import load_train_settings
from pipeline.train.bert import BertSettings, train_bert

from ..encoder import write_tiny_encoder


@pytest.fixture(scope="session")
def tiny_encoder(small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [json.loads(line)["text"] for line in small_corpus.read_text(encoding="utf-8").splitlines()]
    return write_tiny_encoder(tmp_path_factory.mktemp("encoder"), texts)


@pytest.fixture(scope="session")
def bert_config(
    tiny_encoder: Path, small_tree: Path, small_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The shipped configuration, pointed at the small tree, corpus and encoder."""
    config = yaml.safe_load((CONFIGS / "train" / "bert.yaml").read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("bert")
    config |= {
        "encoder": str(tiny_encoder), "corpus": str(small_corpus), "taxonomy": str(small_tree),
        "output": str(folder / "model"), "checkpoints": str(folder / "checkpoints"),
        "window": 16, "overlap": 4, "epochs": 12, "batch_size": 12, "learning_rate": 5e-3, "head_learning_rate": 2e-2,
        "precision": "fp32", "noise": 0.0, "mixed_with": None, "hard": None, "blend": 0.0,
    }  # fmt: skip
    path = folder / "bert.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def settings_of(bert_config: Path) -> Callable[..., BertSettings]:
    def changed(**update: object) -> BertSettings:
        found = load_train_settings(bert_config)
        assert isinstance(found, BertSettings)
        return found.model_copy(update=update)

    return changed


@pytest.fixture(scope="session")
def small_bert(bert_config: Path) -> Path:
    settings = load_train_settings(bert_config)
    assert isinstance(settings, BertSettings)
    return train_bert(settings).folder


@pytest.fixture(scope="session")
def small_mixture(
    settings_of: Callable[..., BertSettings], linear_config: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A tiny BERT beside a linear model."""
    folder = tmp_path_factory.mktemp("mixture")
    settings = settings_of(mixed_with=linear_config, output=folder / "model", checkpoints=folder / "c")
    return train_bert(settings).folder
