"""Making a model: settings by kind, training, calibration, figures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError
from pipeline.settings import load_settings, read_yaml, resolve

if TYPE_CHECKING:  # each kind brings its own libraries; the BERT's are an extra
    from pipeline.train.bert import BertSettings
    from pipeline.train.distil import DistilSettings
    from pipeline.train.finish import Trained
    from pipeline.train.fit import Watch
    from pipeline.train.linear import LinearSettings


def load_train_settings(path: Path) -> "LinearSettings | BertSettings | DistilSettings":
    """Read a training configuration of the kind it names; raises ConfigError."""
    content = read_yaml(path)
    kind = content.get("kind") if isinstance(content, dict) else None
    if kind == "linear":
        from pipeline.train.linear import LinearSettings  # noqa: PLC0415

        return load_settings(path, LinearSettings)
    if kind in ("bert", "distilled"):
        try:
            from pipeline.train.bert import BertSettings  # noqa: PLC0415
            from pipeline.train.distil import DistilSettings  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ConfigError(
                "extra_missing", f"a BERT needs what is not installed here ({error.name}); make train installs it"
            ) from error
        if kind == "bert":
            return load_settings(path, BertSettings)
        return load_settings(path, DistilSettings)
    raise ConfigError("config_invalid", f"{path}: kind must be linear, bert or distilled, it is {kind!r}")


def run(
    settings: "LinearSettings | BertSettings | DistilSettings", watch: "Watch", *, resume: bool = True
) -> "Trained":
    """Train what the settings describe, as an MLflow run where MLflow is installed."""
    try:
        from pipeline.train.track import tracked  # noqa: PLC0415
    except ModuleNotFoundError as error:
        watch(f"not tracked: {error.name} is not installed (make train installs it)")
        return _train(settings, watch, resume=resume)
    with tracked(settings) as tracker:
        trained = _train(settings, watch, resume=resume, on_epoch=tracker.epoch)
        watch("logging the run")
        tracker.result(trained, resolve(settings.taxonomy))
    return trained


def _train(
    settings: "LinearSettings | BertSettings | DistilSettings",
    watch: "Watch",
    *,
    resume: bool,
    on_epoch: Callable[[Mapping[str, float], int], None] = lambda *_: None,
) -> "Trained":
    if settings.kind == "linear":
        from pipeline.train.linear import train_linear  # noqa: PLC0415

        return train_linear(settings, watch)
    if settings.kind == "distilled":
        from pipeline.train.distil import train_student  # noqa: PLC0415

        return train_student(settings, watch, resume=resume)
    from pipeline.train.bert import train_bert  # noqa: PLC0415

    return train_bert(settings, watch, resume=resume, on_epoch=on_epoch)
