"""Tuning: Optuna searches the settings of a training configuration, and the best are written as one to train from.

Every trial is a child run in MLflow. A study is kept in a database and gone on with after a stop.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import mlflow
import optuna
import yaml
from pydantic import Field, model_validator

from pipeline.errors import ConfigError
from pipeline.settings import Settings, load_settings, read_yaml, resolve
from pipeline.train import load_train_settings
from pipeline.train.linear import LinearSettings, linear_steps
from pipeline.train.track import experiment

if TYPE_CHECKING:  # torch takes its time
    from pipeline.train.bert import BertSettings

METRICS = ("type_macro_f1", "type_accuracy", "cause_macro_f1", "cause_accuracy")
OF_EPOCHS = ("type_accuracy", "cause_accuracy")
Watch = Callable[[str], None]
_DONE = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)  # what was stopped counts as not tried


class Range(Settings):
    """Between what a setting is searched: whole numbers if both ends are."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 where log is true")
        return self

    def suggest(self, trial: optuna.Trial, name: str) -> int | float:
        """Return a value for a trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


class PruningSettings(Settings):
    """When a trial may be given up."""

    trials_first: int = Field(ge=1)
    steps_first: int = Field(ge=0)


class TuneSettings(Settings):
    """configs/tune/*.yaml."""

    train: Path
    study: str = Field(min_length=1)
    storage: str
    trials: int = Field(ge=1)
    metric: str
    output: Path
    seed: int
    pruning: PruningSettings
    search: Mapping[str, Range]

    @model_validator(mode="after")
    def _known(self) -> "TuneSettings":
        if self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}")
        if not self.search:
            raise ValueError("search names no setting")
        return self


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best trial of a study so far, and the configuration that was written from it."""

    study: str
    trials: int
    pruned: int
    value: float
    settings: Mapping[str, int | float]
    output: Path


def tune(settings: TuneSettings, watch: Watch = lambda _: None) -> Tuned:
    """Run what is left of a study's trials and write the best configuration.

    Stopped at any time, the next run goes on with the trials that are complete. Raises ConfigError for a setting that
    the training configuration does not have, and what training raises.
    """
    base = _base(settings)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_storage(settings.storage),
        study_name=settings.study,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=settings.seed),
        pruner=optuna.pruners.MedianPruner(settings.pruning.trials_first, settings.pruning.steps_first),
    )
    left = settings.trials - _count(study, *_DONE)
    if left > 0:
        with _study_run(settings):
            study.optimize(lambda trial: _trial(trial, settings, base, watch), n_trials=left)
    return _written(study, settings, base)


def _trial(trial: optuna.Trial, settings: TuneSettings, base: Mapping[str, Any], watch: Watch) -> float:
    values = {name: found.suggest(trial, name) for name, found in settings.search.items()}
    shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    reached: list[float] = []

    def report(figures: Mapping[str, float]) -> None:
        step, value = len(reached), figures[settings.metric]
        reached.append(value)
        mlflow.log_metrics({name: figures[name] for name in METRICS if name in figures}, step=step)
        watch(
            f"trial {trial.number + 1} of {settings.trials} ({shown}), step {step + 1}: {settings.metric} {value:.4f}"
        )
        trial.report(value, step)
        if trial.should_prune():
            mlflow.set_tag("pruned", "true")
            raise optuna.TrialPruned

    with mlflow.start_run(run_name=f"trial {trial.number}", nested=True):
        mlflow.log_params(values)
        _steps(_settings_of(changed(base, values)), report)
    return reached[-1]


class _Enough(Exception):  # noqa: N818 - no error: the figures of the last epoch are there, and the export is not needed
    """Ends a BERT's training."""


def _steps(settings: "LinearSettings | BertSettings", report: Callable[[Mapping[str, float]], None]) -> None:
    """Train and report the figures on unseen rows, after each fold or epoch."""
    if isinstance(settings, LinearSettings):
        for figures in linear_steps(settings):
            report(figures)
        return
    from pipeline.train.bert import train_bert  # noqa: PLC0415

    last = settings.epochs + bool(settings.blend or settings.hard)

    def on_epoch(figures: Mapping[str, float], number: int) -> None:
        report(figures)
        if number >= last:
            raise _Enough

    with TemporaryDirectory() as folder, suppress(_Enough):
        train_bert(settings.model_copy(update={"output": Path(folder) / "model"}), resume=False, on_epoch=on_epoch)


def _settings_of(content: Mapping[str, Any]) -> "LinearSettings | BertSettings":
    """Read a training configuration that is not in a file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "train.yaml"
        path.write_text(yaml.safe_dump(dict(content), allow_unicode=True), encoding="utf-8")
        found = load_train_settings(path)
    if found.kind == "distilled":
        raise ConfigError("config_invalid", "a student's settings are not searched; search those of its teacher")
    return found


def changed(base: Mapping[str, Any], values: Mapping[str, int | float]) -> dict[str, Any]:
    """Return a configuration with some settings changed, each named by its place: `features.min_df`.

    >>> changed({"a": 1, "b": {"c": 2}}, {"b.c": 3})
    {'a': 1, 'b': {'c': 3}}
    """
    found = {name: dict(value) if isinstance(value, dict) else value for name, value in base.items()}
    for place, value in values.items():
        head, _, rest = place.partition(".")
        if head not in found or (rest and not isinstance(found[head], dict)):
            raise ConfigError("config_invalid", f"search: {place} is no setting of the training configuration")
        found[head] = changed(found[head], {rest: value}) if rest else value
    return found


def _base(settings: TuneSettings) -> Mapping[str, Any]:
    path = resolve(settings.train)
    trained = load_train_settings(path)
    if not isinstance(trained, LinearSettings) and settings.metric not in OF_EPOCHS:
        raise ConfigError("config_invalid", f"metric: of a BERT's epochs there are {' and '.join(OF_EPOCHS)}")
    content = read_yaml(path)
    assert isinstance(content, dict)  # noqa: S101 - it was read as settings just now
    _settings_of(changed(content, {name: found.low for name, found in settings.search.items()}))
    return content


def _storage(address: str) -> str:
    prefix = "sqlite:///"
    if not address.startswith(prefix):
        return address
    path = resolve(Path(address.removeprefix(prefix)))
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"{prefix}{path}"


@contextmanager
def _study_run(settings: TuneSettings) -> Iterator[None]:
    experiment()
    with mlflow.start_run(run_name=f"tune {settings.study}"):
        mlflow.log_dict(settings.model_dump(mode="json"), "tune.yaml")
        yield


def _written(study: optuna.Study, settings: TuneSettings, base: Mapping[str, Any]) -> Tuned:
    best, output, trials = study.best_trial, resolve(settings.output), _count(study, *_DONE)
    output.parent.mkdir(parents=True, exist_ok=True)
    head = f"# The best of {trials} trials of the study {settings.study}: {settings.metric} {best.value:.4f}.\n"
    text = yaml.safe_dump(changed(base, best.params), allow_unicode=True, sort_keys=False)
    output.write_text(head + text, encoding="utf-8")
    pruned = _count(study, optuna.trial.TrialState.PRUNED)
    return Tuned(settings.study, trials, pruned, float(best.value or 0), best.params, output)


def _count(study: optuna.Study, *states: optuna.trial.TrialState) -> int:
    return len(study.get_trials(deepcopy=False, states=states))


def load_tune_settings(path: Path) -> TuneSettings:
    """Read a tuning configuration; raises ConfigError."""
    return load_settings(path, TuneSettings)
