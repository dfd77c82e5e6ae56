"""Headers as exports write them, and the column map that knows them."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.settings import CONFIGS
from pipeline.tickets.columns import REQUIRED, Columns, fold_header

SHIPPED = yaml.safe_load((CONFIGS / "columns.yaml").read_text(encoding="utf-8"))
EVERY_HEADER = [(name, title) for name, field in SHIPPED["fields"].items() for title in field["headers"]]


@pytest.mark.parametrize(("field", "title"), EVERY_HEADER)
def test_every_header_of_the_shipped_map_is_found_under_its_field(columns: Columns, field: str, title: str) -> None:
    assert columns.positions(["序号", title]) == {field: 1}


def test_no_header_of_the_shipped_map_belongs_to_two_fields() -> None:
    owners = Counter(fold_header(title) for _, title in EVERY_HEADER)
    assert [title for title, count in owners.items() if count > 1] == []


@pytest.mark.parametrize(
    "title",
    [
        "工单编号",
        " 工单编号 ",
        "工单 编号",
        "工单\n编号",
        "工单\u3000编号",
        "\ufeff工单编号",
        "工单\u200b编号",
        "工单编号*",
        "工单编号＊",
        "*工单编号",
        "＊ 工单编号",
        "工单编号：",
        "工单编号:",
        "工单编号（必填）",
        "工单编号(必填)",
        "工单编号（选填）",
        "工单编号（＊）",
        "工单编号（必填）*：",
    ],
)
def test_a_header_is_known_whatever_blanks_and_marks_stand_on_it(columns: Columns, title: str) -> None:
    assert columns.positions([title]) == {"ticket_id": 0}


@pytest.mark.parametrize("title", ["ＡＰＰ＿ＮＯ", "app_no", "App_No", "Ａpp_no", "APP_NO "])
def test_a_header_is_known_in_full_width_letters_and_in_any_case(columns: Columns, title: str) -> None:
    assert columns.positions([title]) == {"ticket_id": 0}


@pytest.mark.parametrize("title", ["", None, "备注", "工单编号2", "原工单编号", "（必填）", "*", 20261102, 3.5])
def test_a_header_that_is_not_listed_means_nothing(columns: Columns, title: object) -> None:
    assert columns.positions([title]) == {}


@given(st.data())
def test_blanks_anywhere_in_a_header_never_change_what_it_means(data: st.DataObject) -> None:
    _, title = data.draw(st.sampled_from(EVERY_HEADER))
    blank = st.text(st.sampled_from(" \t\n\u00a0\u3000\u200b\ufeff"), max_size=2)
    spaced = "".join(character + data.draw(blank) for character in title)
    assert fold_header(data.draw(blank) + spaced) == fold_header(title)


@given(st.sampled_from(EVERY_HEADER))
def test_full_width_letters_and_digits_in_a_header_never_change_what_it_means(entry: tuple[str, str]) -> None:
    title = entry[1]
    wide = "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in title)
    assert fold_header(wide) == fold_header(title)


def test_the_first_header_of_a_fields_list_wins_over_the_order_in_the_file(columns: Columns) -> None:
    assert columns.positions(["编号", "受理内容", "工单编号"])["ticket_id"] == 2


def test_of_two_columns_with_the_same_header_the_first_is_read(columns: Columns) -> None:
    assert columns.positions(["工单编号", "受理内容", "受理内容"])["text"] == 1


def test_columns_may_stand_in_any_order(columns: Columns) -> None:
    found = columns.match(["联系电话", "受理内容", "受理时间", "工单编号"])
    assert found == {"phone": 0, "text": 1, "accepted_at": 2, "ticket_id": 3}


@pytest.mark.parametrize("header", [["工单编号", "受理时间"], ["受理内容", "受理时间"], ["受理时间"], []])
def test_a_row_without_both_required_columns_is_no_header(columns: Columns, header: list[str]) -> None:
    assert columns.match(header) == {}


def test_a_row_that_lacks_a_required_column_still_tells_which_fields_it_names(columns: Columns) -> None:
    assert columns.resembles(["工单编号", "受理时间", "备注"]) == {"ticket_id", "accepted_at"}


def test_the_required_fields_have_chinese_titles_for_messages(columns: Columns) -> None:
    assert [columns.fields[name].title for name in REQUIRED] == ["工单编号", "受理内容"]


def test_a_field_with_a_single_header_is_titled_by_it(columns: Columns) -> None:
    assert columns.extended({"cause": ("cause",)}).fields["cause"].title == "cause"


@pytest.mark.parametrize("used_before", [False, True])
def test_extended_columns_know_the_further_fields_even_after_the_columns_were_used(used_before: bool) -> None:
    columns = Columns.load()
    if used_before:
        columns.match(["工单编号", "受理内容"])
    extended = columns.extended({"cause": ("cause", "标注")})
    assert extended.match(["标注", "工单编号", "受理内容"]) == {"cause": 0, "ticket_id": 1, "text": 2}
    assert extended.header_rows == columns.header_rows


def test_extending_leaves_the_columns_as_they_were(columns: Columns) -> None:
    columns.extended({"cause": ("cause",)})
    assert columns.positions(["cause"]) == {}


def test_an_office_can_add_its_own_spelling_of_a_header(tmp_path: Path) -> None:
    path = tmp_path / "columns.yaml"
    fields = {"ticket_id": {"headers": ["ticket_id", "流水"]}, "text": {"headers": ["text", "来电摘要"]}}
    path.write_text(yaml.safe_dump({"fields": fields, "header_rows": 3}, allow_unicode=True), encoding="utf-8")
    assert Columns.load(path).match(["来电摘要", "流水"]) == {"text": 0, "ticket_id": 1}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fields": {"text": {"headers": ["text"]}}}, "ticket_id"),
        ({"fields": {"ticket_id": {"headers": ["id"]}}}, "text"),
        ({"fields": {"ticket_id": {"headers": []}, "text": {"headers": ["text"]}}}, "headers"),
        ({"fields": {"ticket_id": {"headers": ["id"], "kind": "number"}, "text": {"headers": ["text"]}}}, "kind"),
        ({"header_rows": 0}, "header_rows"),
        ({"delimiter": ";"}, "delimiter"),
    ],
)
def test_a_column_map_with_a_fault_is_refused_and_the_fault_named(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    path = tmp_path / "columns.yaml"
    path.write_text(yaml.safe_dump({**SHIPPED, **change}, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Columns.load(path)
    assert caught.value.code == "config_invalid"
    assert named in caught.value.message
