"""What a report is made of before it becomes a page or a workbook: sections with charts and tables."""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

Cell = str | int | float | None  # None: nothing can be said


class Kind(StrEnum):
    """How the cells of a column are shown."""

    TEXT = "text"
    COUNT = "count"  # 1,245
    SHARE = "share"  # 45.14%
    NUMBER = "number"  # 3.2
    CHANGE = "change"  # +4.6%
    FIGURE = "figure"  # three digits, whatever its size


NOTHING = "—"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; with `bar`, the page draws its shares as bars."""

    name: str
    kind: Kind = Kind.TEXT
    bar: bool = False
    group: str = ""  # written above neighbouring columns that share it


@dataclass(frozen=True, slots=True)
class Table:
    """A table: a sheet of the workbook, and on the page its first `shown` rows."""

    sheet: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    total: tuple[Cell, ...] | None = None
    shown: int = 20

    def top(self, at: int) -> float:
        """Return the greatest figure of a column: its bar fills the room."""
        figures = (cell for row in self.rows if isinstance(cell := row[at], int | float))
        return max(figures, default=0) or 1

    def groups(self) -> list[tuple[str, int]]:
        """Return the runs of columns that share a group: its name and how many they are."""
        return [(name, len(list(run))) for name, run in groupby(self.columns, key=lambda column: column.group)]


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a bar chart: per series a share (None: no data) and what is written at its end."""

    label: str
    shares: tuple[float | None, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars, one group per label."""

    title: str
    series: tuple[str, ...]
    bars: tuple[Bar, ...]
    form: str = "bars"

    @property
    def top(self) -> float:
        """The greatest share: its bar fills the room."""
        return max((value or 0 for bar in self.bars for value in bar.shares), default=0) or 1


@dataclass(frozen=True, slots=True)
class Pile:
    """One upright bar: lengths of its layers from 0 to 1, what they add up to, and whether it is a peak."""

    label: str
    layers: tuple[float, ...]
    total: int
    marked: bool


@dataclass(frozen=True, slots=True)
class Piles:
    """Upright bars in a row, of layers that `series` names."""

    title: str
    series: tuple[str, ...]
    piles: tuple[Pile, ...]
    form: str = "piles"


@dataclass(frozen=True, slots=True)
class Box:
    """Where a quarter, half, three quarters and nine tenths lie, from 0 to 1, and the words beside it."""

    label: str
    marks: tuple[float, float, float, float]
    text: str


@dataclass(frozen=True, slots=True)
class Boxes:
    """Spreads on one scale from 0 to `top`."""

    title: str
    boxes: tuple[Box, ...]
    ticks: tuple[tuple[float, str], ...]
    form: str = "boxes"


Chart = Bars | Piles | Boxes


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: sentences first, then charts, then tables."""

    key: str
    title: str
    lead: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A headline figure; `tone` is "" or "warn"."""

    label: str
    value: str
    unit: str
    note: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]
    cards: tuple[Card, ...]
    sections: tuple[Section, ...] = field(default_factory=tuple)


def share(part: float, whole: float) -> float | None:
    """Return a part of a whole from 0 to 1, None of nothing."""
    return part / whole if whole else None


def percent(value: float | None) -> str:
    """Return a share as the page writes it.

    >>> percent(562 / 1245), percent(None)
    ('45.14%', '—')
    """
    return NOTHING if value is None else f"{value:.2%}"


def of(part: int, whole: int, unit: str) -> str:
    """Return a count with its denominator.

    >>> of(39, 400, "台区")
    '39 / 400 台区（9.75%）'
    """
    return f"{part:,} / {whole:,} {unit}（{percent(share(part, whole))}）"
