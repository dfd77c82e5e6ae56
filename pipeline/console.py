"""What people see on a terminal: progress while it works, tables when it is done."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pipeline.errors import GongdanError

if TYPE_CHECKING:  # what is shown is made elsewhere; loading it is not this module's business
    from pipeline.classify.explain import Explanation
    from pipeline.classify.neighbours import Neighbour
    from pipeline.classify.score import Summary
    from pipeline.nightly import Night
    from pipeline.taxonomy import Taxonomy
    from pipeline.train.evaluate import Evaluation, LabelScore
    from pipeline.train.finish import Trained

_SHOWN = 120  # characters of a neighbour
_WORST = 15  # causes listed by `evaluate`: those with the lowest F1


def out() -> Console:
    """Results go to standard output; in a log, tables keep their width and have no colours."""
    console = Console()
    return console if console.is_terminal else Console(width=110)


def err() -> Console:
    """Errors and progress go to standard error."""
    return Console(stderr=True)


def show_error(error: GongdanError, further: str = "") -> None:
    """Show an expected error as one line, or log it where a program reads along."""
    if any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers):
        logging.getLogger(__name__).error(error.message + further, extra={"code": error.code})
        return
    message = error.message + further
    err().print(f"[bold red]{error.code}[/]: ", message, sep="", highlight=False, soft_wrap=True)


def log_as_json() -> None:
    """Log one JSON object a line to standard error, from INFO on."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(["levelname", "name", "message"], rename_fields={"levelname": "level"}, timestamp="time")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


@contextmanager
def rows_progress() -> Iterator[Callable[[str, Callable[[], int | None]], Callable[[int], None]]]:
    """Show one bar per source of rows on a terminal and nothing in a log.

    Yields a function that begins a source, given its name and what counts its rows, and returns what is to be told how
    many of them were done. Rows are counted only where there is a bar to draw.
    """
    console = err()
    if not console.is_terminal:
        yield lambda _name, _count: lambda _rows: None
        return
    with _bar(console) as bar:

        def begin(name: str, count: Callable[[], int | None]) -> Callable[[int], None]:
            task = bar.add_task(name, total=count())
            return lambda rows: bar.advance(task, rows)

        yield begin


class Steps:
    """Names the step that runs; where its length is known, how far it is and how long it will take."""

    def __init__(self, console: Console, bar: Progress | None) -> None:
        """Take a bar to draw on, or None in a log: there every step is one line."""
        self._console, self._bar = console, bar
        self._task = bar.add_task("starting", total=None) if bar else None
        self._name = ""

    def __call__(self, name: str, done: int = 0, total: int | None = None) -> None:
        """Take the step's name and how much of it is done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=name, completed=done, total=total)
        elif name != self._name:
            share = f" ({done / total:.0%})" if total else ""
            self._console.print(f"{name}{share} ...", highlight=False)
        self._name = name


@contextmanager
def steps() -> Iterator[Steps]:
    """Show steps in place on a terminal, one line each in a log."""
    console = err()
    if not console.is_terminal:
        yield Steps(console, None)
        return
    with _bar(console) as bar:
        yield Steps(console, bar)


def show_summary(summary: "Summary", taxonomy: "Taxonomy") -> None:
    """Show what `gongdan score` did."""
    tally, console = summary.tally, out()
    console.print(_types_table(dict(tally.types), taxonomy))
    if tally.rejects:
        console.print(_rejects_table(dict(tally.rejects)))
    rate = f", {tally.scored / summary.seconds:,.0f} a second" if summary.seconds else ""
    console.print(f"待人工复核 to review: {_share(tally.review, tally.scored)}")
    console.print(
        f"{tally.scored} tickets -> {summary.output} ({summary.model}{rate})", highlight=False, soft_wrap=True
    )
    console.print(f"{tally.rejects.total()} rejected rows -> {summary.rejects_file}", highlight=False, soft_wrap=True)


def show_night(night: "Night", taxonomy: "Taxonomy") -> None:
    """Show what a nightly run did, and what the database now holds for its model."""
    console, holdings, counts = out(), night.holdings, night.counts
    console.print(_types_table(holdings.types, taxonomy))
    if holdings.rejects:
        console.print(_rejects_table(holdings.rejects))
    console.print(f"待人工复核 to review: {_share(holdings.routes.get('review', 0), sum(holdings.types.values()))}")
    before = f", {counts.before_since} before --since" if counts.before_since else ""
    resumed = f", resumed after {night.resumed} interruptions" if night.resumed else ""
    console.print(
        f"run {night.run_id}{resumed}: {counts.read} rows = {counts.scored} scored + {counts.review} left to review + "
        f"{counts.known} known already + {counts.rejected} rejected{before} ({night.model})",
        highlight=False,
        soft_wrap=True,
    )
    if night.verdict is not None:
        arithmetic, found = night.verdict.runtime.arithmetic, night.verdict.agreement.describe()
        console.print(
            f"computed in {arithmetic}; this processor against fp32: {found}", highlight=False, soft_wrap=True
        )
    for alarm in night.alarms:
        console.print(f"[yellow]请留意 watch[/]: {alarm}", highlight=False)
    for path in night.files:
        console.print(f"-> {path}", highlight=False, soft_wrap=True)
    if not counts.scored + counts.review:
        console.print("没有新工单 nothing new: every ticket was answered before by this model.")


def show_markdown(text: str) -> None:
    """Show Markdown: set on a terminal, as it is in a file or a pipe."""
    console = out()
    console.print(Markdown(text) if console.is_terminal else text, highlight=False, markup=False, soft_wrap=True)


def show_evaluation(evaluation: "Evaluation", model: str) -> None:
    """Show figures, the table of types, and the causes that go worst."""
    console = out()
    table = Table(title=f"{model}: {evaluation.n} rows", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in evaluation.figures().items():
        table.add_row(name, str(value) if isinstance(value, int) else f"{value:.4f}")
    console.print(table)
    console.print(_label_table("types", [score for score in evaluation.types if score.support or score.predicted]))
    worst = sorted((score for score in evaluation.causes if score.support), key=lambda score: score.f1)[:_WORST]
    console.print(_label_table(f"the {len(worst)} causes with the lowest F1", worst))


def show_trained(trained: "Trained", taxonomy: "Taxonomy") -> None:
    """Show what training left."""
    console, evaluation = out(), trained.evaluation
    console.print(
        _label_table("on rows it was not trained on, by type", [score for score in evaluation.types if score.support])
    )
    console.print(
        f"type accuracy {evaluation.type_accuracy:.3f}, macro-F1 {evaluation.type_macro_f1:.3f}; "
        f"cause accuracy {evaluation.cause_accuracy:.3f}, macro-F1 {evaluation.cause_macro_f1:.3f}; "
        f"ECE {evaluation.ece:.3f}; {evaluation.n} narratives",
        highlight=False,
    )
    for name, level in (("type", trained.thresholds.type), ("cause", trained.thresholds.cause)):
        console.print(f"{name}: {level.describe()}", highlight=False)
    if trained.without_narrative:
        names = "、".join(taxonomy.cause(cause).name for cause in trained.without_narrative)
        console.print(f"[yellow]no narrative for {len(trained.without_narrative)} causes: {names}")
    console.print(f"model written to {trained.folder}", highlight=False, soft_wrap=True)


def show_explanation(explanation: "Explanation", neighbours: "list[Neighbour]", taxonomy: "Taxonomy") -> None:
    """Show the narrative with the words that carried the answer, each level's test, and similar narratives."""
    console = out()
    text = Text(explanation.text)
    for evidence, style in ((explanation.cause, "underline"), (explanation.type, "bold red")):
        for word in evidence.words:
            text.stylize(style, word.start, word.end)
    console.print(text)
    console.print("[bold red]类型 type[/]  [underline]原因 cause[/]")
    table = Table(title="作出判断的词 words that carried the answer", title_justify="left")
    table.add_column("答案 answer")
    for name in ("概率 probability", "去掉这些词 without them", "去掉别的词 without others"):
        table.add_column(name, justify="right")
    table.add_column("词 words", overflow="fold")
    table.add_column("可靠 reliable")
    for evidence, label in (
        (explanation.type, taxonomy.type(explanation.type.label).name),
        (explanation.cause, taxonomy.cause(explanation.cause.label).name),
    ):
        figures = (f"{figure:.2f}" for figure in (evidence.probability, evidence.without, evidence.without_others))
        words = "、".join(word.text for word in evidence.words) or "-"
        table.add_row(label, *figures, words, "是 yes" if evidence.reliable else "[red]否 no[/]")
    console.print(table)
    near = Table(title="最相似的已标注诉求 nearest labelled narratives", title_justify="left")
    near.add_column("相似度 cosine", justify="right")
    near.add_column("标注 label")
    near.add_column("内容 narrative", overflow="fold")
    for neighbour in neighbours:
        row = neighbour.row
        label = taxonomy.cause(row.cause).name if row.cause else taxonomy.type(row.type).name
        shown = row.text if len(row.text) <= _SHOWN else row.text[:_SHOWN] + "……"
        near.add_row(f"{neighbour.similarity:.2f}", label, Text(shown))
    console.print(near)


def _types_table(types: Mapping[str, int], taxonomy: "Taxonomy") -> Table:
    total = sum(types.values())
    table = Table(title="工单按类型 tickets by type", title_justify="left")
    table.add_column("类型 type")
    table.add_column("件数 tickets", justify="right")
    table.add_column("占比 share", justify="right")
    for kind in taxonomy.types:
        table.add_row(f"{kind.name} {kind.id}", str(types.get(kind.id, 0)), _percent(types.get(kind.id, 0), total))
    table.add_section()
    table.add_row("合计 total", str(total), _percent(total, total))
    return table


def _rejects_table(rejects: Mapping[str, int]) -> Table:
    from pipeline.tickets.rejects import explain

    table = Table(title="未采用的行 rejected rows", title_justify="left")
    table.add_column("代码 code")
    table.add_column("行数 rows", justify="right")
    table.add_column("原因与处理 reason", max_width=72, overflow="fold")
    for code, count in sorted(rejects.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(code, str(count), explain(code))
    return table


def _label_table(title: str, scores: "list[LabelScore]") -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("label")
    for name in ("rows", "predicted", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for score in scores:
        figures = (f"{figure:.3f}" for figure in (score.precision, score.recall, score.f1))
        table.add_row(f"{score.name} {score.id}", str(score.support), str(score.predicted), *figures)
    return table


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console,
    )  # fmt: skip


def _share(part: int, whole: int) -> str:
    return f"{part} / {whole} 件 ({_percent(part, whole)})"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def show_desk(address: str, first: tuple[str, str] | None) -> None:
    """Say where the review desk is, and once who may log in first."""
    console = out()
    if first is not None:
        name, password = first
        console.print("There are no accounts yet. The first administrator, shown only now:", highlight=False)
        console.print(
            f"  name      {name}\n  password  {password}  (to be changed at the first login)", highlight=False
        )
    console.print(f"The review desk is at {address} (Ctrl+C ends it)", highlight=False)
