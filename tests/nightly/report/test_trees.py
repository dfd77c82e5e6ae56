"""Reports under the tree of then and under the present one."""

import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.nightly import run_night
from pipeline.nightly.report import month_report, newest_night, night_report, write_report
from pipeline.taxonomy import DEFAULT_PATH, Taxonomy

from ...conftest import MakeNight, drop
from ...trees import VERSION, changed_tree
from .conftest import Nights, a_ticket

MONTH = date(2026, 10, 1)
POWER, BUSINESS = {"type": "power_quality"}, {"type": "business"}
NEW = {"taxonomy_version": VERSION}


@pytest.fixture
def present(tmp_path: Path) -> Taxonomy:
    return Taxonomy.load(changed_tree(tmp_path / "tree.yaml", merge=True))


def _october(nights: Nights) -> int:
    return nights.add(
        [
            a_ticket("1", "2026-10-05 08:00", cause="frequent_outage", customer="a", **POWER),
            a_ticket("2", "2026-10-05 09:00", cause="voltage_abnormal", narrative="电压低", **POWER),
            a_ticket("3", "2026-10-06 10:00", cause="tariff", agent_cause="电价", customer="a", **BUSINESS),
            a_ticket("4", "2026-10-06 11:00", cause="bill", **BUSINESS),
        ]
    )


def _figures(book: Path) -> dict[str, bytes]:
    """Return the parts of a workbook, but for the one that says when it was made."""
    with zipfile.ZipFile(book) as parts:
        return {name: parts.read(name) for name in parts.namelist() if name != "docProps/core.xml"}


def test_last_months_report_reads_the_same_under_the_old_tree(
    any_nights: Nights, taxonomy: Taxonomy, present: Taxonomy, tmp_path: Path
) -> None:
    night = _october(any_nights)
    then = write_report(any_nights.read(month_report, MONTH, taxonomy), tmp_path / "then")
    nightly = write_report(any_nights.read(night_report, night, taxonomy), tmp_path / "night")
    # The tree changes; the same model answers the same tickets again, one that came late, and a new month.
    any_nights.add(
        [
            a_ticket("2", "2026-10-05 09:00", cause="voltage_wrong", **POWER, **NEW),
            a_ticket("3", "2026-10-06 10:00", cause="bill", customer="a", **BUSINESS, **NEW),
            a_ticket("5", "2026-10-31 10:00", cause="bill", customer="a", **BUSINESS, **NEW),
            a_ticket("6", "2026-11-03 10:00", cause="outage_often_fault", **POWER, **NEW),
        ],
        started="2026-11-04 02:00",
        **NEW,
    )
    again = write_report(any_nights.read(month_report, MONTH, taxonomy), tmp_path / "again")
    assert _figures(again.book) == _figures(then.book)
    assert again.page.read_text(encoding="utf-8") == then.page.read_text(encoding="utf-8")
    assert any_nights.read(newest_night, taxonomy.version) == night
    again = write_report(any_nights.read(night_report, night, taxonomy), tmp_path / "night again")
    assert _figures(again.book) == _figures(nightly.book)
    under_present = any_nights.read(month_report, MONTH, present)
    assert {cause.key: cause.tickets for cause in under_present.mix.causes} == {
        "bill": 3, "frequent_outage": 1, "voltage_wrong": 1,
    }  # fmt: skip


def test_under_the_present_tree_former_causes_count_as_what_they_became(
    any_nights: Nights, present: Taxonomy, tmp_path: Path
) -> None:
    _october(any_nights)
    report = any_nights.read(month_report, MONTH, present)
    assert [(cause.key, cause.name, cause.tickets) for cause in report.mix.causes] == [
        ("bill", "电费", 2), ("frequent_outage", "原“频繁停电”", 1), ("voltage_wrong", "电压质量长时间异常", 1),
    ]  # fmt: skip
    assert report.mix.voltage == 1
    assert {kind.key: kind.tickets for kind in report.mix.types if kind.tickets} == {"business": 2, "power_quality": 2}
    assert (report.agent.with_cause, report.agent.other_cause) == (1, 0)  # what agents call by its former name, too
    written = write_report(report, tmp_path / "out")
    page = written.page.read_text(encoding="utf-8")
    assert "原“频繁停电” 已拆分或停用，其 1 件工单" in page
    assert "工单按分类体系 2026.11 判断，本报告的名称取自 2027.01。" in page
    assert "原因" in openpyxl.load_workbook(written.book).sheetnames


def test_comparisons_go_across_the_change(nights: Nights, present: Taxonomy) -> None:
    _october(nights)
    nights.add([a_ticket("7", "2026-11-05 10:00", cause="bill", **BUSINESS, **NEW)], started="2026-12-02 02:00", **NEW)
    near, _ = nights.read(month_report, date(2026, 11, 1), present).comparisons
    assert near is not None
    assert (near.now, near.before["bill"], near.before["frequent_outage"]) == ({"bill": 1}, 2, 1)


def test_a_month_before_the_model_in_service_is_read_as_the_last_model_answered_it(
    nights: Nights, present: Taxonomy
) -> None:
    _october(nights)
    nights.add([a_ticket("7", "2026-11-05 10:00", cause="bill", **BUSINESS, **NEW)], model="m2", **NEW)
    report = nights.read(month_report, MONTH, present)
    assert (report.run.model, report.mix.tickets) == ("linear-m1", 4)
    assert {cause.key for cause in report.mix.causes} == {"bill", "frequent_outage", "voltage_wrong"}


def test_a_night_goes_on_through_a_merge_and_the_command_reads_either_tree(
    make_night: MakeNight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = make_night()
    rows = [(f"N{at}", f"2026-10-0{at % 5 + 1} 08:00", text, "东一台区", "") for at, text in enumerate(
        ["阶梯电价太高电费贵", "电费多收了", "电压低空调带不动", "近两个月停电五次"]
    )]  # fmt: skip
    drop(night.source.inbox, "a.csv", rows)
    first = run_night(night)
    present = changed_tree(tmp_path / "tree.yaml", merge=True, split=False)

    def report(name: str, *arguments: str) -> dict[str, bytes]:
        where = ["--config", str(tmp_path / "nightly.yaml"), "--month", "2026-10", "-o", str(tmp_path / name)]
        done = CliRunner().invoke(app, ["report", *where, *arguments])
        assert done.exit_code == 0, done.output
        return _figures(tmp_path / name / "report.xlsx")

    then = report("then")
    monkeypatch.setattr(Taxonomy.load.__func__, "__defaults__", (present,))
    second = run_night(night)
    assert (second.model, second.counts.known) == (first.model, 0)  # no retraining, and answers of their own
    assert report("present") != then
    causes = openpyxl.load_workbook(tmp_path / "present" / "report.xlsx")["原因"].iter_rows(values_only=True)
    assert not any("电价" in row for row in causes)
    assert report("again", "--taxonomy", str(DEFAULT_PATH)) == then
