"""What the watch saw, in words: signals and proposed causes."""

from typing import TYPE_CHECKING

from pipeline.nightly.report.layout import Cell, Column, Kind, Section, Table

if TYPE_CHECKING:
    from pipeline.nightly.watch import Signal, Watch

_SIGNALS = (
    Column("监测项"),
    Column("状态"),
    Column("本次", Kind.FIGURE),
    Column("对照", Kind.FIGURE),
    Column("界限", Kind.FIGURE),
    Column("单位"),
    Column("依据"),
)
_PROPOSALS = (
    Column("常见词"),
    Column("件数", Kind.COUNT),
    Column("占比", Kind.SHARE),
    Column("平时件数", Kind.NUMBER),
    Column("例"),
)
_USUAL = "“平时件数”是前几周相同星期、同样天数里类似工单的件数；没有往日数据时不显示。"


def watch(found: "Watch") -> Section:
    """Return the section of what the watch saw."""
    alarms = [signal.title for signal in found.signals if signal.alarm]
    lead = f"报警 {len(alarms)} 项：{'、'.join(alarms)}。" if alarms else f"{len(found.signals)} 项监测均未报警。"
    return Section(
        "watch",
        "模型与来话监测",
        lead=(lead,) if found.signals else (),
        tables=(
            Table("监测", "监测项", _SIGNALS, tuple(map(_signal, found.signals))),
            Table(
                "建议新原因",
                "与已知原因都不像的工单，按内容归组，供考虑是否设立新原因",
                _PROPOSALS,
                tuple(
                    (
                        "、".join(proposal.words),
                        proposal.tickets,
                        proposal.share,
                        proposal.usual,
                        "\n".join(f"{example.ticket_id}：{example.narrative}" for example in proposal.examples),
                    )
                    for proposal in found.proposals
                ),
            ),
        ),
        notes=(*found.notes, *([_USUAL] if found.proposals else [])),
    )


def _signal(signal: "Signal") -> tuple[Cell, ...]:
    return (
        signal.title,
        "报警" if signal.alarm else "正常",
        signal.now,
        signal.before,
        signal.threshold,
        signal.unit,
        signal.basis,
    )
