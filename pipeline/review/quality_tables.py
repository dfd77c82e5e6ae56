"""The figures about model, agents and reviewers as tables. Each says what it rests on, and how sure it is."""

from collections.abc import Callable

from pipeline.nightly.report.layout import Cell, Column, Kind, Table
from pipeline.review.figures import Figures
from pipeline.review.statistics import FEW, LEVELS, SIDES, Agreement, Interval, Proportion
from pipeline.review.tables import Translate, type_name
from pipeline.taxonomy import Taxonomy

_Name = Callable[[str], str]


def quality_tables(figures: Figures, taxonomy: Taxonomy, t: Translate) -> tuple[Table, ...]:
    """Return the tables: accuracy, accuracy by type, over-trust, agreement, and what is no accuracy."""

    def name(type_id: str) -> str:
        return type_name(taxonomy, type_id) or ""

    return (
        _accuracy(figures, t), _by_type(figures, name, t), _follow_through(figures, t), _agreement(figures, name, t),
        _naive(figures, t),
    )  # fmt: skip


def _accuracy(figures: Figures, t: Translate) -> Table:
    lines = tuple(
        (t(f"quality.{side}"), t(f"quality.{level}"), *_measured(found, t))
        for side in SIDES
        for level, found in (("type", figures.sides[side].type), ("cause", figures.sides[side].cause))
    )
    return _table("accuracy", (t("quality.who"), t("quality.what")), t("quality.right"), lines, t)


def _by_type(figures: Figures, name: _Name, t: Translate) -> Table:
    lines = tuple(
        (t(f"quality.{side}"), t(f"quality.{way}"), name(kind), *_measured(found, t))
        for side in SIDES
        for way, all_found in (("called", figures.sides[side].called), ("found", figures.sides[side].found))
        for kind, found in all_found.items()
    )
    names = (t("quality.who"), t("quality.what"), t("quality.type"))
    return _table("by_type", names, t("quality.right"), lines, t)


def _follow_through(figures: Figures, t: Translate) -> Table:
    lines = tuple(
        (t(f"quality.{way}"), t(f"quality.{level}"), *_measured(found, t))
        for level in LEVELS
        for way, found in (
            ("followed", figures.follow_through[level].followed),
            ("refused", figures.follow_through[level].refused),
        )
    )
    return _table("trust", (t("quality.what"), t("quality.level")), t("quality.cases"), lines, t)


def _agreement(figures: Figures, name: _Name, t: Translate) -> Table:
    types, readers = figures.agreement_by_type, figures.agreement_by_readers
    lines = (
        *((t("quality.all"), t(f"quality.{level}"), *_agreed(figures.agreement[level], t)) for level in LEVELS),
        *((t("quality.one_type"), name(kind), *_agreed(found, t)) for kind, found in types.items()),
        *((t("quality.two_readers"), t("quality.readers", one=one, other=other), *_agreed(found, t))
          for (one, other), found in readers.items()),
    )  # fmt: skip
    columns = (
        Column(t("quality.what")), Column(""), Column(t("quality.alike"), Kind.COUNT),
        Column(t("quality.of"), Kind.COUNT), Column(t("quality.share"), Kind.SHARE),
        Column(t("quality.kappa"), Kind.FIGURE), *_interval_columns(Kind.FIGURE, t), Column(t("quality.remark")),
    )  # fmt: skip
    return Table(
        t("quality.sheet.agreement"), t("quality.agreement_title"), columns, lines, t("quality.agreement_note")
    )


def _naive(figures: Figures, t: Translate) -> Table:
    lines = tuple(
        (t(f"quality.{level}"), found.part, found.of, found.share, t("quality.no_accuracy"))
        for level, found in figures.naive.items()
    )
    columns = (
        Column(t("quality.what")), Column(t("quality.alike"), Kind.COUNT), Column(t("quality.of"), Kind.COUNT),
        Column(t("quality.share"), Kind.SHARE), Column(t("quality.remark")),
    )  # fmt: skip
    return Table(t("quality.sheet.naive"), t("quality.naive_title"), columns, lines, t("quality.naive_note"))


def _table(key: str, names: tuple[str, ...], part: str, lines: tuple[tuple[Cell, ...], ...], t: Translate) -> Table:
    columns = (
        *map(Column, names), Column(part, Kind.COUNT), Column(t("quality.of"), Kind.COUNT),
        Column(t("quality.share"), Kind.SHARE), *_interval_columns(Kind.SHARE, t), Column(t("quality.remark")),
    )  # fmt: skip
    note = t(f"quality.{key}_note")
    return Table(t(f"quality.sheet.{key}"), t(f"quality.{key}_title"), columns, lines, note, shown=len(lines))


def _interval_columns(kind: Kind, t: Translate) -> tuple[Column, ...]:
    group = t("quality.interval")
    return Column(t("quality.low"), kind, group=group), Column(t("quality.high"), kind, group=group)


def _measured(found: Proportion, t: Translate) -> tuple[Cell, ...]:
    return found.part, found.of, found.share, *_ends(found.interval()), _remark(found, t)


def _agreed(found: Agreement, t: Translate) -> tuple[Cell, ...]:
    observed = found.observed
    ends = _ends(found.interval)
    return observed.part, observed.of, observed.share, found.kappa, *ends, _remark(observed, t)


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return interval or (None, None)


def _remark(found: Proportion, t: Translate) -> str:
    return t("quality.few", least=FEW) if found.few else ""
