"""What the complaints are about, in words: types, causes, quoted figures, cross-walks."""

from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.layout import Bar, Bars, Cell, Column, Kind, Section, Table, of, percent, share
from pipeline.nightly.report.mix import NO_THEME, Group
from pipeline.nightly.report.sections import compared
from pipeline.nightly.report.voltage import OVER, UNDER, UNSAID
from pipeline.taxonomy import OUT_OF_SCOPE

_COUNTS = (
    Column("件数", Kind.COUNT),
    Column("占比", Kind.SHARE, bar=True),
    Column("待复核", Kind.COUNT),
    Column("不属实", Kind.COUNT),
)
_DIRECTIONS = {OVER: "过电压", UNDER: "低电压", UNSAID: "未说明方向"}


def types(report: Report) -> Section:
    """Return the section of the types."""
    mix = report.mix
    return Section(
        "types",
        "投诉类型",
        lead=(
            f"五类投诉 {of(mix.complaints, mix.tickets, '件')}；其余 {mix.tickets - mix.complaints:,} 件"
            "经模型判断不是对供电企业的投诉。",
            *(
                compared.basis(report, kind, comparison)
                for kind, comparison in zip(compared.expected(report), report.comparisons, strict=True)
            ),
        ),
        charts=(_type_chart(report),) if mix.complaints else (),
        tables=(_type_table(report),),
        notes=(
            "占比的分母：五类投诉各行为五类投诉合计，“非投诉”为全部工单。",
            "“待复核”是模型把握不足或须人工确认的工单，其类型仍按最可能的计入；“不属实”是导出文件“是否属实”列的结果。",
        ),
    )


def causes(report: Report) -> Section:
    """Return the section of the causes."""
    names = {kind.id: kind.name for kind in report.taxonomy.types}
    rows = tuple(
        (
            group.name,
            names.get(group.parent, group.parent),
            *_counts(group, report),
            *compared.cells(report, {group.key}),
        )
        for group in report.mix.causes
    )
    columns = (Column("原因"), Column("类型"), *_COUNTS, *compared.columns(report))
    return Section(
        "causes",
        "投诉原因",
        lead=(f"出现了 {len(rows)} 个原因，按件数排列；占比的分母与“投诉类型”相同。",),
        tables=(Table("原因", "各原因件数", columns, rows, shown=15),),
    )


def focus(report: Report) -> Section:
    """Return the section of the figures that bulletins quote."""
    mix = report.mix
    figures = (
        ("频繁停电", mix.frequent_outage, "原因“频繁停电”"),
        (
            "服务不规范",
            mix.misconduct,
            "服务投诉中“服务行为”下的全部原因（各类人员的服务态度与服务规范；不含抢修、施工人员）",
        ),
        ("电压异常", mix.voltage, "原因“电压质量长时间异常”"),
    )
    columns = (Column("指标"), Column("件数", Kind.COUNT), Column("占五类投诉", Kind.SHARE, bar=True), Column("口径"))
    rows = tuple((name, count, share(count, mix.complaints), meaning) for name, count, meaning in figures)
    return Section(
        "focus",
        "重点指标",
        tables=(Table("重点指标", f"占五类投诉 {mix.complaints:,} 件的比例", columns, rows), _voltage_table(report)),
        notes=(
            "电压方向按受理内容的字句和电压值识别（220 V 单相：低于 198 V 为低，高于 235.4 V 为高）；"
            "两个方向都提到的计入“未说明方向”。",
            "客户按户号（没有户号时按电话）的匿名代号区分；“无客户信息”的工单不计入客户数。",
        ),
    )


def indicators(report: Report) -> Section:
    """Return the section of the cross-walks."""
    mix = report.mix
    themes = tuple(
        Group(group.key, group.name if group.key != NO_THEME else "不属于任何主题", group.tickets)
        for group in mix.themes
    )
    return Section(
        "indicators",
        "满意度指标与服务主题",
        lead=("每件投诉按其原因归入一个主要的满意度指标，以及至多一个服务主题。",),
        tables=(
            _crossed(
                "满意度指标", f"盖洛普八项满意度指标（五类投诉 {mix.complaints:,} 件）", mix.indicators, mix.complaints
            ),
            _crossed("服务主题", f"四个服务主题（五类投诉 {mix.complaints:,} 件）", themes, mix.complaints),
        ),
        notes=(
            "原因与指标、主题的对应关系是本项目自定的（configs/taxonomy.yaml），没有公开的标准；满意度指标衡量感受，投诉类型衡量服务差错。",
        ),
    )


def _type_chart(report: Report) -> Bars:
    comparisons = tuple(compared.there(report))
    bars = []
    for group in report.mix.types:
        if group.key != OUT_OF_SCOPE:
            below = {cause.id for cause in report.taxonomy.causes_of(group.key)}
            shares = (
                share(group.tickets, report.mix.complaints),
                *(compared.complaint_share(report, comparison, below) for comparison in comparisons),
            )
            texts = (f"{percent(shares[0])}　{group.tickets:,} 件", *(percent(value) for value in shares[1:]))
            bars.append(Bar(group.name, shares, texts))
    series = ("本期", *(compared.NAMES[comparison.kind] for comparison in comparisons))
    return Bars("各类型占五类投诉的比例", series, tuple(bars))


def _type_table(report: Report) -> Table:
    columns = (Column("类型"), *_COUNTS, *compared.columns(report))
    rows = tuple(
        (group.name, *_counts(group, report), *compared.cells(report, _below(report, group.key)))
        for group in report.mix.types
    )
    everything = frozenset().union(*(_below(report, group.key) for group in report.mix.types))
    total = (
        "全部工单", report.mix.tickets, "", sum(group.review for group in report.mix.types),
        sum(group.unsubstantiated for group in report.mix.types), *compared.cells(report, everything),
    )  # fmt: skip
    return Table("类型", "各类型件数", columns, rows, total=total)


def _below(report: Report, type_id: str) -> frozenset[str]:
    return frozenset(cause.id for cause in report.taxonomy.causes_of(type_id))


def _counts(group: Group, report: Report) -> tuple[Cell, ...]:
    outside = OUT_OF_SCOPE in (group.key, group.parent)
    whole = report.mix.tickets if outside else report.mix.complaints
    return group.tickets, share(group.tickets, whole), group.review, group.unsubstantiated


def _voltage_table(report: Report) -> Table:
    columns = (
        Column("电压异常的方向"),
        Column("客户数", Kind.COUNT),
        Column("件数", Kind.COUNT),
        Column("占电压异常", Kind.SHARE, bar=True),
        Column("无客户信息（件）", Kind.COUNT),
    )
    whole = sum(direction.tickets for direction in report.voltage)
    rows = tuple(
        (_DIRECTIONS[row.key], row.customers, row.tickets, share(row.tickets, whole), row.unnamed)
        for row in report.voltage
    )
    return Table("电压方向", f"电压异常 {whole:,} 件的方向", columns, rows)


def _crossed(sheet: str, title: str, groups: tuple[Group, ...], whole: int) -> Table:
    columns = (Column(sheet), Column("件数", Kind.COUNT), Column("占五类投诉", Kind.SHARE, bar=True))
    rows = tuple((group.name, group.tickets, share(group.tickets, whole)) for group in groups)
    total: tuple[Cell, ...] = ("合计", sum(group.tickets for group in groups), share(whole, whole))
    return Table(sheet, title, columns, rows, total=total)
