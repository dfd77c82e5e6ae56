"""When and where, in words: hours, town and country, units and districts."""

from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.layout import Bar, Bars, Column, Kind, Pile, Piles, Section, Table, of, percent, share
from pipeline.nightly.report.places import REMOTE, RURAL, UNKNOWN, URBAN, Breakdown, Places
from pipeline.taxonomy import OUT_OF_SCOPE

_KINDS = ("城区", "农村（含偏远山区）", "未注明")


def hours(report: Report) -> Section:
    """Return the section of the hours of the day."""
    places = report.places
    if not places.timed:
        return Section("hours", "受理时段", lead=("导出文件没有受理时刻，无法按时段统计。",))
    totals = [sum(counts) for counts in places.hours]
    top = max(totals)
    piles = tuple(
        Pile(str(hour), tuple(count / top for count in counts), totals[hour], hour in places.peaks)
        for hour, counts in enumerate(places.hours)
    )
    columns = (
        Column("时段"),
        Column("件数", Kind.COUNT),
        Column("占比", Kind.SHARE, bar=True),
        *(Column(kind, Kind.COUNT) for kind in _KINDS),
    )
    rows = tuple(
        (f"{hour:02d}:00–{hour:02d}:59", totals[hour], share(totals[hour], places.timed), *counts)
        for hour, counts in enumerate(places.hours)
    )
    peaks = "、".join(f"{hour}时（{totals[hour]:,} 件）" for hour in places.peaks)
    return Section(
        "hours",
        "受理时段",
        lead=(f"高峰：{peaks}。有受理时刻的五类投诉：{of(places.timed, places.of, '件')}。",),
        charts=(Piles("各时段受理的五类投诉（件）", _KINDS, piles),),
        tables=(Table("时段", "各时段件数", columns, rows, shown=0),),
    )


def urban_rural(report: Report) -> Section:
    """Return the section of town and country."""
    places = report.places
    known = places.of - places.kinds[UNKNOWN]
    rural = places.kinds[RURAL] + places.kinds[REMOTE]
    counts = (("城区", places.kinds[URBAN]), ("农村（含偏远山区）", rural))
    chart = Bars(
        f"城乡分布（{known:,} 件注明城乡的五类投诉）",
        ("本期",),
        tuple(
            Bar(name, (share(count, known),), (f"{percent(share(count, known))}　{count:,} 件",))
            for name, count in counts
        ),
    )
    columns = (Column("城乡"), Column("件数", Kind.COUNT), Column("占注明城乡的工单", Kind.SHARE))
    rows = (
        *((name, count, share(count, known)) for name, count in counts),
        ("　其中偏远山区", places.kinds[REMOTE], share(places.kinds[REMOTE], known)),
        ("未注明或无法识别", places.kinds[UNKNOWN], None),
    )
    return Section(
        "urban_rural",
        "城乡",
        charts=(chart,) if known else (),
        tables=(Table("城乡", f"五类投诉 {places.of:,} 件", columns, rows),),
        notes=_strange(places),
    )


def units(report: Report) -> Section:
    """Return the section of cities, districts and units."""
    places = report.places
    levels = (("地市", places.cities, 1), ("区县", places.counties, 2), ("供电单位", places.units, 3))
    tables = tuple(
        _breakdown(report, name, found, depth) for name, found, depth in levels if _tells(found, places.units)
    )
    return Section(
        "units",
        "区县与供电单位",
        lead=() if tables else ("导出文件没有地市、区县或供电单位列。",),
        tables=tables,
    )


def _breakdown(report: Report, name: str, found: Breakdown, depth: int) -> Table:
    kinds = [kind for kind in report.taxonomy.types if kind.id != OUT_OF_SCOPE]
    columns = (
        *(Column(level) for level in ("地市", "区县", "供电单位")[:depth]),
        Column("件数", Kind.COUNT),
        Column("占比", Kind.SHARE, bar=True),
        *(Column(kind.name.removesuffix("投诉"), Kind.COUNT) for kind in kinds),
    )
    rows = tuple(
        (*row.path, row.tickets, share(row.tickets, found.known), *(row.types.get(kind.id, 0) for kind in kinds))
        for row in found.rows
    )
    return Table(name, f"按{name}：{of(found.known, found.of, '件')}五类投诉注明了{name}", columns, rows, shown=15)


def _tells(found: Breakdown, units: Breakdown) -> bool:
    """Tell whether a level divides the tickets, or is all there is."""
    return len(found.rows) > 1 or (found.known > 0 and found is units)


def _strange(places: Places) -> tuple[str, ...]:
    found = "、".join(f"“{value}” {count:,} 件" for value, count in places.strange_kinds)
    return (f"无法识别的城乡类别（各系统的代码含义不同，未作猜测）：{found}。",) if found else ()
