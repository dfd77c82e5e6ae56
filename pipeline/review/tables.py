"""Lists and counts as tables, for the pages and for workbooks."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pipeline.nightly.report.entries import LOCAL
from pipeline.nightly.report.layout import Cell, Column, Kind, Table
from pipeline.review.lists import Row
from pipeline.review.overview import CausePair, Confusion, Group
from pipeline.review.statistics import Proportion
from pipeline.taxonomy import Taxonomy

Translate = Callable[..., str]  # (key, **values): a text of the catalogue


def tickets_table(rows: Sequence[Row], taxonomy: Taxonomy, t: Translate) -> Table:
    """Return the reviewed tickets, one row each; times are those of China."""
    agent, model, decided = t("lists.agent"), t("lists.model"), t("lists.decided")
    kind, cause, share = t("lists.type"), t("lists.cause"), t("lists.probability")
    columns = (
        Column(t("lists.ticket")), Column(t("lists.accepted_at")), Column(t("lists.week")), Column(t("lists.unit")),
        Column(t("lists.topic")), Column(t("lists.narrative")), Column(kind, group=agent), Column(cause, group=agent),
        Column(kind, group=model), Column(share, Kind.SHARE, group=model), Column(cause, group=model),
        Column(share, Kind.SHARE, group=model), Column(kind, group=decided), Column(cause, group=decided),
        Column(t("lists.second_cause"), group=decided), Column(t("lists.rule")), Column(t("lists.note")),
        Column(t("lists.reviewer")), Column(t("lists.decided_at")), Column(t("lists.kind")), Column(t("lists.reasons")),
        Column(t("lists.model_name")),
    )  # fmt: skip
    lines = tuple(_ticket(row, taxonomy, t) for row in rows)
    return Table(t("lists.tickets"), t("lists.tickets_title"), columns, lines)


def confusions_table(confusion: Confusion, taxonomy: Taxonomy, t: Translate) -> Table:
    """Return types (said) against types (decided), with their sums."""
    names = [type_name(taxonomy, kind) for kind in confusion.types]
    decided, total = t("lists.decided"), t("lists.total")
    columns = (
        Column(t("lists.said", side=t(f"lists.{confusion.side}"))),
        *(Column(name or "", Kind.COUNT, group=decided) for name in names),
        Column(total, Kind.COUNT),
    )
    lines = tuple((name, *row, sum(row)) for name, row in zip(names, confusion.counts, strict=True))
    sums = (total, *(sum(column) for column in zip(*confusion.counts, strict=True)), confusion.compared)
    note = t("lists.confusions_note", compared=confusion.compared, reviewed=confusion.reviewed)
    title = t("lists.confusions_title", side=t(f"lists.{confusion.side}"))
    return Table(t("lists.confusions"), title, columns, lines, note, sums)


def causes_table(pairs: Sequence[CausePair], taxonomy: Taxonomy, t: Translate) -> Table:
    """Return the pairs of causes that are mixed up, each with how many tickets were said to be of the first."""
    columns = (
        Column(t("lists.cause_said")), Column(t("lists.cause_decided")), Column(t("lists.tickets_count"), Kind.COUNT),
        Column(t("lists.of_said"), Kind.COUNT), Column(t("lists.share"), Kind.SHARE, bar=True),
    )  # fmt: skip
    lines = tuple(
        (cause_name(taxonomy, pair.said), cause_name(taxonomy, pair.decided), pair.tickets.part, pair.tickets.of,
         pair.tickets.share)
        for pair in pairs
    )  # fmt: skip
    return Table(t("lists.causes"), t("lists.causes_title"), columns, lines, t("lists.no_sample"))


def units_table(groups: Sequence[Group], t: Translate) -> Table:
    """Return the reviewed tickets by unit."""
    return _groups_table(groups, t("lists.units"), t("lists.units_title"), t("lists.unit"), t)


def weeks_table(groups: Sequence[Group], t: Translate) -> Table:
    """Return the reviewed tickets by ISO week."""
    return _groups_table(groups, t("lists.weeks"), t("lists.weeks_title"), t("lists.week"), t)


def type_name(taxonomy: Taxonomy, type_id: str | None) -> str | None:
    """Return what people call a type; its id if only a former tree knew it."""
    found = taxonomy.find_type(type_id) if type_id else None
    return found.name if found else type_id


def cause_name(taxonomy: Taxonomy, cause_id: str | None) -> str | None:
    """Return what people call a cause, 原“…” of a former one; its id if this tree never knew it."""
    return taxonomy.name_of(cause_id) if cause_id else cause_id


def _ticket(row: Row, taxonomy: Taxonomy, t: Translate) -> tuple[Cell, ...]:
    return (
        row.ticket_id, _time(row.accepted_at), row.week, row.unit, row.topic, row.narrative,
        type_name(taxonomy, row.agent_type), cause_name(taxonomy, row.agent_cause),
        type_name(taxonomy, row.model_type), row.type_probability,
        cause_name(taxonomy, row.model_cause), row.cause_probability,
        type_name(taxonomy, row.type), cause_name(taxonomy, row.cause), cause_name(taxonomy, row.second_cause),
        row.rule, row.note, row.reviewer, _time(row.decided_at + LOCAL), t(f"lists.kind.{row.kind}"),
        t("lists.comma").join(t(f"desk.reason.{reason}") for reason in row.reasons), row.model,
    )  # fmt: skip


def _time(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%d %H:%M") if at else None


def _groups_table(groups: Sequence[Group], sheet: str, title: str, name: str, t: Translate) -> Table:
    kind, cause = t("lists.type"), t("lists.cause")
    wrong, of, share = t("lists.wrong"), t("lists.of"), t("lists.share")
    columns = (
        Column(name), Column(t("lists.reviewed"), Kind.COUNT),
        Column(wrong, Kind.COUNT, group=kind), Column(of, Kind.COUNT, group=kind),
        Column(share, Kind.SHARE, bar=True, group=kind),
        Column(wrong, Kind.COUNT, group=cause), Column(of, Kind.COUNT, group=cause),
        Column(share, Kind.SHARE, bar=True, group=cause),
    )  # fmt: skip
    lines = tuple(
        (group.name or t("lists.no_unit"), group.reviewed, *_counts(group.wrong_type), *_counts(group.wrong_cause))
        for group in groups
    )
    return Table(sheet, title, columns, lines, t("lists.no_sample"))


def _counts(wrong: Proportion) -> tuple[Cell, ...]:
    return wrong.part, wrong.of, wrong.share
