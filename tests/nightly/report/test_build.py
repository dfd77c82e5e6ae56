from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pipeline.errors import StoreError
from pipeline.nightly.report import Report, month_report, newest_night, night_report, write_report
from pipeline.taxonomy import Taxonomy

from .conftest import Nights, Row, a_ticket

BILL = {"type": "business", "cause": "bill"}


def _lines(page: Path) -> str:
    return " ".join(page.read_text(encoding="utf-8").split())


def _rows(book: Path, sheet: str) -> dict[str, tuple[Any, ...]]:
    """Return the rows of a sheet by their first cell."""
    return {row[0]: row[1:] for row in openpyxl.load_workbook(book)[sheet].iter_rows(min_row=3, values_only=True)}


@pytest.fixture
def month_of_the_article(any_nights: Nights, published_month: list[Row], taxonomy: Taxonomy) -> Report:
    """The published month, with what must not be counted around it."""
    any_nights.add([a_ticket("T0000", "2026-10-01 10:00", content_sha256="as first typed", **BILL)])
    any_nights.add(published_month)
    any_nights.add(
        [a_ticket("before", "2026-09-30 23:59:59"), a_ticket("after", "2026-11-01"), a_ticket("undated", None)]
    )
    any_nights.add([a_ticket(row["ticket_id"], "2026-10-05 08:00", **BILL) for row in published_month], model="m0")
    any_nights.add(
        [
            a_ticket(f"no complaint {number}", "2026-10-05 05:00", type="out_of_scope", cause="enquiry")
            for number in range(40)
        ]
    )
    return any_nights.read(month_report, date(2026, 10, 1), taxonomy)


def test_the_published_month_comes_out_with_the_published_figures(month_of_the_article: Report, tmp_path: Path) -> None:
    assert month_of_the_article.name == "2026-10"
    written = write_report(month_of_the_article, tmp_path / "out")
    page = _lines(written.page)
    for figure in ("45.14%", "23.29%", "23.05%", "4.74%", "3.78%", "39.04%", "17.27%", "6.02%"):
        assert figure in page
    assert "高峰：19时（150 件）、11时（140 件）、17时（130 件）。" in page
    assert "有 2 名及以上客户投诉：39 / 241 台区（16.18%）。" in page
    assert "五类投诉 1,245 / 1,285 件（96.89%）；其余 40 件" in page

    types = _rows(written.book, "类型")
    assert {name: (types[name][0], round(100 * types[name][1], 2)) for name in types if name != "全部工单"} == {
        "供电质量投诉": (562, 45.14), "营业投诉": (290, 23.29), "服务投诉": (287, 23.05), "停送电投诉": (59, 4.74),
        "电网建设投诉": (47, 3.78), "非投诉": (40, 3.11),
    }  # fmt: skip
    focus = _rows(written.book, "重点指标")
    assert {name: (row[0], round(100 * row[1], 2)) for name, row in focus.items()} == {
        "频繁停电": (486, 39.04), "服务不规范": (215, 17.27), "电压异常": (75, 6.02),
    }  # fmt: skip
    voltage = _rows(written.book, "电压方向")
    assert {name: row[:2] for name, row in voltage.items()} == {
        "过电压": (31, 31), "低电压": (27, 27), "未说明方向": (17, 17),
    }  # fmt: skip
    hours = sorted(_rows(written.book, "时段").items(), key=lambda row: -row[1][0])
    assert [(hour[:2], row[0]) for hour, row in hours[:3]] == [("19", 150), ("11", 140), ("17", 130)]
    sheet = openpyxl.load_workbook(written.book)["多客户台区"]
    assert sheet.max_row == 2 + 39


def test_a_small_night(any_nights: Nights, taxonomy: Taxonomy) -> None:
    east = {"county": "东湖区", "unit": "城关供电所", "transformer_area": "1号公变", "urban_rural": "城区"}
    any_nights.add([a_ticket("0", "2026-10-24 08:00", customer="a", **east)], started="2026-10-25 02:00")
    night = any_nights.add(
        [
            a_ticket("1", "2026-10-31 08:00", customer="a", agent_cause="频繁停电", **east),
            a_ticket("2", "2026-10-31 09:00", customer="b", agent_cause="电费", route="review", answer="none",
                   reasons=["low_confidence", "disagrees_with_agent"], **east),
            a_ticket("3", "2026-10-31 09:30", urban_rural="偏远山区", **BILL),
            a_ticket("4", None, type="out_of_scope", cause="enquiry"),
        ],
        rejected=["bad_date", "bad_date", "missing_id"],
    )  # fmt: skip
    report = any_nights.read(night_report, night, taxonomy)
    assert report.name == "2026-11-02-run2"
    assert (report.period.first, report.period.last) == (datetime(2026, 10, 31, 8), datetime(2026, 10, 31, 9, 30))
    assert (report.period.days, report.period.undated) == (1, 1)
    assert (report.mix.tickets, report.mix.complaints) == (4, 3)
    assert report.places.kinds == {"urban": 2, "rural": 0, "remote": 1, "unknown": 0}
    assert (report.agent.with_type, report.agent.other_type) == (2, 1)
    assert (report.review.review, report.review.of) == (1, 4)
    assert report.rejects == {"bad_date": 2, "missing_id": 1}
    # The windows look back over what earlier nights brought.
    assert [(row.name, row.customers, row.tickets) for row in report.repeats.several] == [("1号公变", 2, 3)]
    assert [(row.name, len(row.outage_days)) for row in report.repeats.near] == [("1号公变", 2)]
    assert [caller.tickets for caller in report.repeats.callers] == [("0", "1")]


def test_callers_and_areas_do_not_forget_what_an_earlier_model_answered(nights: Nights, taxonomy: Taxonomy) -> None:
    area = {"transformer_area": "1号公变", "customer": "a"}
    nights.add([a_ticket("1", "2026-10-10 08:00", **area), a_ticket("2", "2026-10-20 08:00", **area)], model="m0")
    night = nights.add([a_ticket("3", "2026-10-31 08:00", **area), a_ticket("1", "2026-10-10 08:00", **area)])
    report = nights.read(night_report, night, taxonomy)
    assert [len(row.outage_days) for row in report.repeats.over] == [3]
    assert [caller.tickets for caller in report.repeats.callers] == [("1", "2", "3")]


def test_a_nights_report_stays_as_it_was_when_later_nights_come(nights: Nights, taxonomy: Taxonomy) -> None:
    night = nights.add([a_ticket("1", customer="a"), a_ticket("2", customer="b")])
    before = nights.read(night_report, night, taxonomy)
    nights.add([a_ticket("1", customer="a", content_sha256="changed", **BILL), a_ticket("3", customer="a")])
    assert nights.read(night_report, night, taxonomy) == before


def test_an_empty_night_has_figures_of_nothing(any_nights: Nights, taxonomy: Taxonomy) -> None:
    any_nights.add([a_ticket("1")])
    report = any_nights.read(night_report, any_nights.add(rejected=["missing_id"], known=1, read=2), taxonomy)
    assert (report.mix.tickets, report.repeats, report.stages.clock) == (0, None, None)
    assert report.rejects == {"missing_id": 1}


def test_a_night_without_a_single_date(nights: Nights, taxonomy: Taxonomy) -> None:
    report = nights.read(night_report, nights.add([a_ticket("1", None, transformer_area="1号公变")]), taxonomy)
    assert (report.mix.complaints, report.period.first, report.period.undated) == (1, None, 1)
    assert report.repeats is None
    assert report.places.timed == 0


def test_one_slip_of_the_pen_moves_no_window(nights: Nights, taxonomy: Taxonomy) -> None:
    night = nights.add(
        [a_ticket("1", "2062-10-31 08:00"), a_ticket("2", "2026-10-31 08:00")], started="2026-11-02 02:00"
    )
    report = nights.read(night_report, night, taxonomy)
    assert report.repeats.windows.last == date(2026, 10, 31)
    assert report.period.undated == 1


def test_the_newest_night_is_no_replay(nights: Nights) -> None:
    night = nights.add([a_ticket("1")])
    nights.add(purpose="replay")
    assert nights.read(newest_night) == night


def test_the_month_of_the_newest_model_unless_told(nights: Nights, taxonomy: Taxonomy) -> None:
    nights.add([a_ticket("1")], model="m0")
    nights.add([a_ticket("1", **BILL)])
    month = date(2026, 10, 1)
    assert nights.read(month_report, month, taxonomy).mix.causes[0].key == "bill"
    assert nights.read(month_report, month, taxonomy, "m0").mix.causes[0].key == "frequent_outage"
    with pytest.raises(StoreError, match="no ticket of 2026-09 by model linear-m1") as caught:
        nights.read(month_report, date(2026, 9, 1), taxonomy)
    assert caught.value.code == "month_empty"
