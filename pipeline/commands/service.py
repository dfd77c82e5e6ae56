"""Which model is in service: `gongdan promote`, `rollback` and `who`, and models that the registry keeps."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import console
from pipeline.errors import EXIT_REFUSED, ModelError
from pipeline.settings import CONFIGS

if TYPE_CHECKING:
    from pipeline.nightly import NightlySettings
    from pipeline.promotion.gate import Outcome

_SCHEME = "models:/"
_ALTERED = 1  # exit status of `who --verify`

ConfigOption = Annotated[Path, typer.Option("--config", help="The gate's limits, the registry, the log.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decided; by default user@host.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
DEFAULT_CONFIG = CONFIGS / "promote.yaml"


def register(app: typer.Typer) -> None:
    """Add the commands to a program."""
    for command in (promote, rollback, who):
        app.command()(command)


def model_folder(model: Path) -> Path:
    """Return a model's folder: the path itself, or what the registry holds under models:/...; raises ModelError."""
    if not str(model).startswith(_SCHEME):
        return model
    from pipeline.promotion.registry import fetch

    return fetch(str(model))


def with_model(settings: "NightlySettings", *, fallback: bool) -> "NightlySettings":
    """Return a night's settings with a folder in the place of models:/...

    With `fallback`, a registry that cannot be used is only shown: the night then finds no model there and goes on with
    the one that it kept. Raises ModelError without.
    """
    try:
        return settings.model_copy(update={"model": model_folder(settings.model)})
    except ModelError as error:
        if not fallback:
            raise
        console.show_error(error)
        return settings


def promote(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="An MLflow run's id or its beginning, models:/..., or a model folder.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    force: Annotated[
        str | None, typer.Option("--force", metavar="REASON", help="Put it in service although checks were not passed.")
    ] = None,
    by: ByOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only judge; nothing is written and nothing moves.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a model in service, if it is better than the one that is.

    Both answer the same rows, the corpus's test split and what was decided blind lately; configs/promote.yaml holds the
    limits and docs/promotion.md says why. Evidence is kept with the version, and a line in var/promotions.jsonl.

    Exit status: 0 passed and in service · 12 refused (in the log too) · 3 configuration · 4 a model or the registry ·
    5 database · 6 corpus.

    Example: gongdan promote 3f2a --by 王工
    """
    from pipeline.promotion import gate
    from pipeline.promotion.log import REFUSED
    from pipeline.promotion.settings import PromoteSettings

    if force is not None and len(force.strip()) < gate.LEAST_REASON:
        raise typer.BadParameter(f"--force needs a written reason of at least {gate.LEAST_REASON} characters")
    settings = PromoteSettings.load(config)
    with console.steps() as step:
        outcome = gate.promote(
            settings, run, by=by or gate.me(), force=force and force.strip(), dry_run=dry_run, advance=step
        )
    if as_json:
        typer.echo(json.dumps({"action": outcome.action, **outcome.evidence.as_dict()}, ensure_ascii=False))
    else:
        _show_outcome(outcome, dry_run=dry_run)
    if outcome.action == REFUSED:
        raise typer.Exit(EXIT_REFUSED)


def rollback(
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the log.")] = "",
) -> None:
    """Put the model back that was in service before the present one.

    It is fetched, compared with its digest, loaded and asked before anything moves. A second rollback goes one further.
    """
    from pipeline.promotion import gate, service
    from pipeline.promotion.settings import PromoteSettings

    with console.steps() as step:
        entry = service.rollback(PromoteSettings.load(config), by=by or gate.me(), reason=reason, step=step)
    typer.echo(f"{entry.sentence} (version {entry.subject.version}, line {entry.number})")


def who(
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], metavar="DATE", help="At the end of that day.")
    ] = None,
    ticket: Annotated[
        str | None, typer.Option("--ticket", metavar="ID", help="Which models answered a ticket.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the log, and the registry against it.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say which model is in service, who put it there, on what evidence, and since when.

    --verify exits with status 1 and names the line that was altered, removed or moved, a promotion that was stopped
    halfway, or an alias that somebody moved by hand.
    """
    from pipeline.promotion import who as asked
    from pipeline.promotion.settings import PromoteSettings

    if sum((on is not None, ticket is not None, verify)) > 1:
        raise typer.BadParameter("give one of --on, --ticket and --verify")
    settings = PromoteSettings.load(config)
    if verify:
        found = asked.problems(settings)
        for problem in found:
            typer.echo(problem)
        if found:
            raise typer.Exit(_ALTERED)
        typer.echo(f"{settings.log}: every line is as it was written, and the alias is where the last one says")
    elif ticket is not None:
        from pipeline.commands.shown import show_answers

        show_answers(asked.ticket(settings, ticket))
    else:
        from pipeline.commands.shown import show_service

        show_service(asked.now(settings) if on is None else asked.on(settings, on.date()))


def _show_outcome(outcome: "Outcome", *, dry_run: bool) -> None:
    from pipeline.commands.shown import show_outcome

    show_outcome(outcome, dry_run=dry_run)
