"""Training and tuning from a notebook: a configuration, and what is to be changed of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.errors import ConfigError
from pipeline.settings import resolve
from pipeline.train import load_train_settings, run
from pipeline.train.finish import Trained
from pipeline.train.linear import LinearSettings
from pipeline.workbench.reading import Place

if TYPE_CHECKING:  # torch and Optuna take their time
    from pipeline.train.bert import BertSettings
    from pipeline.train.distil import DistilSettings
    from pipeline.train.tune import Tuned


def retrain(config: Place = "configs/train/linear.yaml", **changes: object) -> Trained:
    """Train what a configuration describes, as an MLflow run, and write a model folder.

    `changes` replace settings by their names, for example `corpus=["data/corpus", "var/reviews.jsonl"]`, `epochs=1` or
    `output="var/notebooks/linear"`. Returns the folder, the thresholds, the causes without a narrative, and the figures
    on rows that the model had not seen. The linear model takes a minute or two, the BERT an hour on two cores.

    Raises ConfigError for a setting that is wrong or not known, CorpusError if there are too few narratives, ModelError
    if there is no encoder.
    """
    return run(settings_of(config, changes), lambda *_, **__: None)


def tune(config: Place = "configs/tune/linear.yaml", watch: Callable[[str], None] = lambda _: None) -> "Tuned":
    """Search settings with Optuna, and write the best configuration to train from.

    Returns the best value of the metric (0 to 1), its settings, the number of trials and the path that was written; a
    study of the same name goes on where it stopped. `watch` is told each step, `print` for example. Raises ConfigError.
    """
    from pipeline.train.tune import load_tune_settings  # noqa: PLC0415
    from pipeline.train.tune import tune as run_study  # noqa: PLC0415

    return run_study(load_tune_settings(resolve(Path(config))), watch)


def settings_of(config: Place, changes: Mapping[str, object]) -> "LinearSettings | BertSettings | DistilSettings":
    """Read a training configuration with some settings replaced; raises ConfigError that names the wrong ones."""
    found = load_train_settings(resolve(Path(config)))
    try:
        return type(found).model_validate({**found.model_dump(), **changes})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigError("config_invalid", f"{config}, changed: {faults}") from error
