"""`gongdan taxonomy migrate`."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pipeline import console
from pipeline.commands.service import with_model
from pipeline.settings import CONFIGS, CORPUS, load_settings

if TYPE_CHECKING:
    from pipeline.review.migrate import Migration, ModelState

Line = tuple[str, str, str]  # what it is about, what becomes of it, how many there are


def migrate(
    do: Annotated[bool, typer.Option("--apply", help="Do it; otherwise it is only shown.")] = False,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(help="Labelled .jsonl or .csv, or a folder of them; may be given again.  [default: data/corpus]"),
    ] = None,
    config: Annotated[Path, typer.Option(help="The nightly job's configuration: which models and database.")] = CONFIGS
    / "nightly.yaml",
    reviews: Annotated[
        bool, typer.Option("--reviews", help="Have reviewers decide anew what they decided for a cause that was split.")
    ] = False,
    tree: Annotated[Path, typer.Option("--taxonomy", help="The changed tree.")] = CONFIGS / "taxonomy.yaml",
) -> None:
    """Show what follows from the changes of the tree, and with --apply do it.

    Labels of renamed and merged causes are rewritten, those of a split one are taken away and written to
    var/taxonomy/to-label.jsonl for a person; none is guessed. Models and stored predictions are left as they are.
    docs/taxonomy.md says more.

    Example: gongdan taxonomy migrate --corpus data/corpus --corpus data/hard.jsonl
    """
    from pipeline.nightly import NightlySettings
    from pipeline.review import migrate as migration
    from pipeline.taxonomy import Taxonomy

    nightly = with_model(load_settings(config, NightlySettings), fallback=True)
    found = migration.plan(Taxonomy.load(tree), corpus or [CORPUS], nightly)
    table = Table("", "", "", title=f"taxonomy {found.taxonomy.version}", title_justify="left", show_header=False)
    for line in _lines(found):
        table.add_row(*line)
    console.out().print(table)
    if do:
        migration.apply(found, nightly, migration.HOME, typer.echo, reviews=reviews)
    else:
        typer.echo("nothing was changed; --apply does it")


def _lines(found: "Migration") -> Iterator[Line]:
    yield from _labels(found)
    for it in found.models:
        yield it.folder.name, _of_model(it), f"tree {it.taxonomy_version}"
    if found.former_predictions is None or found.decisions is None:
        yield "database", "there is none yet", ""
        return
    for version, rows in found.former_predictions.items():
        yield "predictions", f"of tree {version}: keep it", f"{rows} tickets"
    decided = found.decisions
    yield "decisions", "for a cause that was renamed or merged: read as what it became", str(decided.renamed)
    yield "decisions", "for a cause that was split: decided anew with --reviews", str(len(decided.split))
    if decided.drawn:
        stay = "the same of tickets read blind: they judge the model of their night and stay"
        yield "decisions", stay, str(decided.drawn)


def _labels(found: "Migration") -> Iterator[Line]:
    for file in found.files:
        for (old, new), rows in sorted(file.moved.items()):
            yield file.path.name, f"{old} -> {new}: rewritten", f"{rows} labels"
        for (former, parts), rows in sorted(Counter((it.former, it.parts) for it in file.queued).items()):
            yield file.path.name, f"{former} -> {' / '.join(parts) or 'given up'}: left to a person", f"{rows} labels"
    if not any(file.changed for file in found.files):
        yield "labels", f"none of a former cause in {len(found.files)} files", ""


def _of_model(model: "ModelState") -> str:
    if model.state == "fits":
        return "made for this tree"
    if model.state != "sums":
        return f"{model.state}: {model.reason}"
    pairs = ", ".join(f"{old} -> {new}" for old, new in model.summed) or "no cause went"
    blind = f"; blind to {', '.join(model.blind_to)} until trained again" if model.blind_to else ""
    return f"stays valid by summing: {pairs}{blind}"
