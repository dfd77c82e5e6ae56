"""What a training leaves in MLflow, and that it serves without torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from pipeline.settings import ROOT
from pipeline.train import load_train_settings, run

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of its own code


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def tracked_run(store: str, linear_config: Path) -> mlflow.entities.Run:
    """The run that training the linear model on the small corpus left in a store of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        patch.chdir(linear_config.parent)  # a bare SQLite store keeps artifacts where it is started
        mlflow.set_tracking_uri(store)
        run(load_train_settings(linear_config), lambda *_, **__: None)
        (found,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
        yield found
        mlflow.set_tracking_uri(None)


def test_a_run_has_settings_hashes_and_figures(tracked_run: mlflow.entities.Run) -> None:
    data = tracked_run.data
    assert data.params["kind"] == "linear"
    assert data.params["thresholds.type_error"] == "0.05"
    hashes = {"corpus_sha256", "lexicon_sha256", "taxonomy_sha256", "model_digest"}
    assert {*hashes, "taxonomy_version"} <= data.tags.keys()
    assert data.metrics["type_accuracy"] == 1.0
    assert tracked_run.info.status == "FINISHED"


def test_a_run_has_tables_and_pictures(tracked_run: mlflow.entities.Run) -> None:
    artifacts = {item.path for item in mlflow.MlflowClient().list_artifacts(tracked_run.info.run_id)}
    assert {"types.csv", "causes.csv", "confusion_types.png", "confusion_causes.png", "reliability.png"} <= artifacts
    table = mlflow.artifacts.load_text(f"{tracked_run.info.artifact_uri}/types.csv")
    assert table.splitlines()[0].startswith("id,name,support")
    assert len(table.splitlines()) == 3


def test_the_logged_model_answers_a_table(tracked_run: mlflow.entities.Run) -> None:
    (logged,) = mlflow.search_logged_models(experiment_ids=[tracked_run.info.experiment_id], output_format="list")
    served = mlflow.pyfunc.load_model(logged.model_uri)
    answers = served.predict(pd.DataFrame({"text": ["村里停电三次，电话13800138000", "柜台态度差不耐烦"]}))
    assert answers["cause"].tolist() == ["dark", "rude"]
    assert served.metadata.signature is not None
    needed = Path(mlflow.artifacts.download_artifacts(f"{logged.artifact_location}/requirements.txt"))
    assert "torch" not in needed.read_text(encoding="utf-8")


def test_mlflow_serves_it_where_there_is_no_torch(tracked_run: mlflow.entities.Run, store: str, tmp_path: Path) -> None:
    (logged,) = mlflow.search_logged_models(experiment_ids=[tracked_run.info.experiment_id], output_format="list")
    # An empty module named torch stands before the real one and fails as a missing one would.
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no torch here', name='torch')\n", encoding="utf-8")
    (tmp_path / "in.json").write_text(
        json.dumps({"dataframe_records": [{"text": "报装排队迟迟不办"}]}, ensure_ascii=False), encoding="utf-8"
    )
    command = [
        sys.executable, "-m", "mlflow", "models", "predict", "-m", logged.model_uri, "-i", str(tmp_path / "in.json"),
        "-o", str(tmp_path / "out.json"), "--env-manager", "local",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "MLFLOW_TRACKING_URI": store}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["predictions"]
    assert answer["cause"] == "slow"
    assert str(ROOT) not in json.dumps(answer)
