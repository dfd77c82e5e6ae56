"""Training from a notebook: a configuration, changed, tracked."""

import json
from pathlib import Path

import mlflow
import pytest
import yaml

import pipeline
from pipeline.classify.folder import read_manifest
from pipeline.errors import ConfigError, CorpusError, FileError
from pipeline.settings import load_settings
from pipeline.train.linear import LinearSettings, train_linear

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of its own code


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(address)
    yield address
    mlflow.set_tracking_uri(None)


def _corrections(folder: Path) -> Path:
    path = folder / "reviews.jsonl"
    rows = [{"id": f"r{at}", "text": f"第{at}次反映电表箱冒烟", "cause": "dark"} for at in range(8)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_configuration_is_changed_trained_and_tracked(
    store: str, linear_config: Path, small_corpus: Path, tmp_path: Path
) -> None:
    corpora = [str(small_corpus), str(_corrections(tmp_path))]
    trained = pipeline.retrain(linear_config, corpus=corpora, output=tmp_path / "model")
    manifest, digest = read_manifest(trained.folder)
    assert manifest.trained_on["rows"] == 96 + 8
    assert manifest.trained_on["settings"]["corpus"] == corpora
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert run.data.tags["model_digest"] == digest
    model = pipeline.load_model(trained.folder, load_settings(linear_config, LinearSettings).taxonomy)
    assert model.taxonomy.cause_ids[model.predict_proba(["电表箱冒烟"]).argmax()] == "dark"


@pytest.mark.parametrize(
    ("change", "fault"),
    [({"regularisatoin": 3}, "regularisatoin"), ({"folds": 1}, "folds"), ({"corpus": []}, "corpus")],
)
def test_a_wrong_setting_is_named(linear_config: Path, change: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        pipeline.retrain(linear_config, **change)


def test_a_configuration_file_may_name_several_corpora(linear_config: Path, small_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "none-yet.jsonl").write_text("", encoding="utf-8")
    paths = [str(small_corpus), str(tmp_path / "none-yet.jsonl")]
    config = yaml.safe_load(linear_config.read_text(encoding="utf-8")) | {"corpus": paths}
    path = tmp_path / "linear.yaml"
    path.write_text(yaml.safe_dump(config | {"output": str(tmp_path / "model")}, allow_unicode=True), encoding="utf-8")
    settings = load_settings(path, LinearSettings)
    assert settings.named() == " + ".join(paths)
    assert settings.told()["corpus"] == paths
    alone = load_settings(linear_config, LinearSettings).model_copy(update={"output": tmp_path / "alone"})
    # Corrections that nobody made yet change nothing.
    one, other = (read_manifest(train_linear(it).folder)[0].trained_on["sha256"] for it in (settings, alone))
    assert one == other


def test_a_corpus_that_is_missing_or_empty_is_named(linear_config: Path, small_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.jsonl"):
        pipeline.cross_validate(linear_config, corpus=[str(small_corpus), str(tmp_path / "none.jsonl")])
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.jsonl \+ .*b\.jsonl"):
        pipeline.cross_validate(linear_config, corpus=[str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")])
