"""Pictures, small and readable, with Chinese names where a font has them and ids where none does."""

import re
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from pipeline.taxonomy import Taxonomy
from pipeline.train.evaluate import Evaluation
from pipeline.train.slices import Slice

_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "Noto Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Microsoft YaHei", "SimHei", "PingFang SC", "Noto Serif CJK SC", "Noto Serif CJK JP",
)  # fmt: skip
_FILE = re.compile(r"(NotoSans|NotoSerif)(CJK|SC)|SourceHanSans|wqy|msyh|simhei|PingFang", re.IGNORECASE)
_DPI = 80  # a notebook is kept in git
_BARS = 25  # more are not read
_BLUE, _GREY = "#31688e", "#9a9a9a"


class Picture(Figure):
    """A figure that a notebook shows by itself, whatever matplotlib's backend is."""

    def _repr_png_(self) -> bytes:
        data = BytesIO()
        self.savefig(data, format="png", dpi=_DPI, metadata={"Software": None})
        return data.getvalue()


@cache
def chinese_font() -> str | None:
    """Return the family of a font with Chinese characters, None if there is none on this machine."""
    there = {font.name for font in font_manager.fontManager.ttflist}
    if not there.intersection(_FONTS):  # matplotlib keeps a list, and does not see what was installed since
        for path in font_manager.findSystemFonts():
            if _FILE.search(path):
                font_manager.fontManager.addfont(path)
        there = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _FONTS if name in there), None)


def plot(values: pd.Series, taxonomy: Taxonomy | None = None) -> Figure:
    """Draw what a column holds: words as bars of their counts, numbers as a histogram, times as a count for each day.

    Ids of types and causes are called by their Chinese names (of the project's taxonomy unless another is given) if a
    font with Chinese characters is found. Of more
    than 25 words the commonest are drawn. Raises ValueError for an empty column.
    """
    known = values.dropna()
    if not len(known):
        raise ValueError(f"there is nothing to draw in {values.name!r}")
    words = not pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_datetime64_any_dtype(known)
    counts = known.value_counts().head(_BARS)[::-1] if words else known
    figure, axes = _figure(6.4, 0.8 + 0.24 * len(counts) if words else 2.6)
    if words:
        tree = taxonomy or Taxonomy.load()
        names = [_name(str(it), tree) for it in counts.index]
        axes.barh(range(len(counts)), counts.to_numpy(), color=_BLUE)
        axes.set_yticks(range(len(counts)), names)
        axes.set_xlabel("rows")
        axes.margins(y=0.02)
    elif pd.api.types.is_datetime64_any_dtype(known):
        days = known.dt.floor("D").value_counts().sort_index()
        axes.bar(days.index.to_numpy(), days.to_numpy(), color=_BLUE)
        axes.set_ylabel("rows a day")
        figure.autofmt_xdate()
    else:
        axes.hist(known.astype(float), bins=30, color=_BLUE)
        axes.set_ylabel("rows")
    axes.set_title(str(values.name or ""))
    return _finished(figure)


def confusion_and_calibration(evaluation: Evaluation, taxonomy: Taxonomy) -> Figure:
    """Draw labelled against predicted types, and the share that is right against the probability."""
    figure = Picture(figsize=(10, 4.2), dpi=_DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    counts = np.array(evaluation.confusion, dtype=float)
    left.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = counts[row, column] > counts[row].sum() / 2
        left.text(column, row, f"{int(counts[row, column])}", ha="center", va="center", color="w" if dark else "k")
    names = [_name(it, taxonomy) for it in taxonomy.type_ids]
    left.set_xticks(range(len(names)), names, rotation=35, ha="right")
    left.set_yticks(range(len(names)), names)
    left.set(xlabel="predicted", ylabel="labelled", title=f"accuracy {evaluation.type_accuracy:.3f}")
    bins = evaluation.reliability
    largest = max((it.rows for it in bins), default=1)
    right.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
    right.scatter(
        [it.confidence for it in bins],
        [it.accuracy for it in bins],
        s=[20 + 180 * it.rows / largest for it in bins],
        color=_BLUE,
    )
    right.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="probability of the type", ylabel="share that is right")
    right.set_title(f"calibration error {evaluation.ece:.3f}, {evaluation.n} rows")
    return _finished(figure)


def cost_curve(qualities: Sequence[float], seconds: float) -> Figure:
    """Draw the expected number of wrong labels found against the hours spent, and what random checking would find."""
    doubts = 1 - np.asarray(qualities, dtype=float)
    found, hours = np.cumsum(doubts), np.arange(1, len(doubts) + 1) * seconds / 3600
    figure, axes = _figure(6.4, 3)
    axes.plot(hours, found, color=_BLUE, label="the most doubtful first")
    if len(doubts):
        axes.plot([0, hours[-1]], [0, found[-1]], color=_GREY, linewidth=1, label="at random")
    axes.set(xlabel=f"hours of checking ({seconds:.0f} s a row)", ylabel="wrong labels found (expected)")
    axes.legend(frameon=False)
    return _finished(figure)


def intervals(by: str, parts: Sequence[Slice], overall: float) -> Figure:
    """Draw the accuracy of each part with its interval."""
    shown = list(parts[:_BARS])[::-1]
    figure, axes = _figure(6.4, 1 + 0.24 * len(shown))
    middle = np.array([it.accuracy for it in shown])
    below, above = middle - [it.low for it in shown], np.array([it.high for it in shown]) - middle
    axes.errorbar(middle, range(len(shown)), xerr=[below, above], fmt="o", color=_BLUE, ecolor=_GREY)
    axes.axvline(overall, color=_GREY, linewidth=1)
    names = [it.name if _is_readable(it.name) else f"part {len(shown) - at}" for at, it in enumerate(shown)]
    axes.set_yticks(range(len(shown)), [f"{name} ({it.rows})" for name, it in zip(names, shown, strict=True)])
    axes.set(xlabel="share of right types, with its 95 % interval", title=f"by {by}")
    return _finished(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Picture(figsize=(width, height), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _name(label: str, taxonomy: Taxonomy) -> str:
    """Return what a type or cause is called in a picture; what no font can draw stays out of it."""
    if not _is_readable("中"):
        return label if label.isascii() else "?"
    return taxonomy.type(label).name if label in taxonomy.type_ids else taxonomy.name_of(label)


def _is_readable(text: str) -> bool:
    return text.isascii() or chinese_font() is not None


def _finished(figure: Figure) -> Figure:
    """Give every text a font that has its characters."""
    families = [name for name in (chinese_font(), "DejaVu Sans") if name]
    found: list[Any] = figure.findobj(Text)
    for text in found:
        text.set_fontfamily(families)
    return figure
