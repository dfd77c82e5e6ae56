import re
from datetime import date
from pathlib import Path

import pytest

from pipeline.nightly.report.build import month_report, night_report
from pipeline.nightly.report.page import render
from pipeline.nightly.report.sections import document
from pipeline.taxonomy import Taxonomy

from .conftest import Nights, Row, a_ticket

HOSTILE = "<script>alert(1)</script>&\"'"


def _text(page: str) -> str:
    """Return what a reader sees, on one line."""
    visible = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(visible.split())


def _night(nights: Nights, taxonomy: Taxonomy, run_id: int) -> str:
    return render(document(nights.read(night_report, run_id, taxonomy)))


def test_every_section_of_a_night_is_there(nights: Nights, taxonomy: Taxonomy, published_month: list[Row]) -> None:
    page = _night(nights, taxonomy, nights.add(published_month, rejected=["bad_date"]))
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "投诉类型", "重点指标", "投诉原因", "受理时段", "城乡", "区县与供电单位", "满意度指标与服务主题", "台区",
        "重复来电", "时限与环节时长", "与座席分类的差别", "复核工作量", "未采用的行",
    ]  # fmt: skip


def test_what_cannot_be_compared_is_said(nights: Nights, taxonomy: Taxonomy) -> None:
    text = _text(_night(nights, taxonomy, nights.add([a_ticket("1")])))
    assert "与上周同日比较：无可比数据。" in text
    assert "与去年同月比较：无可比数据。" in text
    assert "导出文件没有派单、联系或办结时间，无法统计。" in text
    assert "导出文件没有可识别的座席分类。" in text
    assert "没有同时注明受理时间和台区的工单" in text


def test_a_comparison_shows_both_counts_and_the_growth(nights: Nights, taxonomy: Taxonomy) -> None:
    nights.add([a_ticket("0", "2026-10-24 08:00"), a_ticket("00", "2025-10-20 08:00")])
    night = nights.add([a_ticket(str(number), "2026-10-31 08:00") for number in range(1, 4)])
    text = _text(_night(nights, taxonomy, night))
    assert "与上周同日比较：1 天中 1 天有可比数据，本期五类投诉 3 件，上周同日 1 件，+200.0%。" in text
    assert "按去年同月有工单的 1 天的日均折算，本期五类投诉 3 件，去年同月 1.0 件，+200.0%。" in text
    assert "频繁停电 供电质量投诉 3 100.00% 0 0 3 1 +200.0% 3 1.0 +200.0%" in text


def test_the_account_of_the_night_and_its_rejects(nights: Nights, taxonomy: Taxonomy) -> None:
    night = nights.add(
        [a_ticket("1"), a_ticket("2", route="review")], rejected=["bad_date", "missing_id"], known=3, read=7
    )
    text = _text(_night(nights, taxonomy, night))
    assert "读入 7 行 = 直接采用 1 + 待复核 1 + 以前已判断 3 + 未采用 2 + 早于起始日期 0" in text
    assert "未采用 2 / 7 行（28.57%）。" in text
    assert "missing_id 1 14.29% 该行没有工单编号，请补上后重新导入。" in text
    assert "待人工复核 1 / 2 件（50.00%）" in text


def test_rejects_noted_on_an_earlier_night_are_told_apart(nights: Nights, taxonomy: Taxonomy) -> None:
    night = nights.add([a_ticket("1")], rejected=["bad_date"], rejected_before=2)
    assert "未采用 3 / 4 行（75.00%），其中 2 行以前已经登记" in _text(_night(nights, taxonomy, night))


def test_the_rule_of_three_says_what_it_counts(nights: Nights, taxonomy: Taxonomy) -> None:
    days = ("2026-10-01", "2026-10-09", "2026-10-31")
    night = nights.add([a_ticket(day, f"{day} 08:00", transformer_area="1号公变", unit="城关供电所") for day in days])
    text = _text(_night(nights, taxonomy, night))
    assert "达到 3 天及以上：1 / 1 台区（100.00%）；为 2 天、再有一天即达到：0 / 1 台区（0.00%）" in text
    assert "城关供电所 1号公变 3 10/1、10/9、10/31" in text
    assert "不是停电记录" in text


def test_tickets_near_a_limit_are_listed_with_their_deadline(nights: Nights, taxonomy: Taxonomy) -> None:
    done = {"contacted_at": "2026-10-31 09:00:00", "closed_at": "2026-10-31 10:00:00"}
    night = nights.add(
        [
            a_ticket("near", "2026-10-30 22:00", closed_at="2026-10-31 10:00:00"),
            a_ticket("done", "2026-10-31 08:00", **done),
            a_ticket("last", "2026-10-31 20:00", **done | {"contacted_at": "2026-10-31 21:00:00"}),
        ]
    )
    text = _text(_night(nights, taxonomy, night))
    assert "24 小时内联系客户 临近 10-31 22:00 near" in text
    assert "数据截至 2026-10-31 20:00" in text
    assert "不掌握法定节假日和调休" in text
    assert "24 小时内联系客户 2 0 0 1 0 0 100.00%" in text


def test_an_empty_night_says_so_and_still_tells_of_rejects(nights: Nights, taxonomy: Taxonomy) -> None:
    page = _night(nights, taxonomy, nights.add(rejected=["missing_id"]))
    assert "本次没有新工单" in _text(page)
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["未采用的行"]
    assert 'class="card' not in page


def test_a_night_without_dates_says_so(nights: Nights, taxonomy: Taxonomy) -> None:
    text = _text(_night(nights, taxonomy, nights.add([a_ticket("1", None, transformer_area="1号公变")])))
    assert "1 件工单，都没有受理时间" in text
    assert "导出文件没有受理时刻，无法按时段统计。" in text


def test_a_month_has_no_account_and_compares_with_the_month_before(nights: Nights, taxonomy: Taxonomy) -> None:
    nights.add([a_ticket("1"), a_ticket("2", "2026-09-30 08:00")], rejected=["bad_date"])
    page = render(document(nights.read(month_report, date(2026, 10, 1), taxonomy)))
    text = _text(page)
    assert "95598 投诉工单月报 2026 年 10 月" in text
    assert "与上月比较：比较 30 天，其中 1 天有工单，本期五类投诉 1 件，上月 1 件，持平。" in text
    assert "读入" not in text
    assert "月报不判断未办结的工单是否超时" not in text  # there are no stage times at all
    assert "未采用的行" not in text


def test_neither_a_narrative_nor_a_caller_is_shown(nights: Nights, taxonomy: Taxonomy) -> None:
    stand_in = "0123456789abcdef0123456789abcdef"
    secret = {
        "narrative": "户号<户号>的客户电压低",
        "topic": "电压<户号>",
        "customer": stand_in,
        "cause": "voltage_abnormal",
    }
    page = _night(nights, taxonomy, nights.add([a_ticket("1", **secret), a_ticket("2", **secret)]))
    assert "户号的客户" not in page
    assert "&lt;户号&gt;" not in page
    assert stand_in[:6] not in page
    assert "1 / 1 客户" in _text(page)


def test_what_comes_from_tickets_cannot_become_part_of_the_page(nights: Nights, taxonomy: Taxonomy) -> None:
    values = dict.fromkeys(("unit", "county", "city", "transformer_area", "urban_rural", "agent_type"), HOSTILE)
    night = nights.add(
        [a_ticket(HOSTILE, customer="a", **values), a_ticket(f"2{HOSTILE}", customer="a", **values)],
        problems=[{"code": "file_damaged", "message": HOSTILE}],
        model=HOSTILE,
    )
    page = _night(nights, taxonomy, night)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_page_asks_for_nothing_from_elsewhere(nights: Nights, taxonomy: Taxonomy, published_month: list[Row]) -> None:
    page = _night(nights, taxonomy, nights.add(published_month))
    assert "http" not in page.replace("http-equiv", "")
    assert "@import" not in page
    assert "url(" not in page
    assert re.findall(r"<(?:script|img|iframe|object|embed)", page) == []
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', page) == ["data:,"]


@pytest.mark.parametrize(
    ("status", "said"), [("running", "运行尚未结束"), ("abandoned", "运行被放弃"), ("closed", None)]
)
def test_a_run_that_did_not_close_is_marked(nights: Nights, taxonomy: Taxonomy, status: str, said: str | None) -> None:
    page = _night(nights, taxonomy, nights.add([a_ticket("1")], status=status))
    assert ('class="notice"' in page) == (said is not None)
    assert said is None or said in page


def test_an_older_taxonomy_is_named(nights: Nights, taxonomy: Taxonomy) -> None:
    night = nights.add([a_ticket("1", taxonomy_version="2025.1", cause="gone")], taxonomy_version="2025.1")
    text = _text(_night(nights, taxonomy, night))
    assert f"按分类体系 2025.1 判断，本报告的名称取自 {taxonomy.version}" in text
    assert "gone 供电质量投诉 1" in text


def test_a_tree_without_cross_walks_makes_a_report_too(nights: Nights, small_tree: Path) -> None:
    night = nights.add([a_ticket("1", type="power", cause="dark"), a_ticket("2", type="people", cause="rude")])
    text = _text(_night(nights, Taxonomy.load(small_tree), night))
    assert "五类投诉 2 / 2 件（100.00%）" in text
    assert "没电 电 1 50.00%" in text


def test_headline_figures_are_those_that_can_be_told(nights: Nights, taxonomy: Taxonomy) -> None:
    page = _night(nights, taxonomy, nights.add([a_ticket("1", None, type="out_of_scope", cause="enquiry")]))
    assert re.findall(r'<div class="label">(.*?)</div>', page) == ["全部工单", "待人工复核"]
    every = a_ticket("2", agent_cause="电费", transformer_area="1号公变", customer="a")
    page = _night(nights, taxonomy, nights.add([every]))
    assert re.findall(r'<div class="label">(.*?)</div>', page) == [
        "全部工单", "最多：供电质量投诉", "待人工复核", "与座席类型不同", "停电投诉达三天", "重复来电",
    ]  # fmt: skip
