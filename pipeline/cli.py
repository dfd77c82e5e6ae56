"""The `gongdan` command: parse, call, print."""

import json
import logging
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from pipeline import console
from pipeline.commands import service
from pipeline.commands import taxonomy as taxonomy_commands
from pipeline.commands.probe import probe
from pipeline.commands.service import model_folder
from pipeline.commands.tune import tune
from pipeline.errors import EXIT_FALLBACK, EXIT_PARTIAL, EXIT_UNWRITTEN, ConfigError, FileError, GongdanError
from pipeline.settings import CONFIGS, CORPUS, DEFAULT_MODEL, LEXICON, NEIGHBOURS, REVIEWS, load_settings, resolve

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipeline.classify.model import ReadBert

# What a command needs is imported where it runs: `gongdan --help` should not wait for scikit-learn.

_STRICT = 2  # exit status of `score --strict` when rows were rejected
_LISTED = 10  # tickets named per word by `lexicon check --data`


class _Commands(TyperGroup):
    """Shows an expected error as one line instead of a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except GongdanError as error:
            console.show_error(error)
            raise typer.Exit(error.exit_status) from error


app = typer.Typer(
    cls=_Commands,
    help="Reads power-utility complaint tickets (95598): type, cause, how sure, and whether a person must look.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
taxonomy_app = typer.Typer(help="The classification tree.", no_args_is_help=True)
lexicon_app = typer.Typer(help="The segmenter's own words.", no_args_is_help=True)
app.add_typer(taxonomy_app, name="taxonomy")
corpus_app = typer.Typer(help="Labelled narratives.", no_args_is_help=True)
app.add_typer(lexicon_app, name="lexicon")
app.add_typer(corpus_app, name="corpus")
review_app = typer.Typer(help="The review desk, in a browser.", invoke_without_command=True)
app.add_typer(review_app, name="review")

ModelOption = Annotated[
    Path, typer.Option("--model", help="A model folder, or what MLflow holds: models:/gongdan@champion.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


@app.command()
def score(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help=".csv (UTF-8 or GB18030), .xlsx, .parquet or .jsonl.")
    ],
    target: Annotated[Path, typer.Option("--output", "-o", help="Where the answers go; the ending says the format.")],
    model: ModelOption = DEFAULT_MODEL,
    settings: Annotated[Path, typer.Option("--settings", help="Routing, batch size, processes.")] = CONFIGS
    / "score.yaml",
    as_json: JsonOption = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 2 if any row was rejected.")] = False,
    engine: Annotated[
        Literal["local", "spark"],
        typer.Option("--engine", help="spark: many machines over a .parquet or a folder of them, see docs/spark.md."),
    ] = "local",
    master: Annotated[str, typer.Option("--master", help="Where Spark runs, with --engine spark.")] = "local[*]",
    device: Annotated[
        str, typer.Option("--device", help="cuda: a GPU reads with the BERT (needs PyTorch: make train).")
    ] = "cpu",
) -> None:
    """Classify a file of tickets.

    Every accepted row gets one row in OUTPUT, in the same order. Rows that cannot be used go to OUTPUT.rejects.csv
    with their number, a code and what to do. OUTPUT appears only when it is complete.

    Example: gongdan score export.xlsx -o answers.xlsx
    """
    from pipeline.classify.answer import ScoreSettings
    from pipeline.classify.score import score_file
    from pipeline.taxonomy import Taxonomy
    from pipeline.tickets import count_hint

    chosen, model = ScoreSettings.load(settings), model_folder(model)
    if engine == "spark":
        from pipeline.nightly.spark import score_parquet

        summary = score_parquet(source, target, model, chosen, master=master, bar=console.err().is_terminal)
    else:
        bert = None if device == "cpu" else _on_device(device)
        with console.rows_progress() as begin:
            advance = begin(source.name, lambda: count_hint(source))
            summary = score_file(source, target, model, chosen, advance=advance, bert=bert)
    if as_json:
        _print_json(summary.as_dict())
    else:
        console.show_summary(summary, Taxonomy.load())
    if strict and summary.tally.rejects:
        raise typer.Exit(_STRICT)


def _on_device(device: str) -> "ReadBert":
    try:
        from pipeline.train.device import on_device
    except ModuleNotFoundError as error:
        raise ConfigError(
            "extra_missing",
            f"--device {device} needs what is not installed here ({error.name}); make train installs it",
        ) from error
    return on_device(device)


@app.command()
def nightly(
    config: Annotated[Path, typer.Option(help="What to read, which model, where to keep it.")] = CONFIGS
    / "nightly.yaml",
    since: Annotated[
        datetime | None, typer.Option(help="Leave out tickets accepted before this time.", metavar="DATE")
    ] = None,
    fallback: Annotated[
        bool,
        typer.Option("--fallback", help="If the model cannot be used, go on with the last one that closed a night."),
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay-rejects", help="Try the rejected rows again, and nothing else.")
    ] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Log to standard error as JSON, one object a line.")
    ] = False,
) -> None:
    """Score what is new and keep it in the database, once per ticket, text and model.

    Run it as often as you like: a ticket that this model has answered is not answered again, and a run that was killed
    is resumed by the next.

    Exit status: 0 closed · 3 configuration · 4 model · 5 database · 6 source of tickets · 7 another run is at work ·
    8 closed, but files could not be read · 9 closed with the previous model · 10 disk full · 11 closed, but reports or
    copies could not be written. docs/operations.md says what each asks for.
    """
    from pipeline.nightly import NightlySettings, run_night
    from pipeline.taxonomy import Taxonomy

    if log_json:
        console.log_as_json()
    settings = service.with_model(load_settings(config, NightlySettings), fallback=fallback)
    with console.rows_progress() as begin:
        night = run_night(settings, since=since, fallback=fallback, replay=replay, begin=begin)
    console.show_night(night, Taxonomy.load())
    for failure in night.failures:
        console.show_error(failure)
    if night.instead is not None:
        console.show_error(night.instead, f"; {night.model} was used instead")
    if night.verdict is not None and night.verdict.problem is not None:
        console.show_error(night.verdict.problem)
    if night.unwritten is not None:
        console.show_error(night.unwritten, f"; run {night.run_id} is closed all the same")
        raise typer.Exit(EXIT_UNWRITTEN)
    if night.instead is not None:
        raise typer.Exit(EXIT_FALLBACK)
    if night.failures:
        raise typer.Exit(EXIT_PARTIAL)


@app.command(name="report")
def report_command(
    run: Annotated[int | None, typer.Option(help="Number of the run; the newest closed night otherwise.")] = None,
    month: Annotated[
        datetime | None, typer.Option(help="A month instead of a night.", formats=["%Y-%m"], metavar="YYYY-MM")
    ] = None,
    config: Annotated[Path, typer.Option(help="The nightly job's configuration: which database.")] = CONFIGS
    / "nightly.yaml",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder; by default one of the report's own in var/reports.")
    ] = None,
    tree: Annotated[
        Path | None, typer.Option("--taxonomy", help="Read it under this tree, an older or a newer one.")
    ] = None,
) -> None:
    """Write the report of a night or a month: report.html to look at, report.xlsx to work with.

    The newest night's report is for every morning; --month 2026-10 sums up the tickets accepted in that month.
    docs/report.md says what each section counts, docs/taxonomy.md how a report reads under another tree.
    """
    from pipeline.nightly import NightlySettings
    from pipeline.nightly import report as reports
    from pipeline.taxonomy import Taxonomy

    if run is not None and month is not None:
        raise typer.BadParameter("give either --run or --month")
    settings = load_settings(config, NightlySettings)
    taxonomy = Taxonomy.load() if tree is None else Taxonomy.load(tree)

    def read(connection: "Connection") -> reports.Report:
        if month is not None:
            return reports.month_report(connection, month.date(), taxonomy)
        number = reports.newest_night(connection, taxonomy.version if tree else None) if run is None else run
        return reports.night_report(connection, number, taxonomy)

    report = reports.reading(settings.database, settings.retry, read)
    name = report.name if tree is None else f"{report.name}-{taxonomy.version}"
    written = reports.write_report(report, output or reports.REPORTS / name)
    typer.echo(f"{written.page}\n{written.book}")


@review_app.callback()
def review(
    context: typer.Context,
    config: Annotated[Path, typer.Option(help="The desk's configuration.")] = CONFIGS / "review.yaml",
    host: Annotated[str | None, typer.Option(help="Instead of the configuration's.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Instead of the configuration's.")] = None,
) -> None:
    """Serve the review desk: quality staff decide about the tickets of the nights, in a browser.

    On an empty desk a first administrator is made, whose one-time password is printed once; he makes the accounts of
    the others. docs/review.md says who may do what, and what the figures mean.
    """
    settings = _review_settings(config)
    context.obj = settings
    if context.invoked_subcommand is None:
        from pipeline.review.serve import serve

        changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        serve(settings.model_copy(update=changes), console.show_desk)


@review_app.command(name="fill")
def review_fill(context: typer.Context) -> None:
    """Look through the nights that have no queue yet, and stop; the desk itself does so every minute."""
    from pipeline.review.serve import opened

    with opened(context.obj) as desk:
        for night in desk.worker.filler.fill():
            typer.echo(f"run {night.run_id}: {night.items} of {night.tickets} tickets, {night.blind} of them blind")


@review_app.command(name="password")
def review_password(
    context: typer.Context, name: Annotated[str, typer.Argument(help="Whose; the first administrator is admin.")]
) -> None:
    """Give an account a new one-time password, when no administrator can do so in the browser.

    On an empty desk, `gongdan review password admin` makes the first administrator.
    """
    from pipeline.review import users
    from pipeline.review.serve import opened

    with opened(context.obj) as desk:
        first = users.first_administrator(desk.pool, context.obj.access) if name == users.FIRST_NAME else None
        typer.echo(first[1] if first else users.reset_by_name(desk.pool, name, context.obj.access))


def _review_settings(config: Path) -> Any:  # noqa: ANN401 - its type needs what it is about to look for
    from pipeline.errors import ConfigError

    try:
        import uvicorn  # noqa: F401

        from pipeline.review.settings import ReviewSettings
    except ModuleNotFoundError as error:
        raise ConfigError(
            "review_missing", f"the review desk needs {error.name}: run `make review`, or pip install '.[review]'"
        ) from None
    return ReviewSettings.load(config)


@app.command()
def train(
    config: Annotated[Path, typer.Option(help="A complete training configuration, see configs/train/.")],
    output: Annotated[Path | None, typer.Option(help="Write the model here instead of where the config says.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on where a BERT's training was stopped.")] = True,
) -> None:
    """Train a model on labelled narratives and write it as a folder.

    The linear model takes a minute; the BERT needs what `make train` installs, and an hour on two cores.

    Example: gongdan train --config configs/train/bert.yaml
    """
    from pipeline.taxonomy import Taxonomy
    from pipeline.train import load_train_settings, run

    settings = load_train_settings(config)
    if output is not None:
        settings = settings.model_copy(update={"output": output.absolute()})
    with console.steps() as step:
        trained = run(settings, step, resume=resume)
    console.show_trained(trained, Taxonomy.load(resolve(settings.taxonomy)))


@app.command(name="evaluate")
def evaluate_command(
    data: Annotated[Path, typer.Option(help="Labelled .jsonl or .csv (or a folder of them): id, text, cause or type.")],
    model: ModelOption = DEFAULT_MODEL,
    min_support: Annotated[
        int, typer.Option(min=1, help="Macro-F1 counts the labels that occur at least so often.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled narratives.

    Example: gongdan evaluate --data data/corpus --min-support 5
    """
    from pipeline.classify.model import Model
    from pipeline.corpus import load_labelled
    from pipeline.train.evaluate import evaluate

    loaded = Model.load(model_folder(model))
    evaluation = evaluate(loaded, load_labelled(data, loaded.taxonomy), min_support=min_support)
    if as_json:
        _print_json({"model": loaded.name, **evaluation.figures()})
    else:
        console.show_evaluation(evaluation, loaded.name)


@app.command(name="explain")
def explain_command(
    source: Annotated[
        Path | None, typer.Argument(metavar="[INPUT]", help="A file of tickets, as for `gongdan score`.")
    ] = None,
    ticket: Annotated[str | None, typer.Option(help="The id of one ticket in INPUT; the first one otherwise.")] = None,
    text: Annotated[str | None, typer.Option(help="A narrative, instead of INPUT.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    corpus: Annotated[Path, typer.Option(help="Labelled narratives to compare with.")] = CORPUS,
    as_json: JsonOption = False,
) -> None:
    """Tell why a ticket got its answer: the words that carried type and cause, and the most similar narratives.

    Each word is left out in turn; those that the answer loses most by are shown. Then all of them are taken out at
    once: if that does not move the answer, the explanation is marked as not reliable. The first call for a model reads
    the labelled narratives, which takes a minute or two with the BERT; later ones take seconds.

    Example: gongdan explain export.xlsx --ticket 2026102300001234
    """
    from pipeline.classify.explain import explain
    from pipeline.classify.model import Model
    from pipeline.classify.neighbours import Neighbours
    from pipeline.corpus import load_labelled

    loaded = Model.load(model_folder(model))
    narrative = _narrative(source, ticket, text)
    with console.steps() as step:
        step("leaving out words")
        explanation = explain(loaded, narrative)
        rows = [row for row in load_labelled(corpus, loaded.taxonomy) if row.cause is not None]
        neighbours = Neighbours.load(
            loaded, rows, NEIGHBOURS, lambda done, total: step("reading the labelled narratives (once)", done, total)
        ).nearest(narrative)
    if as_json:
        _print_json(
            {
                "model": loaded.name,
                "text": narrative,
                **{
                    level: {**asdict(evidence), "reliable": evidence.reliable}
                    for level, evidence in (("type", explanation.type), ("cause", explanation.cause))
                },
                "neighbours": [
                    {"id": it.row.id, "cause": it.row.cause, "text": it.row.text, "similarity": it.similarity}
                    for it in neighbours
                ],
            }
        )
    else:
        console.show_explanation(explanation, neighbours, loaded.taxonomy)


def _narrative(source: Path | None, ticket_id: str | None, text: str | None) -> str:
    """Return the prepared narrative that is meant; raises FileError if there is no such ticket."""
    from pipeline.text import read_narrative
    from pipeline.tickets import Columns, Ticket, read_tickets

    if (source is None) == (text is None) or (text is not None and ticket_id is not None):
        raise typer.BadParameter("give either INPUT (and --ticket) or --text")
    if text is not None:
        if not (narrative := read_narrative(text).text):
            raise typer.BadParameter("--text holds no narrative")
        return narrative
    assert source is not None  # noqa: S101 - one of the two is there
    entries = (entry for entry in read_tickets(source, Columns.load()) if isinstance(entry, Ticket))
    found = next((entry for entry in entries if ticket_id in (None, entry.ticket_id)), None)
    if found is None:
        wanted = f"编号为 {ticket_id} 的可用工单，请检查编号" if ticket_id else "可用的工单"
        raise FileError("ticket_missing", f"{source} 中没有{wanted}。")
    return read_narrative(found.text, found.personal).text


@taxonomy_app.command(name="check")
def taxonomy_check(
    file: Annotated[Path, typer.Option(help="The tree to check.")] = CONFIGS / "taxonomy.yaml",
) -> None:
    """Name every fault of a taxonomy file with its line and reason; exit with status 1 if there is any."""
    from pipeline.taxonomy import Taxonomy, check

    problems = check(file)
    for problem in problems:
        typer.echo(str(problem))
    if problems:
        raise typer.Exit(1)
    tree = Taxonomy.load(file)
    typer.echo(f"{file}: {len(tree.types)} types, {len(tree.causes)} causes, version {tree.version}: no fault found")


taxonomy_app.command(name="migrate")(taxonomy_commands.migrate)


@lexicon_app.command(name="check")
def lexicon_check(
    file: Annotated[Path, typer.Option("--lexicon", help="The lexicon to check.")] = LEXICON,
    data: Annotated[
        Path | None, typer.Option(help="Tickets: tell which of them each word makes jieba cut anew.")
    ] = None,
) -> None:
    """Find words that do nothing or do harm; exit with status 1 if there are errors (warnings are for you to judge).

    With --data, list every word that changes how tickets are cut: where it only joins its own parts, and where it
    breaks its neighbours, with the tickets.
    """
    from pipeline.text import lexicon

    findings = lexicon.check(file)
    for finding in findings:
        typer.echo(str(finding))
    errors = sum(finding.severity == lexicon.ERROR for finding in findings)
    typer.echo(f"{file}: {errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise typer.Exit(1)
    if data is not None:
        _show_cut_changes(file, data)


@corpus_app.command(name="check")
def corpus_check(
    data: Annotated[Path, typer.Argument(help="Labelled .jsonl or .csv, or a folder of them.")] = CORPUS,
    readings: Annotated[
        Path | None, typer.Option(help="A .csv with both readers' labels: id,first,second,hard,pair,side.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Labelled texts to compare repetition with.")] = None,
) -> None:
    """Count a corpus, and look for what a model would learn from it that nobody meant.

    Prints Markdown: narratives per cause and voice; lengths, and how far form alone (length, punctuation, line breaks,
    voice) tells the types apart; how much it repeats itself; how far two readers agree.

    Example: gongdan corpus check --readings data/readings.csv
    """
    from pipeline.corpus import load_labelled, report
    from pipeline.corpus.readings import load_readings
    from pipeline.taxonomy import Taxonomy

    taxonomy = Taxonomy.load()
    with console.steps() as step:
        step("reading")
        rows = load_labelled(data, taxonomy)
        step("guessing types from form alone")
        parts = [report.counts(rows, taxonomy), report.form(rows, taxonomy)]
        if readings is not None:
            parts.append(report.second_reading(load_readings(readings), taxonomy))
        if against is not None:
            step("counting 4-grams")
            parts.append(report.repetition(rows, load_labelled(against, taxonomy), against.stem))
    console.show_markdown("\n\n".join(parts))


@corpus_app.command(name="add-reviews")
def corpus_add_reviews(
    output: Annotated[Path, typer.Option("--output", "-o", help="A .jsonl of labelled narratives.")] = REVIEWS,
    config: Annotated[Path, typer.Option(help="The review desk's configuration: which database.")] = CONFIGS
    / "review.yaml",
    data: Annotated[Path, typer.Option(help="The corpus whose calibration and test rows are protected.")] = CORPUS,
) -> None:
    """Turn the decisions of the review desk into labelled narratives for training.

    Each row keeps the chain of decisions it comes from. Tickets that were read blind never become rows, nor does what
    is nearly the same as one of them or as a narrative that calibrates or tests. Run again, the file is made anew.
    """
    from pipeline.corpus import load_labelled
    from pipeline.nightly import NightlySettings
    from pipeline.review.teach import teach
    from pipeline.store.database import reading
    from pipeline.taxonomy import Taxonomy

    nightly, taxonomy = load_settings(resolve(_review_settings(config).nightly), NightlySettings), Taxonomy.load()
    corpus = load_labelled(data, taxonomy)
    taught = reading(nightly.database, nightly.retry, lambda connection: teach(connection, corpus, taxonomy, output))
    typer.echo(
        f"{output}: {taught.rows} rows, {taught.corrections} of them corrections; "
        f"{taught.protected} left out, too near to blind, calibration or test narratives"
    )


def _show_cut_changes(file: Path, data: Path) -> None:
    from pipeline.text import lexicon, read_narrative
    from pipeline.tickets import Columns, Ticket, read_tickets

    entries = read_tickets(data, Columns.load())
    tickets = (
        (entry.ticket_id, read_narrative(entry.text, entry.personal).text)
        for entry in entries
        if isinstance(entry, Ticket)
    )
    changes = lexicon.compare_cuts(lexicon.Lexicon.load(file), tickets)
    for change in changes:
        before, after = change.example
        typer.echo(
            f"{change.word}: joins its parts in {len(change.joins)} tickets, breaks neighbours in {len(change.breaks)}"
        )
        typer.echo(f"    {before} -> {after}")
        listed = (change.breaks or change.joins)[:_LISTED]
        typer.echo(f"    {'breaks' if change.breaks else 'joins'}: {' '.join(listed)}")
    typer.echo(f"{len(changes)} words change how tickets of {data.name} are cut")


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


service.register(app)
app.command()(tune)
app.command()(probe)


def main() -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app()
