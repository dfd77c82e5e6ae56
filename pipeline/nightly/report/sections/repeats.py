"""What comes again, in words: transformer areas and repeat callers."""

from pipeline.nightly.report.areas import NEAR, RULE, SEVERAL, Area, Repeats
from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.layout import Column, Kind, Section, Table, of
from pipeline.nightly.report.mix import cause_name

_PLACE = (Column("供电单位"), Column("台区"))
_IDS = 10  # ticket ids named per customer


def areas(report: Report) -> Section:
    """Return the section of the transformer areas."""
    repeats = report.repeats
    if repeats is None or not repeats.with_area:
        return Section("areas", "台区", lead=("没有同时注明受理时间和台区的工单，无法按台区统计。",))
    span = repeats.windows
    several = of(len(repeats.several), repeats.areas, "台区")
    both = of(len(repeats.both_months), repeats.two_month_areas, "台区")
    return Section(
        "areas",
        "台区",
        lead=(
            f"{_days(span.recent, span.last)}：{of(repeats.with_area, repeats.tickets, '件')}五类投诉注明了台区，"
            f"涉及 {repeats.areas:,} 个台区。",
            f"有 {SEVERAL} 名及以上客户投诉：{several}。"
            if repeats.both_known
            else "导出文件没有客户信息，无法区分客户。",
            f"本月（{span.month:%Y-%m}）和上月连续有投诉：{both}。",
            f"近两个月（{_days(span.outages, span.last)}）反映停电的投诉达到 {RULE} 天及以上："
            f"{of(len(repeats.over), repeats.outage_areas, '台区')}；为 {NEAR} 天、再有一天即达到："
            f"{of(len(repeats.near), repeats.outage_areas, '台区')}。",
        ),
        tables=(
            _outages("停电达三天的台区", f"反映停电的投诉达到 {RULE} 天及以上的台区", repeats.over),
            _outages("停电近三天的台区", f"反映停电的投诉为 {NEAR} 天的台区", repeats.near),
            _several(repeats),
            _both(repeats),
        ),
        notes=(
            "停电天数是反映停电的投诉（停送电投诉和“频繁停电”）的不同受理日数，不是停电记录：同一次停电可能在几天里被投诉，"
            "没有投诉的停电不在其中。两个月内停电三次及以上为“频繁停电”。",
            "分母：“客户”一项为同期有投诉的台区，“连续两月”为这两个月有投诉的台区，“停电”为近两个月有反映停电的投诉的台区。"
            "以上按数据库中全部夜间运行的工单统计，每件工单只计一次。",
        ),
    )


def callers(report: Report) -> Section:
    """Return the section of the repeat callers."""
    repeats = report.repeats
    title = "重复来电"
    if repeats is None or not repeats.with_customer:
        return Section("callers", title, lead=("没有同时注明受理时间和客户的工单，无法统计重复来电。",))
    span = repeats.windows
    tickets = sum(len(caller.tickets) for caller in repeats.callers)
    columns = (
        Column("件数", Kind.COUNT),
        Column("其中同一原因", Kind.COUNT),
        Column("供电单位"),
        Column("原因"),
        Column("最近受理日"),
        Column("工单编号"),
    )
    rows = tuple(
        (
            len(caller.tickets),
            caller.same_cause if caller.same_cause > 1 else 0,
            _unit(caller.place),
            "、".join(cause_name(report.taxonomy, cause) for cause in caller.causes),
            f"{caller.last:%Y-%m-%d}",
            "、".join(caller.tickets[:_IDS]) + ("……" if len(caller.tickets) > _IDS else ""),
        )
        for caller in repeats.callers
    )
    return Section(
        "callers",
        title,
        lead=(
            f"{_days(span.recent, span.last)}，投诉 {SEVERAL} 次及以上的客户："
            f"{of(len(rows), repeats.customers, '客户')}，共 {of(tickets, repeats.with_customer, '件')}。",
        ),
        tables=(Table("重复来电", "重复来电的客户，每行一名", columns, rows, shown=10),),
        notes=(
            "客户按户号（没有户号时按电话）的匿名代号区分，报告不显示客户信息；"
            f"{repeats.tickets - repeats.with_customer:,} 件没有客户信息的工单不计。"
            "同一原因的多次来电不一定是同一件事。",
        ),
    )


def _outages(sheet: str, title: str, rows: tuple[Area, ...]) -> Table:
    columns = (*_PLACE, Column("停电投诉天数", Kind.COUNT), Column("受理日"))
    return Table(
        sheet,
        title,
        columns,
        tuple(
            (
                _unit(row.place),
                row.name,
                len(row.outage_days),
                "、".join(f"{day.month}/{day.day}" for day in row.outage_days[-_IDS:]),
            )
            for row in rows
        ),
        shown=10,
    )


def _several(repeats: Repeats) -> Table:
    columns = (*_PLACE, Column("客户数", Kind.COUNT), Column("件数", Kind.COUNT))
    rows = tuple((_unit(row.place), row.name, row.customers, row.tickets) for row in repeats.several)
    return Table("多客户台区", f"{SEVERAL} 名及以上客户投诉的台区", columns, rows, shown=10)


def _both(repeats: Repeats) -> Table:
    columns = (*_PLACE, Column("本月件数", Kind.COUNT), Column("上月件数", Kind.COUNT))
    rows = tuple((_unit(row.place), row.name, row.this_month, row.month_before) for row in repeats.both_months)
    return Table("连续两月台区", "本月和上月连续有投诉的台区", columns, rows, shown=10)


def _unit(place: tuple[str, str, str]) -> str:
    city, county, unit = place
    return " ".join(filter(None, (county, unit))) or city


def _days(first: object, last: object) -> str:
    return f"{first:%Y-%m-%d} 至 {last:%m-%d}"
