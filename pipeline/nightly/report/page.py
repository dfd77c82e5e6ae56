"""The page: one self-contained HTML file, nothing of it from elsewhere."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.nightly.report.layout import NOTHING, Cell, Document, Kind

_FORMATS = {
    Kind.TEXT: "{}", Kind.COUNT: "{:,.0f}", Kind.SHARE: "{:.2%}", Kind.NUMBER: "{:,.1f}", Kind.CHANGE: "{:+.1%}",
    Kind.FIGURE: "{:,.3g}",
}  # fmt: skip


def render(document: Document) -> str:
    """Return the page; whatever comes from tickets or files is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    return environment.get_template("page.html").render(document=document)


def shown(cell: Cell, kind: Kind) -> str:
    """Return a cell as text.

    >>> shown(1245, Kind.COUNT), shown(0.4514, Kind.SHARE), shown(None, Kind.NUMBER), shown(-0.05, Kind.CHANGE)
    ('1,245', '45.14%', '—', '-5.0%')
    >>> shown(0.0, Kind.CHANGE)
    '0.0%'
    """
    if cell is None:
        return NOTHING
    if isinstance(cell, str):
        return cell
    text = _FORMATS[kind].format(cell)
    return text if text.strip("+-0.%") else text.lstrip("+-")  # neither a growth nor a loss
