"""The report in words: every Chinese sentence of page and workbook is in here or in the page's template."""

from typing import TYPE_CHECKING

from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.layout import Card, Document, Section, percent, share
from pipeline.nightly.report.sections import handling, mix, places, repeats
from pipeline.nightly.report.sections.watch import watch as watch_section
from pipeline.store.schema import ABANDONED, RUNNING
from pipeline.taxonomy import OUT_OF_SCOPE

if TYPE_CHECKING:
    from pipeline.nightly.watch import Watch

__all__ = ["document"]

_STATUS = {RUNNING: "运行尚未结束，以下是已写入的部分。", ABANDONED: "运行被放弃，以下是已写入的部分。"}


def document(report: Report, watch: "Watch | None" = None) -> Document:
    """Return a night's or a month's report in words."""
    sections: tuple[Section | None, ...] = (
        mix.types(report),
        mix.focus(report),
        mix.causes(report),
        places.hours(report),
        places.urban_rural(report),
        places.units(report),
        mix.indicators(report),
        repeats.areas(report),
        repeats.callers(report),
        handling.stages(report),
        handling.agent(report),
        handling.review(report),
        handling.rejects(report),
        watch_section(watch) if watch is not None else None,
    )
    # A night without new tickets has nothing to break down; what was rejected and watched is still told.
    kept = [part for part in sections if part is not None]
    if not report.mix.tickets:
        kept = [part for part in kept if part.key in ("rejects", "watch")]
    return Document(
        title=_title(report),
        subtitle=_subtitle(report),
        facts=_facts(report),
        notices=(*_notices(report), *_alarms(watch)),
        cards=_cards(report) if report.mix.tickets else (),
        sections=tuple(kept),
    )


def _title(report: Report) -> str:
    if report.month is not None:
        return f"95598 投诉工单月报　{report.month.year} 年 {report.month.month} 月"
    return f"95598 投诉工单夜报　{report.run.local_start:%Y-%m-%d}"


def _subtitle(report: Report) -> str:
    if not report.mix.tickets:
        return "本次没有新工单：收到的工单以前都已由同一模型判断过。"
    period = report.period
    if period.first is None or period.last is None:
        return f"{report.mix.tickets:,} 件工单，都没有受理时间"
    first, last = f"{period.first:%Y-%m-%d}", f"{period.last:%Y-%m-%d}"
    days = first if first == last else f"{first} 至 {last}（{period.days} 天有工单）"
    undated = f"；另有 {period.undated:,} 件没有可用的受理时间" if period.undated else ""
    return f"受理日：{days}{undated}"


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    run = report.run
    model = (("模型", run.model), ("分类体系", run.taxonomy_version))
    if report.month is not None:
        return model
    account = (
        f"读入 {run.read:,} 行 = 直接采用 {run.scored:,} + 待复核 {run.review:,} + 以前已判断 {run.known:,}"
        f" + 未采用 {run.rejected:,} + 早于起始日期 {run.before_since:,}"
    )
    return (("运行", f"第 {run.id} 次，{run.local_start:%Y-%m-%d %H:%M} 开始"), *model, ("账目", account))


def _notices(report: Report) -> list[str]:
    found = [_STATUS[report.run.status]] if report.run.status in _STATUS and report.month is None else []
    if report.month is None:
        found += [f"{problem.get('code', '')}：{problem.get('message', '')}" for problem in report.run.problems]
    if report.run.taxonomy_version != report.taxonomy.version:
        found.append(f"工单按分类体系 {report.run.taxonomy_version} 判断，本报告的名称取自 {report.taxonomy.version}。")
    split = [group for group in report.mix.causes if report.taxonomy.find_retired(group.key)]
    if split:
        names, tickets = "、".join(group.name for group in split), sum(group.tickets for group in split)
        found.append(
            f"{names} 已拆分或停用，其 {tickets:,} 件工单无法归入现行原因，仍按原名列出，不计入满意度指标和服务主题。"
        )
    return found


def _alarms(watch: "Watch | None") -> list[str]:
    found = [] if watch is None else [signal.title for signal in watch.signals if signal.alarm]
    return [f"监测报警：{'、'.join(found)}。详见“模型与来话监测”。"] if found else []


def _cards(report: Report) -> tuple[Card, ...]:
    mix, agent, review = report.mix, report.agent, report.review
    cards = [Card("全部工单", f"{mix.tickets:,}", "件", f"五类投诉 {mix.complaints:,} 件")]
    if mix.complaints:
        cards.append(_largest(report))
    cards.append(Card("待人工复核", f"{review.review:,}", "件", f"占全部工单 {_part(review.review, mix.tickets)}"))
    if agent.with_type:
        share_of = f"占可比较的 {agent.with_type:,} 件的 {_part(agent.other_type, agent.with_type)}"
        cards.append(Card("与座席类型不同", f"{agent.other_type:,}", "件", share_of))
    return (*cards, *_repeat_cards(report))


def _repeat_cards(report: Report) -> list[Card]:
    found, cards = report.repeats, []
    if found is not None and found.with_area:
        near = f"近两月，占反映停电的 {found.outage_areas:,} 个；另有 {len(found.near):,} 个为两天"
        cards.append(Card("停电投诉达三天", f"{len(found.over):,}", "台区", near, "warn" if found.over else ""))
    if found is not None and found.with_customer:
        share_of = f"占同期 {found.customers:,} 名投诉客户的 {_part(len(found.callers), found.customers)}"
        cards.append(Card("重复来电", f"{len(found.callers):,}", "客户", share_of))
    return cards


def _largest(report: Report) -> Card:
    top = max(report.mix.types, key=lambda group: group.tickets if group.key != OUT_OF_SCOPE else -1)
    return Card(
        f"最多：{top.name}",
        _part(top.tickets, report.mix.complaints),
        "",
        f"{top.tickets:,} / {report.mix.complaints:,} 件五类投诉",
    )


def _part(count: int, whole: int) -> str:
    return percent(share(count, whole))
