from pathlib import Path

import openpyxl
import pytest

from pipeline.nightly.report import night_report, write_report
from pipeline.nightly.watch import Example, Proposal, Signal, Watch
from pipeline.taxonomy import Taxonomy

from .conftest import Nights, a_ticket


@pytest.fixture
def watch() -> Watch:
    return a_watch()


def a_watch() -> Watch:
    """Two signals, one of them an alarm, and a proposed cause."""
    return Watch(
        signals=(
            Signal("mix", "类型构成", 0.21, 0.05, 0.1, True, "总变差", "与前四周 812 件相比"),
            Signal("unknown_words", "生词率", 0.013, None, 0.05, False, "每词", "没有前四周的数据"),
        ),
        proposals=(
            Proposal(
                ("充电桩", "跳枪", "占位"),
                14,
                0.07,
                (Example("T1", "<地址>的充电桩充不上"), Example("T2", "=跳枪")),
                1.5,
            ),
            Proposal(("扫码", "退款"), 6, 0.03, (), None),
        ),
        notes=("语料不足以比较字频。",),
    )


def test_alarms_stand_at_the_top_and_proposals_with_their_examples(
    nights: Nights, taxonomy: Taxonomy, watch: Watch, tmp_path: Path
) -> None:
    report = nights.read(night_report, nights.add([a_ticket("1")]), taxonomy)
    page = write_report(report, tmp_path, watch).page.read_text(encoding="utf-8")
    assert page.index("监测报警：类型构成") < page.index("<h2>投诉类型</h2>")
    assert "报警 1 项：类型构成。" in page
    assert "充电桩、跳枪、占位" in page
    assert "T1：&lt;地址&gt;的充电桩充不上" in page
    assert "语料不足以比较字频。" in page


def test_the_workbook_has_the_figures_as_numbers(
    nights: Nights, taxonomy: Taxonomy, watch: Watch, tmp_path: Path
) -> None:
    report = nights.read(night_report, nights.add([a_ticket("1")]), taxonomy)
    book = openpyxl.load_workbook(write_report(report, tmp_path, watch).book)
    signals = list(book["监测"].iter_rows(min_row=3, values_only=True))
    assert signals[0][:6] == ("类型构成", "报警", 0.21, 0.05, 0.1, "总变差")
    assert signals[1][:5] == ("生词率", "正常", 0.013, None, 0.05)
    proposals = list(book["建议新原因"].iter_rows(min_row=3, values_only=True))
    assert proposals[0] == ("充电桩、跳枪、占位", 14, 0.07, 1.5, "T1：<地址>的充电桩充不上\nT2：=跳枪")
    assert proposals[1][1:4] == (6, 0.03, None)


def test_an_empty_night_still_tells_what_the_watch_saw(
    nights: Nights, taxonomy: Taxonomy, watch: Watch, tmp_path: Path
) -> None:
    report = nights.read(night_report, nights.add(), taxonomy)
    assert "<h2>模型与来话监测</h2>" in write_report(report, tmp_path, watch).page.read_text(encoding="utf-8")


def test_without_a_watch_there_is_no_section(nights: Nights, taxonomy: Taxonomy, tmp_path: Path) -> None:
    report = nights.read(night_report, nights.add([a_ticket("1")]), taxonomy)
    assert "监测" not in write_report(report, tmp_path).page.read_text(encoding="utf-8")
