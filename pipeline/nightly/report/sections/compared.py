"""Comparisons in words: columns, cells, and what they rest on."""

from collections.abc import Collection, Iterator, Mapping

from pipeline.nightly.report.compare import MONTH, WEEK, YEAR, Comparison
from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.layout import Cell, Column, Kind, share
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy

_LEVEL = 0.0005  # of a growth that would be shown as 0.0 %
NAMES = {WEEK: "上周同日", MONTH: "上月", YEAR: "去年同月"}


def expected(report: Report) -> tuple[str, str]:
    """Return the kinds of the two comparisons that a report has where there are data."""
    return (WEEK if report.month is None else MONTH), YEAR


def there(report: Report) -> Iterator[Comparison]:
    """Yield the comparisons that can be made."""
    yield from (comparison for comparison in report.comparisons if comparison is not None)


def columns(report: Report) -> tuple[Column, ...]:
    """Return three columns for each comparison that can be made."""
    found: list[Column] = []
    for comparison in there(report):
        group = f"与{NAMES[comparison.kind]}比较"
        before = Kind.NUMBER if _is_average(report, comparison) else Kind.COUNT
        found += [
            Column("本期", Kind.COUNT, group=group),
            Column("当时", before, group=group),
            Column("增减", Kind.CHANGE, group=group),
        ]
    return tuple(found)


def cells(report: Report, causes: Collection[str]) -> tuple[Cell, ...]:
    """Return the cells of `columns` for the tickets of some causes together."""
    found: list[Cell] = []
    for comparison in there(report):
        now, before = (_sum(values, causes) for values in (comparison.now, comparison.before))
        found += [round(now), before if _is_average(report, comparison) else round(before), change(now, before)]
    return tuple(found)


def complaint_share(report: Report, comparison: Comparison, causes: Collection[str]) -> float | None:
    """Return which part of the complaints of the time before had one of some causes."""
    return share(_sum(comparison.before, causes), complaints(comparison.before, report.taxonomy))


def complaints(tickets: Mapping[str, float], taxonomy: Taxonomy) -> float:
    """Return how many of the tickets by cause are complaints."""
    outside = {cause.id for cause in taxonomy.causes_of(OUT_OF_SCOPE)}
    return sum(count for cause, count in tickets.items() if cause not in outside)


def change(now: float, before: float) -> float | None:
    """Return the growth as a part of what was before, None from nothing."""
    return (now - before) / before if before else None


def basis(report: Report, kind: str, comparison: Comparison | None) -> str:
    """Say what a comparison rests on, or that there is none."""
    if comparison is None:
        return f"与{NAMES[kind]}比较：无可比数据。"
    now, before = (complaints(values, report.taxonomy) for values in (comparison.now, comparison.before))
    growth = change(now, before)
    figures = f"本期五类投诉 {now:,.0f} 件，{NAMES[kind]} {before:,.{1 if _is_average(report, comparison) else 0}f} 件"
    rate = "" if growth is None else "，持平" if abs(growth) < _LEVEL else f"，{growth:+.1%}"
    return f"与{NAMES[kind]}比较：{_days(report, comparison)}，{figures}{rate}。"


def _days(report: Report, comparison: Comparison) -> str:
    if report.month is not None:
        return f"比较 {comparison.days} 天，其中 {comparison.covered} 天有工单"
    found = f"{comparison.of} 天中 {comparison.days} 天有可比数据"
    if comparison.kind == YEAR:
        return f"{found}，按去年同月有工单的 {comparison.covered} 天的日均折算"
    return found


def _is_average(report: Report, comparison: Comparison) -> bool:
    return report.month is None and comparison.kind == YEAR


def _sum(tickets: Mapping[str, float], causes: Collection[str]) -> float:
    return sum(tickets.get(cause, 0) for cause in causes)
