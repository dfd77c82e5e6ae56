"""How tickets were handled, in words: limits and stages, agents, review, rejected rows."""

from math import ceil

from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.layout import Box, Boxes, Cell, Column, Kind, Section, Table, of, share
from pipeline.nightly.report.mix import cause_name
from pipeline.nightly.report.stages import IN_TIME, LATE, NEAR, OPEN, OVERDUE, UNKNOWN, Stages
from pipeline.tickets.rejects import explain

_TIMES = {"accepted_at": "受理", "dispatched_at": "派单", "contacted_at": "联系客户", "closed_at": "办结"}
_LIMITS = {
    "contact": "24 小时内联系客户",
    "internal": "4 个工作日内办结（内部）",
    "public": "5 个工作日内答复（承诺）",
}
_STATES = {
    IN_TIME: "按时", LATE: "超时", OPEN: "未办未到期", NEAR: "临近", OVERDUE: "未办已超", UNKNOWN: "无法判断",
}  # fmt: skip
_ANSWERS = {"cause": "可用到原因", "type": "只可用到类型", "none": "都不可直接用"}
_REASONS = {
    "low_confidence": "把握不足",
    "cause_uncertain": "类型可信、原因不确定",
    "out_of_scope": "判断为非投诉",
    "disagrees_with_agent": "与座席所选类型不同",
    "truncated": "内容过长被截断",
}
_HOURS_A_DAY = 24
_STEPS = (0.25, 0.5, 1, 2, 4, 6, 12, 24, 48, 72, 120, 240, 480, 720)  # hours between the ticks of a scale
_TICKS = 6


def stages(report: Report) -> Section:
    """Return the section of limits and stages."""
    found = report.stages
    if not any(stage.n for stage in found.spreads):
        return Section("stages", "时限与环节时长", lead=("导出文件没有派单、联系或办结时间，无法统计。",))
    clock = "" if found.clock is None else f"数据截至 {found.clock:%Y-%m-%d %H:%M}（最后一件的受理时间），"
    near = "临近指联系时限不足 6 小时，或答复时限不足 24 小时。"
    month = "月报不判断未办结的工单是否超时，因为各件读入数据库的时刻不同。"
    return Section(
        "stages",
        "时限与环节时长",
        lead=(f"{clock}{near}" if found.clock is not None else month,),
        charts=(_boxes(found),),
        tables=(_limit_table(found), _pressing_table(report), _stage_table(found)),
        notes=(
            "时限：24 小时联系、5 个工作日答复为现行《供电服务“十项承诺”》第九条；"
            "4 个工作日办结为江苏 2021 年公布的内部时限。12398、12345 转来的工单另有时限，此处不区分。",
            "工作日按周一至周五计，受理当日不计，到最后一个工作日 24 时为止；"
            "不掌握法定节假日和调休，跨节假日的工单可能被误列。",
            "工单的时间以首次读到它时的导出文件为准。分位数用线性插值；时间先后颠倒的工单不计入。",
        ),
    )


def agent(report: Report) -> Section:
    """Return the section of what the agents chose."""
    found = report.agent
    if not found.with_type:
        return Section("agent", "与座席分类的差别", lead=("导出文件没有可识别的座席分类。",))
    names = {kind.id: kind.name for kind in report.taxonomy.types}
    columns = (
        Column("座席所选"),
        Column("件数", Kind.COUNT),
        *(Column(f"→{name}", Kind.COUNT) for name in names.values()),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, sum(counts), *counts)
        for kind, name in names.items()
        if sum(counts := [found.matrix.get((kind, answer), 0) for answer in names])
    )
    pairs = tuple(
        (*(cause_name(report.taxonomy, cause) for cause in pair), count, share(count, found.with_cause))
        for pair, count in found.causes
    )
    return Section(
        "agent",
        "与座席分类的差别",
        lead=(
            f"类型不同：{of(found.other_type, found.with_type, '件')}；原因不同："
            f"{of(found.other_cause, found.with_cause, '件')}。分母是座席分类可以识别的工单；"
            f"全部工单 {found.of:,} 件中有 {found.unrecognised:,} 件的座席分类无法识别。",
            "不同不等于座席错：模型也会错，须看复核结果。",
        ),
        tables=(
            Table("座席与模型类型", "座席所选类型（行）与模型判断的类型（列）", columns, rows),
            Table(
                "座席与模型原因",
                f"原因不同最多的组合，占座席原因可识别的 {found.with_cause:,} 件",
                (
                    Column("座席所选原因"),
                    Column("模型判断的原因"),
                    Column("件数", Kind.COUNT),
                    Column("占比", Kind.SHARE),
                ),
                pairs,
                shown=10,
            ),
        ),
    )


def review(report: Report) -> Section:
    """Return the section of the review load."""
    found = report.review
    levels = tuple(
        (name, found.answers.get(key, 0), share(found.answers.get(key, 0), found.of)) for key, name in _ANSWERS.items()
    )
    reasons = tuple(
        (_REASONS.get(key, key), count, share(count, found.of))
        for key, count in sorted(found.reasons.items(), key=lambda item: -item[1])
    )
    counts = (Column("件数", Kind.COUNT), Column("占全部工单", Kind.SHARE, bar=True))
    return Section(
        "review",
        "复核工作量",
        lead=(f"待人工复核 {of(found.review, found.of, '件')}，其余 {found.of - found.review:,} 件直接采用。",),
        tables=(
            Table("复核原因", "须注意的原因（一件可有几个）", (Column("原因"), *counts), reasons),
            Table("可用级别", "答案可以放心用到哪一级", (Column("级别"), *counts), levels),
        ),
    )


def rejects(report: Report) -> Section | None:
    """Return the section of the rows that could not be used; None for a month, which has no runs of its own."""
    if report.rejects is None:
        return None
    run, new = report.run, sum(report.rejects.values())
    known_before = run.rejected - new
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (code, count, share(count, run.read), explain(code))
        for code, count in sorted(report.rejects.items(), key=lambda item: (-item[1], item[0]))
    )
    columns = (Column("代码"), Column("行数", Kind.COUNT), Column("占读入", Kind.SHARE), Column("原因与处理"))
    again = f"，其中 {known_before:,} 行以前已经登记，下表只列新登记的" if known_before > 0 else ""
    return Section(
        "rejects",
        "未采用的行",
        lead=(f"未采用 {of(run.rejected, run.read, '行')}{again}。",),
        tables=(Table("未采用的行", "按原因", columns, rows),),
    )


def _boxes(found: Stages) -> Boxes:
    told = [stage for stage in found.spreads if stage.quartiles is not None and stage.ninetieth is not None]
    step, top = _scale(max((stage.ninetieth or 0 for stage in told), default=0))
    return Boxes(
        "各环节时长：盒子为中间一半的工单，粗线为中位数，细线到 90% 分位数",
        tuple(
            Box(
                f"{_TIMES[stage.start]}→{_TIMES[stage.end]}",
                (stage.quartiles[0] / top, stage.quartiles[1] / top, stage.quartiles[2] / top, stage.ninetieth / top),
                f"中位 {_span(stage.quartiles[1])}，90% 在 {_span(stage.ninetieth)}内",
            )
            for stage in told
            if stage.quartiles is not None and stage.ninetieth is not None
        ),
        tuple((at * step / top, _tick(at * step, top)) for at in range(round(top / step) + 1)),
    )


def _scale(longest: float) -> tuple[float, float]:
    """Return a round step in hours and the end of the scale, at most six steps away."""
    step = next((step for step in _STEPS if step * _TICKS >= longest), longest / _TICKS)
    return step, step * max(1, ceil(longest / step))


def _tick(hours: float, top: float) -> str:
    return f"{hours / _HOURS_A_DAY:g} 天" if top > 2 * _HOURS_A_DAY else f"{hours:g} 小时"


def _span(hours: float) -> str:
    """Return a duration in the unit that suits it."""
    if hours < 1:
        return f"{hours * 60:.0f} 分钟"
    return f"{hours:.1f} 小时" if hours < 2 * _HOURS_A_DAY else f"{hours / _HOURS_A_DAY:.1f} 天"


def _stage_table(found: Stages) -> Table:
    columns = (
        Column("环节"),
        Column("有两个时间的工单", Kind.COUNT),
        Column("占全部工单", Kind.SHARE),
        *(Column(f"{name}（小时）", Kind.NUMBER) for name in ("四分之一", "中位数", "四分之三", "90%")),
        Column("时间颠倒（件）", Kind.COUNT),
    )
    rows = tuple(
        (
            f"{_TIMES[stage.start]}→{_TIMES[stage.end]}",
            stage.n,
            share(stage.n, stage.of),
            *(stage.quartiles or (None, None, None)),
            stage.ninetieth,
            stage.reversed,
        )
        for stage in found.spreads
    )
    return Table("环节时长", "各环节时长的分布", columns, rows)


def _limit_table(found: Stages) -> Table:
    states = [state for state in _STATES if found.clock is not None or state not in (NEAR, OVERDUE)]
    columns = (Column("时限"), *(Column(_STATES[state], Kind.COUNT) for state in states), Column("按时率", Kind.SHARE))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            _LIMITS[row.limit.key],
            *((None,) * len(states) if row.counts is None else (row.counts[state] for state in states)),
            None if row.counts is None else share(row.counts[IN_TIME], row.counts[IN_TIME] + row.counts[LATE]),
        )
        for row in found.standings
    )
    of_all = found.standings[0].of
    return Table("时限", f"全部工单 {of_all:,} 件对照时限；按时率的分母是已办的工单", columns, rows)


def _pressing_table(report: Report) -> Table:
    columns = (
        Column("时限"), Column("状态"), Column("截止"), Column("工单编号"), Column("供电单位"), Column("原因"),
    )  # fmt: skip
    rows = tuple(
        (
            _LIMITS[row.limit],
            _STATES[row.state],
            f"{row.deadline:%m-%d %H:%M}",
            row.ticket_id,
            " ".join(filter(None, row.place[1:])),
            cause_name(report.taxonomy, row.cause),
        )
        for row in report.stages.pressing
    )
    return Table("临近时限", "临近或已超时限、尚未办理的工单（临近的在前）", columns, rows)
