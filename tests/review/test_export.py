import io
from collections.abc import Callable
from datetime import timedelta

import openpyxl
import pytest

from pipeline.nightly.report.layout import Table
from pipeline.nightly.report.page import shown
from pipeline.review.catalogue import LANGUAGES, Catalogue
from pipeline.review.export import (
    causes_table,
    confusions_table,
    quality_tables,
    tickets_table,
    to_book,
    units_table,
    weeks_table,
)
from pipeline.review.figures import read_figures
from pipeline.review.filters import Filter
from pipeline.review.lists import rows
from pipeline.review.overview import by_unit, by_week, confusion, differing_causes
from pipeline.review.statistics import FEW
from pipeline.review.verdicts import ALL
from pipeline.store.review import BLIND, SHOWN
from pipeline.taxonomy import Taxonomy

from .filled import NAMES, NOON, Filled

OUTAGE, VOLTAGE, BILL = "frequent_outage", "voltage_abnormal", "bill"
HOSTILE = (
    '=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "<script>alert(1)</script>", "😀停电", "\u202e电停",
    "a\x0bb", "_x003D_1+1", "停" * 40_000, "一\n二", "'", "]]>&amp;",
)  # fmt: skip
STARTS = ("=", "+", "-", "@", "\t", "\r")
Translate = Callable[..., str]


@pytest.fixture
def desk(database: str) -> Filled:
    return Filled(database)


@pytest.fixture
def full(desk: Filled) -> Filled:
    """Every kind of reading, and one ticket per hostile text wherever a text can be."""
    for text in HOSTILE:
        item = desk.item(OUTAGE, BILL, narrative=text, topic=text, unit=text[:200])
        desk.decide(desk.reading(item, SHOWN), VOLTAGE, rule=text, note=text)
    item = desk.blind(BILL, OUTAGE, agent=BILL, unit="")
    desk.decide(desk.reading(item, BLIND, 2), OUTAGE, user=2)
    desk.decide(desk.reading(item, SHOWN, 3), OUTAGE, user=3)
    return desk


@pytest.fixture(params=LANGUAGES)
def t(request: pytest.FixtureRequest) -> Translate:
    return Catalogue.load(request.param).t


def all_tables(desk: Filled, taxonomy: Taxonomy, t: Translate) -> list[Table]:
    wanted = Filter()
    return [
        tickets_table(desk.read(rows, wanted, None, 0), taxonomy, t),
        confusions_table(desk.read(confusion, wanted, "agent", taxonomy.type_ids), taxonomy, t),
        causes_table(desk.read(differing_causes, wanted, "model", 20), taxonomy, t),
        units_table(desk.read(by_unit, wanted, "model"), t),
        weeks_table(desk.read(by_week, wanted, "model"), t),
        *quality_tables(desk.read(read_figures, ALL, taxonomy.type_ids), taxonomy, t),
    ]


def test_every_row_has_a_cell_per_column(full: Filled, taxonomy: Taxonomy, t: Translate) -> None:
    for table in all_tables(full, taxonomy, t):
        assert table.rows
        assert {len(row) for row in (*table.rows, table.total or table.rows[0])} == {len(table.columns)}
        cells = [(cell, column.kind) for row in table.rows for cell, column in zip(row, table.columns, strict=True)]
        assert all(shown(cell, kind) for cell, kind in cells if cell != "")


def test_a_hostile_desk_makes_a_harmless_book(full: Filled, taxonomy: Taxonomy, t: Translate) -> None:
    tables = all_tables(full, taxonomy, t)
    book = openpyxl.load_workbook(io.BytesIO(to_book("=1/2", "@x", tables, [("+a", "-b")])))
    assert book.sheetnames == ["=1 2", *(table.sheet for table in tables)]
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
    texts = [cell.value for cell in cells if isinstance(cell.value, str)]
    assert not [text for text in texts if text.startswith(STARTS)]
    assert max(map(len, texts)) == 32_767
    for text in ("<script>alert(1)</script>", "😀停电", "\u202e电停", "ab", "]]>&amp;", '\'=HYPERLINK("http://x","y")'):
        assert text in texts
    assert any(text.startswith("停停") and text.endswith("[…]") for text in texts)


def test_an_empty_desk_makes_a_book(desk: Filled, taxonomy: Taxonomy, t: Translate) -> None:
    tables = all_tables(desk, taxonomy, t)
    book = openpyxl.load_workbook(io.BytesIO(to_book("a", "b", tables, [])))
    assert len(book.sheetnames) == 1 + len(tables)


def test_a_ticket_as_people_read_it(desk: Filled, taxonomy: Taxonomy) -> None:
    item = desk.item(OUTAGE, None, reasons=["label_error", "unlike"], unit="", accepted_at=None, narrative="没电")
    desk.decide(
        desk.reading(item, SHOWN), BILL, second_cause=VOLTAGE, note="看错", decided_at=NOON + timedelta(hours=13)
    )
    table = tickets_table(desk.read(rows, Filter(), None, 0), taxonomy, Catalogue.load("zh").t)
    (row,) = table.rows
    found = {f"{column.group}{column.name}": cell for column, cell in zip(table.columns, row, strict=True)}
    assert found["受理时间"] is None
    assert found["坐席类型"] is None
    assert found["模型原因"] == taxonomy.cause(OUTAGE).name
    assert found["复核类型"] == "营业投诉"
    assert found["复核次要原因"] == taxonomy.cause(VOLTAGE).name
    assert found["复核时间"] == "2026-11-26 01:00"  # in China
    assert found["复核人"] == NAMES[0]
    assert found["方式"] == "有提示"
    assert found["入队原因"] == "坐席分类可能有误、与已知工单都不像"


def test_ids_of_a_former_tree_stand_for_themselves(desk: Filled, taxonomy: Taxonomy) -> None:
    desk.shown("bygone", OUTAGE)
    table = causes_table(desk.read(differing_causes, Filter(), "model", 5), taxonomy, Catalogue.load("en").t)
    assert table.rows == ((taxonomy.cause(OUTAGE).name, "bygone", 1, 1, 1.0),)


def test_sums_and_denominators(full: Filled, taxonomy: Taxonomy) -> None:
    t = Catalogue.load("en").t
    table = confusions_table(full.read(confusion, Filter(), "model", taxonomy.type_ids), taxonomy, t)
    tickets = len(HOSTILE) + 1
    assert table.total is not None
    assert table.total[-1] == sum(row[-1] for row in table.rows) == tickets
    assert f"{tickets} tickets reviewed, {tickets} of them" in table.note
    units = units_table(full.read(by_unit, Filter(), "model"), t)
    assert ("No unit given", 1, 1, 1, 1.0, 1, 1, 1.0) in units.rows


def test_few_readings_and_the_naive_share_are_called_what_they_are(full: Filled, taxonomy: Taxonomy) -> None:
    t = Catalogue.load("en").t
    tables = quality_tables(full.read(read_figures, ALL, taxonomy.type_ids), taxonomy, t)
    assert {row[-1] for table in tables[:-1] for row in table.rows} == {f"fewer than {FEW}: a hint only"}
    assert {row[-1] for row in tables[-1].rows} == {"not an accuracy"}
    assert "not an accuracy" in tables[-1].note
    for _ in range(FEW):
        full.blind(BILL, BILL)
    accuracy = quality_tables(full.read(read_figures, ALL, taxonomy.type_ids), taxonomy, t)[0]
    who, what, right, of, share, low, high, remark = accuracy.rows[0]
    assert (who, what, right, of, remark) == ("Model", "Type", FEW, FEW + 1, "")
    assert 0.8 < low < share < high < 1


@pytest.mark.parametrize("part", ["lists", "quality"])
def test_both_languages_say_the_same_things(part: str) -> None:
    chinese, english = (Catalogue.load(language).texts for language in ("zh", "en"))
    keys = [key for key in chinese if key.startswith(f"{part}.")]
    assert keys == [key for key in english if key.startswith(f"{part}.")]
    for key in keys:
        placeholders = [{part.split("}")[0] for part in texts[key].split("{")[1:]} for texts in (chinese, english)]
        assert placeholders[0] == placeholders[1], key
