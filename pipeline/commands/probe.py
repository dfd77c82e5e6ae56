"""`gongdan probe`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipeline import console
from pipeline.commands.service import model_folder
from pipeline.settings import CONFIGS, DEFAULT_MODEL


def probe(
    model: Annotated[Path, typer.Option(help="A model folder, or models:/NAME@ALIAS.")] = DEFAULT_MODEL,
    settings: Annotated[Path, typer.Option(help="Cores, and where the choice is kept.")] = CONFIGS / "score.yaml",
    again: Annotated[bool, typer.Option("--again", help="Try even if it was tried on this machine before.")] = False,
) -> None:
    """Find the fastest way to run a model on this machine, and check that it computes what was measured.

    Narratives that were sealed with the model go through fp32 and through each faster arithmetic. One that gives other
    causes, types or routes than fp32 is not used; if even fp32 does not give what was sealed, the weights are damaged
    and the exit status is 4. Scoring does this by itself where it has to; this command shows it.

    Example: gongdan probe --again
    """
    from pipeline.classify.answer import ScoreSettings
    from pipeline.classify.probe import Probe, examine
    from pipeline.classify.tuning import tuning_of

    chosen, folder = ScoreSettings.load(settings), model_folder(model)
    if Probe.read(folder) is None:
        typer.echo(f"{folder} has no probe: it has no BERT, and computes the same everywhere")
        return
    with console.steps() as step:
        tuning = tuning_of(folder, chosen, step, again=again)
        step("comparing with what was sealed")
        verdict = examine(folder, tuning.runtime, chosen)
    table = Table(title="narratives a second on this machine, every one read by the BERT", title_justify="left")
    for name in ("arithmetic", "tokens in a batch", "a second", "against fp32", "used"):
        table.add_column(name, justify="right" if name == "a second" else "left", overflow="fold")
    for number, trial in enumerate(tuning.trials):
        runtime = trial.runtime
        used = f"no: {'; '.join(trial.refused)}" if trial.refused else "yes" if number == 0 else ""
        table.add_row(runtime.arithmetic, str(runtime.batch_tokens), f"{trial.rate:.1f}", trial.agreement, used)
    console.out().print(table)
    if verdict is not None:
        typer.echo(f"{verdict.runtime.arithmetic} today: {verdict.agreement.describe()}")
        if verdict.problem is not None:
            console.show_error(verdict.problem)
