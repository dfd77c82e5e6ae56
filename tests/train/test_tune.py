"""A study over a small tree: it goes on, gives up early, leaves child runs, and writes what can be trained."""

import shutil
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
import yaml
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError
from pipeline.settings import CONFIGS, load_settings
from pipeline.train import load_train_settings
from pipeline.train.linear import LinearSettings, train_linear
from pipeline.train.tune import Tuned, TuneSettings, changed, load_tune_settings, tune

# Optuna asks SQLAlchemy 2.1 in a way of 2.0.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

Make = Callable[..., TuneSettings]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without a run; to make its tables takes seconds, to copy it none."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def make(linear_config: Path, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """The shipped tuning, over the small tree, with a study, a store and an output of the test's own."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    content = yaml.safe_load((CONFIGS / "tune" / "linear.yaml").read_text(encoding="utf-8"))
    content |= {
        "train": str(linear_config), "storage": f"sqlite:///{tmp_path}/tune.db", "trials": 3,
        "output": str(tmp_path / "best.yaml"), "metric": "cause_accuracy",
    }  # fmt: skip

    def settings(**changes: object) -> TuneSettings:
        path = tmp_path / "tune.yaml"
        path.write_text(yaml.safe_dump(content | changes, allow_unicode=True), encoding="utf-8")
        return load_tune_settings(path)

    yield settings
    mlflow.set_tracking_uri(None)


def _runs() -> list[mlflow.entities.Run]:
    return mlflow.search_runs(search_all_experiments=True, output_format="list")


def test_the_best_configuration_is_written_and_trains(make: Make, linear_config: Path, tmp_path: Path) -> None:
    tuned = tune(make())
    assert (tuned.trials, tuned.output) == (3, tmp_path / "best.yaml")
    best = load_train_settings(tuned.output)
    assert isinstance(best, LinearSettings)
    assert best.regularisation == tuned.settings["regularisation"]
    assert best.features.min_df == tuned.settings["features.min_df"]
    as_it_was = load_settings(linear_config, LinearSettings)
    assert best.thresholds == as_it_was.thresholds
    assert tuned.output.read_text(encoding="utf-8").startswith("# The best of 3 trials of the study linear")
    trained = train_linear(best.model_copy(update={"output": tmp_path / "model"}))
    assert trained.evaluation.cause_accuracy == pytest.approx(tuned.value)  # the same folds, the same figure


def test_each_trial_is_a_child_of_the_study_s_run(make: Make) -> None:
    tune(make(trials=2))
    (parent,) = (run for run in _runs() if "mlflow.parentRunId" not in run.data.tags)
    children = [run for run in _runs() if run is not parent and "mlflow.parentRunId" in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert sorted(run.info.run_name for run in children) == ["trial 0", "trial 1"]
    for run in children:
        assert set(run.data.params) == {"regularisation", "description_weight", "features.min_df"}
        assert 0 < run.data.metrics["cause_accuracy"] <= 1
    assert parent.info.run_name == "tune linear"


def test_a_study_that_was_stopped_goes_on(make: Make) -> None:
    class StoppedError(Exception):
        pass

    def stop_in_the_third(step: str) -> None:
        if step.startswith("trial 3"):
            raise StoppedError

    with pytest.raises(StoppedError):
        tune(make(trials=4), stop_in_the_third)
    steps: list[str] = []
    tuned = tune(make(trials=4), steps.append)
    done = {step.split(" (")[0] for step in steps}
    assert len(done) == 2  # of four, two were complete
    assert tuned.trials == 4
    again: list[str] = []
    assert tune(make(trials=4), again.append).value == tuned.value
    assert again == []


def test_a_trial_that_is_worse_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first two trials do well, those after them badly: they end after the first step."""
    begun = iter(range(10))

    def steps(settings: LinearSettings):  # noqa: ANN202 - a generator of figures
        good = next(begun) < 2
        for at in range(3):
            yield {"cause_accuracy": 0.9 if good else 0.1 + at / 100}

    monkeypatch.setattr("pipeline.train.tune.linear_steps", steps)
    told: list[str] = []
    tuned = tune(make(trials=4, pruning={"trials_first": 2, "steps_first": 0}), told.append)
    assert (tuned.pruned, tuned.value) == (2, 0.9)
    assert sum(step.startswith("trial 4") for step in told) == 1
    assert sum(run.data.tags.get("pruned") == "true" for run in _runs()) == 2


def test_the_same_seed_tries_the_same_settings(make: Make, tmp_path: Path) -> None:
    def tried(number: int) -> Tuned:
        return tune(make(trials=2, storage=f"sqlite:///{tmp_path}/{number}.db"))

    assert tried(1).settings == tried(2).settings


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"search": {"regularisatoin": {"low": 1, "high": 2}}}, "regularisatoin is no setting"),
        ({"search": {"features.mindf": {"low": 1, "high": 2}}}, "mindf is no setting"),
        ({"search": {"seed.low": {"low": 1, "high": 2}}}, "seed.low is no setting"),
        ({"search": {"regularisation": {"low": 0, "high": 1, "log": True}}}, "above 0"),
        ({"search": {"regularisation": {"low": 2, "high": 1}}}, "low must be below high"),
        ({"search": {}}, "no setting"),
        ({"metric": "accuracy"}, "metric must be one of"),
        ({"search": {"folds": {"low": 1, "high": 3}}}, "folds"),  # one of its ends is no setting that training takes
        ({"train": "configs/train/none.yaml"}, "does not exist"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_wrong_is_named_before_anything_runs(make: Make, change: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        tune(make(**change))
    assert _runs() == []


def test_a_bert_is_tuned_by_what_its_epochs_tell(make: Make) -> None:
    search = {"learning_rate": {"low": 1e-5, "high": 1e-4, "log": True}}
    with pytest.raises(ConfigError, match="of a BERT's epochs"):
        tune(make(train="configs/train/bert.yaml", metric="cause_macro_f1", search=search))


def test_a_configuration_is_not_changed_in_place() -> None:
    base = {"a": 1, "b": {"c": 2, "d": 3}}
    assert changed(base, {"b.c": 9, "a": 0}) == {"a": 0, "b": {"c": 9, "d": 3}}
    assert base == {"a": 1, "b": {"c": 2, "d": 3}}


def test_the_command_says_what_to_train_with(make: Make, tmp_path: Path) -> None:
    make(trials=2)
    done = CliRunner().invoke(app, ["tune", "--config", str(tmp_path / "tune.yaml")])
    assert done.exit_code == 0, done.output
    assert "best of 2 trials (0 given up): cause_accuracy" in done.output
    assert "gongdan train --config" in done.output
    assert (tmp_path / "best.yaml").exists()
