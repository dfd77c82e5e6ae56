import io
from pathlib import Path

import openpyxl
import pytest

from pipeline.nightly.report.book import book_of, plain, sheet_name, write_book
from pipeline.nightly.report.build import night_report
from pipeline.nightly.report.layout import Column, Document, Kind, Section, Table
from pipeline.nightly.report.sections import document
from pipeline.taxonomy import Taxonomy

from .conftest import Nights, Row, a_ticket

STARTS = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "report.xlsx"


def _document(*rows: tuple[str | int | float | None, ...]) -> Document:
    columns = (Column("名称"), Column("件数", Kind.COUNT), Column("占比", Kind.SHARE, group="与上月比较"))
    section = Section("x", "节", tables=(Table("表", "标题", columns, rows, total=("合计", 3, None)),))
    return Document("报告", "副题", (("模型", "m"),), (), (), (section,))


def test_numbers_are_numbers_with_their_format(book: Path) -> None:
    write_book(_document(("甲", 1, 0.25), ("乙", 2, None)), book)
    sheet = openpyxl.load_workbook(book)["表"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["标题", None, None], ["名称", "件数", "与上月比较 占比"], ["甲", 1, 0.25], ["乙", 2, None], ["合计", 3, None],
    ]  # fmt: skip
    assert [cell.number_format for cell in sheet[3]] == ["@", "#,##0", "0.00%"]
    assert sheet.freeze_panes == "A3"


@pytest.mark.parametrize("start", STARTS)
def test_no_text_begins_like_a_formula(book: Path, start: str) -> None:
    write_book(_document((f"{start}1+1|' /C calc'!A0", 1, 0.5)), book)
    cell = openpyxl.load_workbook(book)["表"]["A3"]
    assert cell.data_type == "s"
    assert cell.value[0] == "'"


def test_a_whole_hostile_night_has_no_formula_anywhere(nights: Nights, taxonomy: Taxonomy, book: Path) -> None:
    values = {
        name: f"{start}1+1" for name, start in zip(("unit", "county", "city", "transformer_area"), STARTS, strict=False)
    }
    night = nights.add(
        [a_ticket(f"{start}cmd{again}", customer=start, **values) for start in STARTS for again in (1, 2)],
        problems=[{"code": "=x", "message": "@x"}],
        model="=m",
    )
    write_book(document(nights.read(night_report, night, taxonomy)), book)
    cells = [cell for sheet in openpyxl.load_workbook(book) for row in sheet.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
    texts = [cell.value for cell in cells if isinstance(cell.value, str)]
    assert [text for text in texts if text.startswith(STARTS)] == []
    assert any("=1+1" in text for text in texts)


def test_characters_that_no_sheet_can_hold_are_left_out() -> None:
    assert plain("停\x00电\x0b") == "停电"
    assert plain("\x00=1") == "'=1"
    assert plain("电\ud800压\uffff") == "电压"


def test_no_text_becomes_a_formula_when_a_sheet_unescapes_it() -> None:
    assert plain("_x003D_1+1") == "'_x003D_1+1"


def test_no_text_is_longer_than_a_cell() -> None:
    assert plain("停" * 32_767) == "停" * 32_767
    assert plain("停" * 32_768) == "停" * 32_764 + "[…]"
    # A character beyond the first plane takes two of Excel's units: none is halved.
    assert plain("停" + "😀" * 20_000) == "停" + "😀" * 16_381 + "[…]"
    assert plain("😀" * 20_000) == "😀" * 16_382 + "[…]"


def test_any_text_can_name_a_sheet() -> None:
    assert [sheet_name(text) for text in ("a/b", "'", "", "停" * 40, "x\x00y")] == ["a b", "-", "-", "停" * 31, "xy"]


def test_tables_alone_make_a_book_that_says_what_they_are() -> None:
    table = Table("各/周", "标题", (Column("名称"),), (("甲",),), note="不是抽样")
    book = openpyxl.load_workbook(io.BytesIO(book_of("=报告", "副题", [("模型", "@m")], [table, table])))
    assert book.sheetnames == ["=报告", "各 周", "各 周1"]
    assert [[cell.value for cell in row] for row in book["=报告"].iter_rows()] == [
        ["'=报告", None], ["副题", None], ["模型", "'@m"], ["标题", "不是抽样"], ["标题", "不是抽样"],
    ]  # fmt: skip


def test_every_table_is_a_sheet_and_holds_all_rows(
    nights: Nights, taxonomy: Taxonomy, published_month: list[Row], book: Path
) -> None:
    found = document(nights.read(night_report, nights.add(published_month, rejected=["bad_date"]), taxonomy))
    write_book(found, book)
    tables = [table for section in found.sections for table in section.tables]
    opened = openpyxl.load_workbook(book)
    assert opened.sheetnames == ["概览", *(table.sheet for table in tables)]
    for table in tables:
        assert opened[table.sheet].max_row == 2 + len(table.rows) + (table.total is not None)
    assert any(len(table.rows) > table.shown for table in tables)
