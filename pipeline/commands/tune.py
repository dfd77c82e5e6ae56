"""`gongdan tune`."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import console
from pipeline.errors import ConfigError
from pipeline.settings import CONFIGS


def tune(
    config: Annotated[Path, typer.Option(help="What is searched, and where; see configs/tune/.")] = CONFIGS
    / "tune"
    / "linear.yaml",
) -> None:
    """Search the settings of a training with Optuna, and write the best configuration to train from.

    Stopped and started again, the study goes on. Each trial is a child run in MLflow; trials that will hardly be the
    best are given up early.

    Example: gongdan tune --config configs/tune/linear.yaml && gongdan train --config var/tune/linear.yaml
    """
    try:
        from pipeline.train.tune import load_tune_settings
        from pipeline.train.tune import tune as run_study
    except ModuleNotFoundError as error:
        raise ConfigError(
            "extra_missing", f"tuning needs what is not installed here ({error.name}); make train installs it"
        ) from error
    settings = load_tune_settings(config)
    with console.steps() as step:
        tuned = run_study(settings, step)
    chosen = ", ".join(f"{name} {value:.4g}" for name, value in tuned.settings.items())
    typer.echo(
        f"{tuned.study}: best of {tuned.trials} trials ({tuned.pruned} given up): {settings.metric} {tuned.value:.4f}"
    )
    typer.echo(f"{chosen}\nwritten to {tuned.output}; train with: gongdan train --config {tuned.output}")
