"""Exports from end to end: the same rows from every format, what bad rows and bad files cost, and memory."""

import random
import re
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import FileError
from pipeline.tickets import Columns, Reject, Ticket, count_hint, read_chunks, read_tickets
from pipeline.tickets.readers import OPENERS
from pipeline.tickets.rejects import REASONS

Rows = Sequence[Sequence[object]]
Write = Callable[..., Path]
Read = Callable[[Path], list[Ticket | Reject]]

TEXT = "客户反映停电三次要求处理"
FORMATS = [
    ("a.csv", "utf-8"),
    ("a.csv", "utf-8-sig"),
    ("a.csv", "gb18030"),
    ("a.tsv", "utf-8"),
    ("a.tsv", "gb18030"),
    ("a.xlsx", ""),
    ("a.parquet", ""),
    ("a.jsonl", "utf-8"),
    ("a.jsonl", "gb18030"),
]
TABLES = [entry for entry in FORMATS if entry[0] != "a.jsonl"]  # those with a header of their own


def outline(entries: list[Ticket | Reject]) -> list[str]:
    """Reduce entries to ticket ids and reject codes."""
    return [entry.ticket_id if isinstance(entry, Ticket) else entry.code for entry in entries]


# ---------------------------------------------------------------- the same rows from every format

# What a spreadsheet cannot hold (controls, halves of surrogate pairs, code points that are no characters) is left out,
# and so is the carriage return, which is one line break with the line feed in some formats and two in others.
CHARACTERS = st.one_of(
    st.sampled_from("\",;|\t\n'\\ 𠮷㙍，。“”【】（）=+-@*#&<>_\u3000"),
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5),
    st.characters(exclude_categories=["Cc", "Cs", "Cn"], min_codepoint=0x20),
)
# _x000D_ is how spreadsheets write a carriage return, and is read as a line break.
CELLS = st.text(CHARACTERS, max_size=12).filter(lambda text: "_x000D_" not in text)
# A closing bracket at the very end would make a topic of all that stands before it.
TAILS = CELLS.map(lambda text: re.sub(r"[】\]］〕』」]", "", text))
NARRATIVES = st.builds("{}客户反映{}停电三次要求处理{}".format, CELLS, CELLS, TAILS)


@settings(deadline=None)
@given(st.lists(st.tuples(NARRATIVES, CELLS, CELLS), min_size=1, max_size=5))
def test_the_same_rows_give_the_same_tickets_from_every_format(
    write: Write, read: Read, rows: list[tuple[str, str, str]]
) -> None:
    expected = [
        Ticket(
            f"20261102{number:08d}",
            text,
            0,
            datetime.fromisoformat("2026-11-02 08:30:00"),
            {"unit": unit.strip()} if unit.strip() else {},
            ((name.strip(), "<姓名>"),) if name.strip() else (),
        )
        for number, (text, unit, name) in enumerate(rows)
    ]
    table = [("工单编号", "受理时间", "供电单位", "户名", "受理内容")]
    table += [
        (f"20261102{number:08d}", "2026-11-02 08:30", unit, name, text)
        for number, (text, unit, name) in enumerate(rows)
    ]
    for name, encoding in FORMATS:
        entries = read(write(name, table, encoding))
        assert [replace(entry, row=0) if isinstance(entry, Ticket) else entry for entry in entries] == expected, name


@pytest.mark.parametrize(("name", "encoding"), FORMATS)
def test_rare_characters_survive_in_every_format(write: Write, read: Read, name: str, encoding: str) -> None:
    text = '𠮷先生住㙍头村，说"没电",\n一天\t三次；€10'
    (ticket,) = read(write(name, [("工单编号", "受理内容"), ("甲-𠮷", text)], encoding))
    assert isinstance(ticket, Ticket)
    assert (ticket.ticket_id, ticket.text) == ("甲-𠮷", text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", [2, 4, 5]),
        ("a.tsv", [2, 4, 5]),
        ("a.xlsx", [2, 3, 4]),
        ("a.parquet", [1, 2, 3]),
        ("a.jsonl", [1, 2, 3]),
    ],
)
def test_a_row_bears_the_number_that_an_editor_or_spreadsheet_shows(
    write: Write, read: Read, name: str, expected: list[int]
) -> None:
    rows = [("工单编号", "受理内容"), ("1", "停电\n三次"), ("", TEXT), ("3", TEXT)]
    assert [entry.row for entry in read(write(name, rows))] == expected


def test_a_narrative_is_kept_as_typed(write: Write, read: Read) -> None:
    text = " 【频繁停电】 客户李四，电话１３８００１３８０００，反映停　电 "
    (ticket,) = read(write("a.csv", [("工单编号", "受理内容"), ("1", text)]))
    assert isinstance(ticket, Ticket)
    assert ticket.text == text


# ---------------------------------------------------------------- fields and personal columns


@pytest.mark.parametrize(("name", "encoding"), FORMATS)
def test_every_column_goes_where_the_column_map_says(
    write: Write, read: Read, columns: Columns, name: str, encoding: str
) -> None:
    cells = {field: f"{field}值" for field in columns.fields}
    times = [field for field, kind in columns.fields.items() if kind.kind == "time"]
    cells.update({field: f"2026-11-0{day} 08:30" for day, field in enumerate(times, start=1)})
    cells["text"] = TEXT
    header = [columns.fields[field].title for field in cells]
    (ticket,) = read(write(name, [[*header, "备注"], [*cells.values(), "别处没有"]], encoding))
    assert isinstance(ticket, Ticket)
    assert (ticket.ticket_id, ticket.text) == ("ticket_id值", TEXT)
    assert ticket.accepted_at == datetime.fromisoformat("2026-11-01 08:30")
    assert set(ticket.personal) == {
        ("customer_number值", "<户号>"),
        ("customer_name值", "<姓名>"),
        ("address值", "<地址>"),
        ("phone值", "<电话>"),
        ("calling_number值", "<电话>"),
        ("meter_number值", "<表号>"),
    }
    assert ticket.fields == {
        "dispatched_at": "2026-11-02 08:30:00",
        "contacted_at": "2026-11-03 08:30:00",
        "closed_at": "2026-11-04 08:30:00",
        **{
            field: f"{field}值"
            for field in (
                "business_type",
                "agent_type",
                "agent_level2",
                "agent_cause",
                "urban_rural",
                "city",
                "county",
                "unit",
                "transformer_area",
                "line",
                "electricity_use",
                "urged",
                "substantiated",
                "department",
            )
        },
    }


def test_the_agents_own_classification_is_carried_along(write: Write, read: Read) -> None:
    header = ("工单编号", "投诉一级分类", "投诉二级分类", "投诉三级分类", "受理内容")
    (ticket,) = read(write("a.csv", [header, ("1", "供电质量投诉", "供电可靠性", "频繁停电", TEXT)]))
    assert isinstance(ticket, Ticket)
    assert ticket.fields == {"agent_type": "供电质量投诉", "agent_level2": "供电可靠性", "agent_cause": "频繁停电"}


def test_blanks_around_values_are_dropped_and_empty_values_left_out(write: Write, read: Read) -> None:
    header = ("工单编号", "受理内容", "供电单位", "台区", "户名", "联系电话")
    (ticket,) = read(write("a.csv", [header, (" 1\t", TEXT, " 云山所 ", "  ", "\u3000张三 ", "")]))
    assert isinstance(ticket, Ticket)
    assert (ticket.ticket_id, ticket.fields, ticket.personal) == ("1", {"unit": "云山所"}, (("张三", "<姓名>"),))


# ---------------------------------------------------------------- bad rows

SECRET = "张三丰13800138000"
HEADER = ("工单编号", "受理内容", "受理时间")
BAD_CELLS = {
    "missing_id": [("", TEXT, ""), (" \u3000", TEXT, "2026-11-02"), ("", "", "昨晚")],
    "damaged_id": [("2.02611E+15", TEXT, ""), ("2.0e+017", TEXT, ""), ("2E15", TEXT, "")],
    "long_id": [("客户称" * 70, TEXT, "2026-11-02")],
    "missing_text": [
        ("{id}", "", ""),
        ("{id}", " \n\u3000", ""),
        ("{id}", "。", ""),
        ("{id}", "……………………！！！？？？——", ""),
        ("{id}", "&nbsp;", ""),
        ("{id}", "<br>", ""),
        ("{id}", "【】", ""),
    ],
    "topic_only": [
        ("{id}", "【频繁停电】", ""),
        ("{id}", " 【频繁停电】【客户催办】。", ""),
        ("{id}", "[停电]：", ""),
        ("{id}", "［停电］", ""),
        ("{id}", "频繁停电】", ""),
        ("{id}", "电压质量长时间异常】", ""),
        ("{id}", "〔抢修人员服务态度〕", "2026-11-02"),
    ],
    "bad_date": [("{id}", TEXT, "昨晚"), ("{id}", TEXT, "2026-13-01"), ("{id}", TEXT, "8:30")],
}
BAD_ROWS = [(code, row) for code, rows in BAD_CELLS.items() for row in rows]


@pytest.mark.parametrize(("name", "encoding"), FORMATS)
def test_each_kind_of_bad_row_has_its_code_and_costs_only_itself(
    write: Write, read: Read, name: str, encoding: str
) -> None:
    rows: list[tuple[str, ...]] = [HEADER]
    expected = []
    for number, (code, row) in enumerate(BAD_ROWS):
        rows += [(f"good{number}", TEXT, "2026-11-02"), tuple(cell.replace("{id}", f"bad{number}") for cell in row)]
        expected += [f"good{number}", code]
    assert outline(read(write(name, rows, encoding))) == expected


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.sampled_from(BAD_ROWS)), min_size=1, max_size=20))
def test_any_mixture_of_good_and_bad_rows_is_told_apart(
    write: Write, read: Read, kinds: list[tuple[str, tuple[str, ...]] | None]
) -> None:
    rows: list[tuple[str, ...]] = [HEADER]
    for number, kind in enumerate(kinds):
        cells = kind[1] if kind else ("{id}", TEXT, "2026-11-02")
        rows.append(tuple(cell.replace("{id}", f"row{number}") for cell in cells))
    expected = [kind[0] if kind else f"row{number}" for number, kind in enumerate(kinds)]
    assert outline(read(write("a.tsv", rows))) == expected


@pytest.mark.parametrize(
    "text", ["停电", "停", "【频繁停电】停", "客户说【没电】", "停】电", "A", "【停电】。三次。", "3次"]
)
def test_a_short_narrative_is_a_narrative(write: Write, read: Read, text: str) -> None:
    assert outline(read(write("a.csv", [HEADER, ("1", text, "")]))) == ["1"]


@pytest.mark.parametrize(("name", "encoding"), FORMATS)
def test_a_repeated_id_names_the_row_on_which_it_first_stood(
    write: Write, read: Read, name: str, encoding: str
) -> None:
    rows = [HEADER, ("1", TEXT, ""), ("2", TEXT, ""), (" 1 ", "另一段客户反映电压低", ""), ("1", TEXT, "")]
    entries = read(write(name, rows, encoding))
    assert outline(entries) == ["1", "2", "duplicate_id", "duplicate_id"]
    assert isinstance(entries[0], Ticket)
    for entry in entries[2:]:
        assert isinstance(entry, Reject)
        assert f"与第 {entries[0].row} 行重复" in entry.message


@pytest.mark.parametrize(
    "spelling",
    [
        "GD20261101",
        " GD20261101\t",
        "ＧＤ２０２６１１０１",
        "'GD20261101",
        '="GD20261101"',
        "\u3000GD20261101",
        "\ufeffGD20261101",
    ],
)
def test_an_id_is_read_in_one_spelling_and_repeated_in_any(write: Write, read: Read, spelling: str) -> None:
    rows = [HEADER, (spelling, TEXT, ""), ("GD20261101", TEXT, "")]
    for name in ("a.csv", "a.xlsx", "a.jsonl"):
        assert outline(read(write(name, rows))) == ["GD20261101", "duplicate_id"]


@pytest.mark.parametrize("ticket_id", ["", "'", "=", '=""', "\ufeff", '"'])
def test_marks_around_nothing_are_no_id(write: Write, read: Read, ticket_id: str) -> None:
    assert outline(read(write("a.jsonl", [HEADER, (ticket_id, TEXT, ""), ("2", TEXT, "")]))) == ["missing_id", "2"]


def test_an_id_on_a_rejected_row_may_still_be_used_by_a_later_row(write: Write, read: Read) -> None:
    rows = [HEADER, ("1", "", ""), ("1", TEXT, "昨晚"), ("1", TEXT, ""), ("1", TEXT, "")]
    entries = read(write("a.csv", rows))
    assert outline(entries) == ["missing_text", "bad_date", "1", "duplicate_id"]
    assert isinstance(entries[3], Reject)
    assert "第 4 行" in entries[3].message


def test_a_bad_date_names_its_column(write: Write, read: Read) -> None:
    rows = [("工单编号", "受理内容", "受理时间", "归档时间"), ("1", TEXT, "2026-11-02", "昨晚")]
    (entry,) = read(write("a.csv", rows))
    assert isinstance(entry, Reject)
    assert entry.message.startswith("“处理完成时间”")


# For every code, a file with a row that earns it; the row holds a name and a telephone number.
EXAMPLES = {
    "missing_id": f"工单编号,受理内容\n,{SECRET}\n",
    "damaged_id": f"工单编号,受理内容\n2.02611E+15,{SECRET}\n",
    "long_id": f"工单编号,受理内容\n{SECRET * 20},停电\n",
    "missing_text": f"工单编号,受理内容,户名\n1,,{SECRET}\n",
    "topic_only": f"工单编号,受理内容\n1,【{SECRET}】\n",
    "duplicate_id": f"工单编号,受理内容\n{SECRET},停电\n{SECRET},停电\n",
    "undecodable": f"工单编号,受理内容\n1,停电三次\n2,{SECRET}\udcff\n",
    "broken_quote": f'工单编号,受理内容\n1,"{SECRET}\n',
    "wrong_columns": f"工单编号,受理内容\n1,停电,{SECRET}\n",
    "bad_date": f"工单编号,受理内容,受理时间\n1,停电,{SECRET}\n",
    "bad_json": f'{{"id": "1", "text": "停电"}}\n{{"id": "{SECRET}\n',
}


def test_every_code_has_an_example_here() -> None:
    assert EXAMPLES.keys() == REASONS.keys()


@pytest.mark.parametrize("code", EXAMPLES)
def test_a_message_is_chinese_and_never_quotes_the_row(write: Write, read: Read, code: str) -> None:
    name = "a.jsonl" if code == "bad_json" else "a.csv"
    entry = read(write(name, EXAMPLES[code].encode(errors="surrogateescape")))[-1]
    assert isinstance(entry, Reject)
    assert entry.code == code
    assert len(re.findall(r"[\u4e00-\u9fff]", entry.message)) > 10
    assert not any(SECRET[at : at + 3] in entry.message for at in range(len(SECRET) - 2))


# ---------------------------------------------------------------- bad files


@pytest.fixture(scope="module")
def whole(write: Write) -> dict[str, bytes]:
    """Return the bytes of a sound file for every ending."""
    rows = [HEADER, *((f"t{number}", f"{TEXT}{number}", "2026-11-02") for number in range(40))]
    return {ending: write(f"a{ending}", rows).read_bytes() for ending in OPENERS}


BAD_FILES = [
    ("a.csv", "file_empty", lambda whole: b""),
    ("a.xlsx", "file_empty", lambda whole: b""),
    ("a.parquet", "file_empty", lambda whole: b""),
    ("a.xls", "file_kind", lambda whole: b"\xd0\xcf\x11\xe0" + bytes(2000)),
    ("a.txt", "file_kind", lambda whole: whole[".csv"]),
    ("a", "file_kind", lambda whole: whole[".csv"]),
    ("a.csv.bak", "file_kind", lambda whole: whole[".csv"]),
    ("a.csv", "file_kind", lambda whole: whole[".xlsx"]),
    ("a.tsv", "file_kind", lambda whole: whole[".xlsx"]),
    ("a.jsonl", "file_kind", lambda whole: whole[".xlsx"]),
    ("a.xlsx", "file_damaged", lambda whole: whole[".xlsx"][:-1]),
    ("a.xlsx", "file_damaged", lambda whole: whole[".xlsx"][: len(whole[".xlsx"]) // 2]),
    ("a.xlsx", "file_damaged", lambda whole: whole[".xlsx"][:10]),
    ("a.xlsx", "file_damaged", lambda whole: whole[".csv"]),
    ("a.xlsx", "file_damaged", lambda whole: whole[".parquet"]),
    ("a.parquet", "file_damaged", lambda whole: whole[".parquet"][:-1]),
    ("a.parquet", "file_damaged", lambda whole: whole[".parquet"][: len(whole[".parquet"]) // 2]),
    ("a.parquet", "file_damaged", lambda whole: whole[".parquet"][:4]),
    ("a.parquet", "file_damaged", lambda whole: whole[".csv"]),
    ("a.xlsx", "file_encrypted", lambda whole: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)),
    ("a.csv", "file_encoding", lambda whole: whole[".csv"].decode().encode("utf-16")),
    ("a.csv", "file_encoding", lambda whole: whole[".csv"].decode().encode("utf-16-le")),
    ("a.jsonl", "file_encoding", lambda whole: whole[".jsonl"].decode().encode("utf-16")),
    ("a.csv", "file_encoding", lambda whole: random.Random(1).randbytes(3000)),
    ("a.jsonl", "file_encoding", lambda whole: random.Random(2).randbytes(3000)),
    ("a.csv", "file_encoding", lambda whole: whole[".parquet"] + random.Random(3).randbytes(3000)),
    ("a.csv", "no_header", lambda whole: "姓名,电话\n张三,138\n".encode()),
    ("a.csv", "no_header", lambda whole: whole[".jsonl"]),
    ("a.jsonl", "no_header", lambda whole: whole[".csv"]),
    ("a.jsonl", "no_header", lambda whole: b"{}\n"),
    ("a.csv", "no_header", lambda whole: b"\n"),
    ("a.csv", "no_header", lambda whole: b"\xef\xbb\xbf"),
]


@pytest.mark.parametrize(
    ("name", "code", "make"), BAD_FILES, ids=[f"{name}-{code}-{at}" for at, (name, code, _) in enumerate(BAD_FILES)]
)
def test_each_kind_of_bad_file_is_refused_before_the_first_row(
    write: Write,
    columns: Columns,
    whole: dict[str, bytes],
    name: str,
    code: str,
    make: Callable[[dict[str, bytes]], bytes],
) -> None:
    path = write(name, make(whole))
    with pytest.raises(FileError) as caught:
        read_tickets(path, columns)
    assert caught.value.code == code
    assert caught.value.message.startswith((name, "不支持"))
    assert "请" in caught.value.message or "可用的有" in caught.value.message


def test_an_xls_file_is_refused_with_advice(write: Write, columns: Columns) -> None:
    with pytest.raises(FileError, match=r"另存为 \.xlsx"):
        read_tickets(write("a.XLS", b"\xd0\xcf\x11\xe0"), columns)


def test_a_workbook_that_was_renamed_is_called_by_its_name(
    write: Write, columns: Columns, whole: dict[str, bytes]
) -> None:
    with pytest.raises(FileError, match=r"其实是 Excel 文件，请把扩展名改为 \.xlsx"):
        read_tickets(write("a.csv", whole[".xlsx"]), columns)


@pytest.mark.parametrize("ending", OPENERS)
def test_a_file_that_does_not_exist_is_missing(tmp_path: Path, columns: Columns, ending: str) -> None:
    with pytest.raises(FileError, match="找不到文件") as caught:
        read_tickets(tmp_path / f"没有{ending}", columns)
    assert caught.value.code == "file_missing"


@pytest.mark.parametrize("name", ["exports", "exports.csv", "exports.xlsx"])
def test_a_folder_is_no_file_whatever_its_name(tmp_path: Path, columns: Columns, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(FileError) as caught:
        read_tickets(tmp_path / name, columns)
    assert caught.value.code == "file_is_folder"


@pytest.mark.parametrize(("present", "missing"), [("工单编号", "受理内容"), ("受理内容", "工单编号")])
@pytest.mark.parametrize(("name", "encoding"), FORMATS)
def test_a_header_that_lacks_a_required_column_is_told_which(
    write: Write, columns: Columns, name: str, encoding: str, present: str, missing: str
) -> None:
    with pytest.raises(FileError, match=f"缺少：{missing}。") as caught:
        read_tickets(write(name, [(present, "供电单位"), ("1", "云山所")], encoding), columns)
    assert caught.value.code == "no_header"


@pytest.mark.parametrize(("name", "encoding"), FORMATS)
def test_a_file_without_any_known_column_is_told_both(write: Write, columns: Columns, name: str, encoding: str) -> None:
    with pytest.raises(FileError, match="缺少：工单编号、受理内容。"):
        read_tickets(write(name, [("甲", "乙"), ("1", "2")], encoding), columns)


@pytest.mark.parametrize(("name", "encoding"), TABLES)
def test_a_file_with_only_a_header_gives_no_rows_and_no_error(
    write: Write, read: Read, name: str, encoding: str
) -> None:
    assert read(write(name, [("工单编号", "受理内容")], encoding)) == []


@pytest.mark.parametrize("header", ["工单编号,受理内容", "工单编号,受理内容\r\n", "说明\n工单编号,受理内容\n\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_with_only_a_header_may_end_anyhow(write: Write, read: Read, header: str, encoding: str) -> None:
    assert read(write("a.csv", header, encoding)) == []


@pytest.mark.parametrize("ending", OPENERS)
@pytest.mark.parametrize("damage", ["changed", "cut", "lost"])
def test_damage_anywhere_costs_rows_or_the_file_but_never_ends_in_a_traceback(
    write: Write, read: Read, whole: dict[str, bytes], ending: str, damage: str
) -> None:
    chance = random.Random(f"{ending}{damage}")
    outcomes = set()
    for _ in range(60):
        content, at = bytearray(whole[ending]), chance.randrange(len(whole[ending]))
        if damage == "changed":
            content[at] = chance.randrange(256)
        elif damage == "cut":
            del content[at:]
        else:
            del content[at : at + chance.randint(1, 40)]
        try:
            outcomes |= {type(entry) for entry in read(write(f"a{ending}", bytes(content)))}
        except FileError as error:
            outcomes.add(error.code)
    assert outcomes
    assert outcomes <= {Ticket, Reject, "file_damaged", "file_encoding", "file_empty", "file_kind", "no_header"}


# ---------------------------------------------------------------- chunks, hints and memory


def test_chunks_hold_at_most_so_many_rows_in_the_order_of_the_file(write: Write, columns: Columns) -> None:
    rows = [HEADER, *((f"t{number}" if number % 3 else "", TEXT, "") for number in range(25))]
    chunks = list(read_chunks(write("a.csv", rows), columns, size=10))
    assert [chunk.rows for chunk in chunks] == [10, 10, 5]
    assert [ticket.row for chunk in chunks for ticket in chunk.tickets] == [n + 2 for n in range(25) if n % 3]
    assert [reject.row for chunk in chunks for reject in chunk.rejects] == [n + 2 for n in range(0, 25, 3)]
    assert {reject.code for chunk in chunks for reject in chunk.rejects} == {"missing_id"}


def test_an_id_repeated_in_a_later_chunk_is_still_a_repetition(write: Write, columns: Columns) -> None:
    rows = [HEADER, *((f"t{number % 30}", TEXT, "") for number in range(40))]
    chunks = list(read_chunks(write("a.csv", rows), columns, size=10))
    assert [len(chunk.rejects) for chunk in chunks] == [0, 0, 0, 10]


def test_a_file_without_rows_has_no_chunks(write: Write, columns: Columns) -> None:
    assert list(read_chunks(write("a.csv", [HEADER]), columns)) == []


@pytest.mark.parametrize("ending", OPENERS)
def test_reading_may_stop_early_and_leaves_no_file_open(
    write: Write, columns: Columns, whole: dict[str, bytes], ending: str
) -> None:
    entries = read_tickets(write(f"a{ending}", whole[ending]), columns)
    assert isinstance(next(entries), Ticket)
    del entries  # an open file would be a ResourceWarning, and those are errors here


@pytest.mark.parametrize(
    ("ending", "expected"), [(".csv", 41), (".tsv", 41), (".jsonl", 40), (".parquet", 40), (".xlsx", None)]
)
def test_a_hint_tells_about_how_many_rows_there_are(
    write: Write, whole: dict[str, bytes], ending: str, expected: int | None
) -> None:
    assert count_hint(write(f"a{ending}", whole[ending])) == expected


def test_a_hint_for_a_workbook_is_the_size_it_declares(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for number in range(7):
        book.worksheets[0].append((number,))
    book.save(tmp_path / "a.xlsx")
    assert count_hint(tmp_path / "a.xlsx") == 7


MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    ("name", "row", "few", "many"),
    [
        ("a.csv", "{:010d},客户反映所在村组两个月内停电三次以上要求供电公司尽快处理\n", 50_000, 200_000),
        (
            "a.jsonl",
            '{{"id": "{:010d}", "text": "客户反映两个月内停电三次以上要求供电公司尽快处理答复"}}\n',
            10_000,
            40_000,
        ),
    ],
)
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, columns: Columns, name: str, row: str, few: int, many: int
) -> None:
    path = tmp_path / name
    with path.open("w", encoding="utf-8") as file:
        file.write("工单编号,受理内容\n" if name == "a.csv" else "\n")
        file.writelines(row.format(number) for number in range(many))
    tracemalloc.start()
    try:
        entries = read_tickets(path, columns)
        stages = [(islice(entries, 1), 1), (islice(entries, few - 1), few - 1), (entries, many - few)]
        opened, peak_few, peak_many = (_peak(stage, rows) for stage, rows in stages)
    finally:
        tracemalloc.stop()
    assert opened < 8 * MEBIBYTE  # a few blocks of 1 MiB while the encoding is found
    assert peak_few < MEBIBYTE
    assert peak_many < peak_few + MEBIBYTE / 4  # to remember the ids in Python would take megabytes


def _peak(entries: Iterator[Ticket | Reject], rows: int) -> int:
    tracemalloc.reset_peak()
    assert sum(isinstance(entry, Ticket) for entry in entries) == rows
    return tracemalloc.get_traced_memory()[1]


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet", "none.csv", "none.xlsx", "none.parquet"])
def test_a_file_that_cannot_be_read_has_no_count_and_raises_nothing(tmp_path: Path, name: str) -> None:
    if name.startswith("a"):
        (tmp_path / name).write_bytes(b"PAR1 neither a spreadsheet nor a table")
    assert count_hint(tmp_path / name) is None
