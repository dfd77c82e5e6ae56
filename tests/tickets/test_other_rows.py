"""Rows of .xlsx, .parquet and .jsonl files, with the cells that spreadsheets and databases put there."""

import json
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import FileError
from pipeline.tickets import Columns, Reject, Ticket, read_tickets
from pipeline.tickets.other_rows import cell_text

Write = Callable[..., Path]
Read = Callable[[Path], list[Ticket | Reject]]

HEADER = ("工单编号", "受理内容", "受理时间", "户号")
TEXT = "客户反映停电三次要求处理"
EIGHT_THIRTY = datetime.fromisoformat("2026-11-02 08:30:00")


def outline(entries: list[Ticket | Reject]) -> list[tuple[int, str]]:
    """Reduce entries to (row, ticket id or reject code)."""
    return [(entry.row, entry.ticket_id if isinstance(entry, Ticket) else entry.code) for entry in entries]


def only(entries: list[Ticket | Reject]) -> Ticket:
    (ticket,) = entries
    assert isinstance(ticket, Ticket)
    return ticket


def sheets(path: Path, *tables: Sequence[Sequence[object]]) -> Path:
    """Write a workbook as Excel would, with one sheet for each table."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for table in tables:
        sheet = book.create_sheet()
        for row in table:
            sheet.append(row)
    book.save(path)
    return path


def patched(path: Path, member: str, pattern: str, replacement: str) -> Path:
    """Change one part of a workbook, where the pattern must be found."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text, count = re.subn(pattern, replacement, parts[member].decode(), flags=re.DOTALL)
    assert count, f"{pattern} is not in {member}"
    parts[member] = text.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def parquet(path: Path, **columns: pa.Array) -> Path:
    """Write a table that has an id and a text in every row, whatever else is given."""
    rows = len(next(iter(columns.values())))
    filled = {"id": pa.array([f"t{row}" for row in range(rows)]), "text": pa.array([TEXT] * rows), **columns}
    pq.write_table(pa.table(filled), path)
    return path


class TestXlsx:
    SHEET = "xl/worksheets/sheet1.xml"

    def test_rows_bear_the_numbers_that_the_spreadsheet_shows(self, tmp_path: Path, read: Read) -> None:
        rows = [("云山县投诉工单",), (), HEADER, ("1", TEXT), (), ("2", ""), ("3", "第一行\n第二行停电"), ("4", TEXT)]
        entries = read(sheets(tmp_path / "a.xlsx", rows))
        assert outline(entries) == [(4, "1"), (6, "missing_text"), (7, "3"), (8, "4")]

    def test_the_first_sheet_with_a_header_is_read(self, tmp_path: Path, read: Read) -> None:
        path = sheets(
            tmp_path / "a.xlsx", [("填表说明",), ("请勿改动表头",)], [], [HEADER, ("1", TEXT)], [HEADER, ("2", TEXT)]
        )
        assert outline(read(path)) == [(2, "1")]

    def test_a_workbook_without_a_header_says_what_its_nearest_sheet_lacks(
        self, tmp_path: Path, columns: Columns
    ) -> None:
        notes = [("说明",)] * columns.header_rows
        path = sheets(tmp_path / "a.xlsx", notes, [("工单编号", "受理时间"), ("1", "2026-11-02")])
        with pytest.raises(FileError, match="缺少：受理内容。") as caught:
            read_tickets(path, columns)
        assert caught.value.code == "no_header"

    @pytest.mark.parametrize("declared", ["A1", "A1:A1", "B2:B2", "A1:XFD1048576", "D9:E10"])
    def test_a_wrongly_declared_size_hides_no_row_and_adds_none(
        self, tmp_path: Path, read: Read, declared: str
    ) -> None:
        path = sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT, None, "5223683929"), ("2", TEXT)])
        patched(path, self.SHEET, r'<dimension ref="[^"]+"', f'<dimension ref="{declared}"')
        entries = read(path)
        assert outline(entries) == [(2, "1"), (3, "2")]
        assert isinstance(entries[0], Ticket)
        assert entries[0].personal == (("5223683929", "<户号>"),)

    def test_a_size_that_is_not_declared_is_no_fault(self, tmp_path: Path, read: Read) -> None:
        path = patched(sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT)]), self.SHEET, r"<dimension [^>]+>", "")
        assert outline(read(path)) == [(2, "1")]

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (2026110200000001, "2026110200000001"),
            (2026110200000001.0, "2026110200000001"),
            (1001, "1001"),
            (1001.0, "1001"),
            ("2026110200000001", "2026110200000001"),
            ("0012", "0012"),
            (" 2026110200000001\t", "2026110200000001"),
        ],
    )
    def test_an_id_is_the_same_whether_stored_as_number_or_text(
        self, tmp_path: Path, read: Read, value: object, expected: str
    ) -> None:
        ticket = only(read(sheets(tmp_path / "a.xlsx", [HEADER, (value, TEXT, None, value)])))
        assert (ticket.ticket_id, ticket.personal) == (expected, ((expected, "<户号>"),))

    @pytest.mark.parametrize("stored", ["2.0261102000000001E+17", "1.2345678901234568e+18", "9.1e+15"])
    def test_a_number_too_long_for_a_spreadsheet_is_a_damaged_id(self, tmp_path: Path, read: Read, stored: str) -> None:
        path = sheets(tmp_path / "a.xlsx", [HEADER, (1234567, TEXT), ("2", TEXT)])
        assert outline(read(patched(path, self.SHEET, "1234567", stored))) == [(2, "damaged_id"), (3, "2")]

    @pytest.mark.parametrize(
        "value",
        [
            EIGHT_THIRTY,
            46328.3541666667,
            "2026-11-02 08:30:00",
            "2026/11/2 8:30",
            "46328.3541666667",
            20261102083000,
        ],
    )
    def test_a_time_is_the_same_in_every_kind_of_cell(self, tmp_path: Path, read: Read, value: object) -> None:
        ticket = only(read(sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT, value)])))
        assert ticket.accepted_at == EIGHT_THIRTY

    def test_a_date_cell_without_a_time_is_the_start_of_that_day(self, tmp_path: Path, read: Read) -> None:
        ticket = only(read(sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT, date(2026, 11, 2))])))
        assert ticket.accepted_at == datetime.fromisoformat("2026-11-02")

    def test_a_date_cell_in_a_text_column_is_written_as_a_date(self, tmp_path: Path, read: Read) -> None:
        ticket = only(read(sheets(tmp_path / "a.xlsx", [("工单编号", "受理内容", "线路"), ("1", TEXT, EIGHT_THIRTY)])))
        assert ticket.fields["line"] == "2026-11-02 08:30:00"

    def test_a_date_cell_beyond_all_dates_costs_only_its_row(self, tmp_path: Path, read: Read) -> None:
        path = sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT, EIGHT_THIRTY), ("2", TEXT, EIGHT_THIRTY)])
        number = r"<v>46328\.35416\d*</v>(?=.*<v>46328)"
        assert outline(read(patched(path, self.SHEET, number, "<v>99999999999</v>"))) == [(2, "bad_date"), (3, "2")]

    def test_a_formula_cell_has_the_value_that_was_last_worked_out(self, tmp_path: Path, read: Read) -> None:
        path = sheets(tmp_path / "a.xlsx", [HEADER, ('="2026"&"0001"', TEXT)])
        patched(
            path,
            self.SHEET,
            r'<c r="A2"( t="\w+")?><f>(.*?)</f><v\s*/?>(</v>)?',
            r'<c r="A2" t="str"><f>\2</f><v>20260001</v>',
        )
        assert only(read(path)).ticket_id == "20260001"

    def test_a_formula_that_was_never_worked_out_is_an_empty_cell(self, tmp_path: Path, read: Read) -> None:
        path = sheets(tmp_path / "a.xlsx", [HEADER, ("1", "=CONCATENATE(A2,B9)"), ("2", TEXT)])
        assert outline(read(path)) == [(2, "missing_text"), (3, "2")]

    def test_an_error_cell_is_no_date(self, tmp_path: Path, read: Read) -> None:
        path = sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT, "#N/A"), ("2", TEXT)])
        assert outline(read(path)) == [(2, "bad_date"), (3, "2")]

    def test_empty_cells_anywhere_are_no_values(self, tmp_path: Path, read: Read) -> None:
        path = sheets(tmp_path / "a.xlsx", [(None, *HEADER, None, "线路"), (None, "1", TEXT), (None, None, None, "")])
        ticket = only(read(path))
        assert (ticket.accepted_at, ticket.fields, ticket.personal) == (None, {}, ())

    @pytest.mark.parametrize("stored", ["停电_x000D_\n三次", "停电_x000D_三次", "停电\n三次"])
    def test_a_line_break_in_a_cell_is_one_line_break_however_it_is_stored(
        self, tmp_path: Path, read: Read, stored: str
    ) -> None:
        assert only(read(sheets(tmp_path / "a.xlsx", [HEADER, ("1", stored)]))).text == "停电\n三次"

    def test_what_openpyxl_does_not_support_is_passed_over_in_silence(self, tmp_path: Path, read: Read) -> None:
        path = sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT)])
        extension = '<extLst><ext uri="{CCE6A557-97BC-4B89-ADB6-D9C93CAAB3DF}"/></extLst></worksheet>'
        patched(path, self.SHEET, "</worksheet>", extension)
        patched(path, "xl/styles.xml", "<cellStyles.*?</cellStyles>", "")
        assert outline(read(path)) == [(2, "1")]

    @pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"])
    @pytest.mark.parametrize(("pattern", "replacement"), [(r"<(\w+) ", r'<\1 x="1" '), (r"</\w+>$", ""), (r"\A", "{")])
    def test_a_damaged_part_is_a_damaged_file(
        self, tmp_path: Path, columns: Columns, part: str, pattern: str, replacement: str
    ) -> None:
        path = patched(sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT)]), part, pattern, replacement)
        with pytest.raises(FileError) as caught:
            list(read_tickets(path, columns))
        assert caught.value.code == "file_damaged"

    def test_a_cell_that_names_a_missing_shared_string_is_a_damaged_file(
        self, tmp_path: Path, columns: Columns
    ) -> None:
        path = sheets(tmp_path / "a.xlsx", [HEADER, ("1", TEXT)])
        patched(path, self.SHEET, r'<c r="B2".*?</c>', '<c r="B2" t="s"><v>999</v></c>')
        with pytest.raises(FileError) as caught:
            list(read_tickets(path, columns))
        assert caught.value.code == "file_damaged"


class TestParquet:
    def test_rows_are_numbered_on_through_batches_and_row_groups(self, tmp_path: Path, read: Read) -> None:
        path = tmp_path / "a.parquet"
        table = pa.table({"id": [f"t{row}" for row in range(10_000)], "text": [TEXT] * 10_000})
        pq.write_table(table, path, row_group_size=3000)
        assert outline(read(path)) == [(row + 1, f"t{row}") for row in range(10_000)]

    @pytest.mark.parametrize(
        "ids",
        [
            pa.array([2026110200000001, 1001], pa.int64()),
            pa.array([2026110200000001, 1001], pa.uint64()),
            pa.array([2026110200000001.0, 1001.0], pa.float64()),
            pa.array([Decimal(2026110200000001), Decimal(1001)], pa.decimal128(20, 0)),
            pa.array([Decimal(2026110200000001), Decimal(1001)], pa.decimal128(38, 10)),
            pa.array(["2026110200000001", "1001"], pa.string()),
            pa.array(["2026110200000001", "1001"], pa.large_string()),
            pa.array(["2026110200000001", "1001"]).dictionary_encode(),
            pa.array([b"2026110200000001", b"1001"], pa.binary()),
        ],
        ids=lambda array: str(array.type),
    )
    def test_an_id_and_a_customer_number_are_the_same_in_every_type_of_column(
        self, tmp_path: Path, read: Read, ids: pa.Array
    ) -> None:
        entries = read(parquet(tmp_path / "a.parquet", id=ids, 户号=ids))
        assert outline(entries) == [(1, "2026110200000001"), (2, "1001")]
        assert [entry.personal for entry in entries if isinstance(entry, Ticket)] == [
            (("2026110200000001", "<户号>"),),
            (("1001", "<户号>"),),
        ]

    def test_a_missing_number_among_numbers_is_an_empty_cell(self, tmp_path: Path, read: Read) -> None:
        numbers = pa.array([5223683929.0, None, float("nan")])
        entries = read(parquet(tmp_path / "a.parquet", 户号=numbers, unit=pa.array([None, "云山所", None])))
        assert [entry.personal for entry in entries if isinstance(entry, Ticket)] == [
            (("5223683929", "<户号>"),),
            (),
            (),
        ]
        assert [dict(entry.fields) for entry in entries if isinstance(entry, Ticket)] == [{}, {"unit": "云山所"}, {}]

    @pytest.mark.parametrize("empty", [None, float("nan")])
    def test_a_missing_id_among_numbers_is_missing(self, tmp_path: Path, read: Read, empty: float | None) -> None:
        entries = read(parquet(tmp_path / "a.parquet", id=pa.array([1.0, empty, 3.0])))
        assert outline(entries) == [(1, "1"), (2, "missing_id"), (3, "3")]

    def test_an_id_that_a_float_cannot_hold_is_damaged(self, tmp_path: Path, read: Read) -> None:
        entries = read(parquet(tmp_path / "a.parquet", id=pa.array([202611020000000123.0, 9007199254740994.0, 3.0])))
        assert outline(entries) == [(1, "damaged_id"), (2, "damaged_id"), (3, "3")]

    @pytest.mark.parametrize(
        "times",
        [
            pa.array([EIGHT_THIRTY], pa.timestamp("s")),
            pa.array([EIGHT_THIRTY], pa.timestamp("ms")),
            pa.array([EIGHT_THIRTY], pa.timestamp("us")),
            pa.array([1793608200_000000001], pa.timestamp("ns")),
            pa.array([datetime(2026, 11, 2, 0, 30, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
            pa.array([1793579400_000000001], pa.timestamp("ns", tz="UTC")),
            pa.array([46328.3541666667]),
            pa.array(["2026年11月2日 8时30分"]),
        ],
        ids=lambda array: str(array.type),
    )
    def test_a_time_is_the_same_in_every_type_of_column(self, tmp_path: Path, read: Read, times: pa.Array) -> None:
        assert only(read(parquet(tmp_path / "a.parquet", accepted_at=times))).accepted_at == EIGHT_THIRTY

    def test_a_date_column_holds_starts_of_days(self, tmp_path: Path, read: Read) -> None:
        ticket = only(read(parquet(tmp_path / "a.parquet", accepted_at=pa.array([date(2026, 11, 2)]))))
        assert ticket.accepted_at == datetime.fromisoformat("2026-11-02")

    @pytest.mark.parametrize(
        "times",
        [
            pa.array([3 * 10**14, 1793608200_000], pa.timestamp("ms")),
            pa.array([5_000_000, 20759], pa.int32()).cast(pa.date32()),
        ],
        ids=lambda array: str(array.type),
    )
    def test_a_time_beyond_the_calendar_costs_only_its_row(self, tmp_path: Path, read: Read, times: pa.Array) -> None:
        assert outline(read(parquet(tmp_path / "a.parquet", accepted_at=times))) == [(1, "bad_date"), (2, "t1")]

    def test_of_two_columns_with_the_same_name_the_first_is_read(self, tmp_path: Path, read: Read) -> None:
        arrays = [pa.array(["1"]), pa.array([TEXT]), pa.array(["另一列"])]
        pq.write_table(pa.Table.from_arrays(arrays, names=["工单编号", "受理内容", "受理内容"]), tmp_path / "a.parquet")
        assert only(read(tmp_path / "a.parquet")).text == TEXT

    @pytest.mark.parametrize("kind", [pa.string(), pa.binary()], ids=str)
    @pytest.mark.parametrize("column", ["id", "text", "unit", "户号"])
    def test_a_cell_that_is_no_utf8_costs_only_its_row(
        self, tmp_path: Path, read: Read, column: str, kind: pa.DataType
    ) -> None:
        cells = pa.array(["甲停电".encode(), "乙停电".encode("gb18030"), "丙停电".encode()], pa.binary())
        cells = cells if kind == pa.binary() else cells.view(pa.string())
        entries = read(parquet(tmp_path / "a.parquet", **{column: cells}))
        assert [entry.row for entry in entries] == [1, 2, 3]
        assert [isinstance(entry, Reject) and entry.code for entry in entries] == [False, "undecodable", False]

    def test_a_column_name_that_is_no_utf8_is_a_damaged_file(self, tmp_path: Path, columns: Columns) -> None:
        path = parquet(tmp_path / "a.parquet", zzzz=pa.array(["a"]))
        path.write_bytes(path.read_bytes().replace(b"zzzz", b"\xff\xff\xff\xff"))
        with pytest.raises(FileError) as caught:
            read_tickets(path, columns)
        assert caught.value.code == "file_damaged"

    def test_lists_and_structures_are_kept_as_json(self, tmp_path: Path, read: Read) -> None:
        ticket = only(read(parquet(tmp_path / "a.parquet", unit=pa.array([["云山所", "清溪所"]]))))
        assert ticket.fields["unit"] == '["云山所", "清溪所"]'

    def test_a_file_without_rows_gives_none(self, tmp_path: Path, read: Read) -> None:
        assert read(parquet(tmp_path / "a.parquet", id=pa.array([], pa.string()), text=pa.array([], pa.string()))) == []


class TestJsonl:
    def lines(self, *values: object) -> str:
        return "".join(
            (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) + "\n" for value in values
        )

    def test_objects_may_differ_in_their_keys_and_in_the_order_of_these(self, write: Write, read: Read) -> None:
        content = self.lines(
            {"id": "1", "text": TEXT, "unit": "云山所"}, {"受理内容": TEXT, "供电单位": "清溪所", "工单编号": "2"}
        )
        entries = read(write("a.jsonl", content))
        assert outline(entries) == [(1, "1"), (2, "2")]
        assert [entry.fields for entry in entries if isinstance(entry, Ticket)] == [
            {"unit": "云山所"},
            {"unit": "清溪所"},
        ]

    def test_an_object_without_the_needed_keys_costs_only_itself(self, write: Write, read: Read) -> None:
        content = self.lines(
            {"id": "1", "text": TEXT}, {"text": TEXT}, {"id": "3"}, {"备注": "无"}, {"id": "5", "text": TEXT}
        )
        assert outline(read(write("a.jsonl", content))) == [
            (1, "1"),
            (2, "missing_id"),
            (3, "missing_text"),
            (5, "5"),
        ]

    @pytest.mark.parametrize(
        "bad",
        [
            "{",
            '{"id": "2", "text": "停电',
            "客户反映停电",
            "[1, 2]",
            '"停电"',
            "12",
            "null",
            "{'id': '2'}",
            '{"id": "2"} {"id": "3"}',
            "[" * 200_000,
            '{"id": "2\\ud800", "text": "客户反映停电三次"}',
            '{"id": "2", "text": "客户反映停电\\uDE00三次"}',
            '{"id": ' + "1" * 5000 + "}",
        ],
        ids=lambda bad: bad[:30],
    )
    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_a_line_that_is_no_object_costs_only_itself(self, write: Write, read: Read, bad: str, place: int) -> None:
        lines: list[object] = [{"id": f"t{number}", "text": TEXT} for number in range(3)]
        lines[place] = bad
        expected = [(number + 1, "bad_json" if number == place else f"t{number}") for number in range(3)]
        assert outline(read(write("a.jsonl", self.lines(*lines)))) == expected

    def test_escaped_characters_are_read_pairs_of_surrogates_too(self, write: Write, read: Read) -> None:
        line = json.dumps({"id": "1", "text": "𠮷先生反映停电😀"})
        assert line.isascii()
        assert only(read(write("a.jsonl", line))).text == "𠮷先生反映停电😀"

    def test_blank_lines_count_as_rows_but_are_none(self, write: Write, read: Read) -> None:
        content = "\n" + self.lines({"id": "1", "text": TEXT}, "  ", {"id": "2", "text": TEXT})
        assert outline(read(write("a.jsonl", content))) == [(2, "1"), (4, "2")]

    @pytest.mark.parametrize(
        ("value", "expected"),
        [("2026110200000001", "2026110200000001"), (2026110200000001, "2026110200000001"), (1001.0, "1001")],
    )
    def test_an_id_is_the_same_whether_number_or_text(
        self, write: Write, read: Read, value: object, expected: str
    ) -> None:
        assert only(read(write("a.jsonl", self.lines({"id": value, "text": TEXT})))).ticket_id == expected

    @pytest.mark.parametrize("empty", [None, "", "  ", float("nan")])
    def test_null_and_nan_are_empty_cells(self, write: Write, read: Read, empty: object) -> None:
        content = self.lines({"id": "1", "text": TEXT, "unit": empty, "phone": empty, "accepted_at": empty})
        ticket = only(read(write("a.jsonl", content)))
        assert (ticket.fields, ticket.personal, ticket.accepted_at) == ({}, (), None)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
    def test_lines_are_read_in_every_encoding_and_damage_costs_one(
        self, write: Write, read: Read, encoding: str
    ) -> None:
        content = self.lines(*({"工单编号": f"t{number}", "受理内容": TEXT} for number in range(3))).encode(encoding)
        first, second, third = content.splitlines()
        second = second.replace("停电".encode(encoding.removesuffix("-sig")), b"\xff")
        assert outline(read(write("a.jsonl", b"\n".join([first, second, third])))) == [
            (1, "t0"),
            (2, "undecodable"),
            (3, "t2"),
        ]

    def test_the_keys_are_looked_for_in_the_first_lines_only(self, write: Write, columns: Columns) -> None:
        other = [{"备注": "无"}] * (columns.header_rows - 1)
        entries = list(read_tickets(write("a.jsonl", self.lines(*other, {"id": "1", "text": TEXT})), columns))
        assert [entry.row for entry in entries if isinstance(entry, Ticket)] == [columns.header_rows]
        with pytest.raises(FileError, match="no_header"):
            read_tickets(write("a.jsonl", self.lines(*other, {"备注": "无"}, {"id": "1", "text": TEXT})), columns)

    def test_the_key_that_no_object_has_is_named(self, write: Write, columns: Columns) -> None:
        with pytest.raises(FileError, match="缺少：工单编号。"):
            read_tickets(write("a.jsonl", self.lines({"text": TEXT}, {"text": TEXT, "备注": "无"})), columns)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("停电", "停电"),
        ("  停电 ", "  停电 "),
        (None, ""),
        (float("nan"), ""),
        (0, "0"),
        (5223683929, "5223683929"),
        (5223683929.0, "5223683929"),
        (-3.0, "-3"),
        (0.1, "0.1"),
        (float("inf"), "inf"),
        (float(2**53 - 1), "9007199254740991"),
        (float(2**53), "9.007199254740992e+15"),
        (Decimal("2026110200000001.0000000000"), "2026110200000001"),
        (Decimal(100), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("2.50"), "2.5"),
        (True, "True"),
        (EIGHT_THIRTY, "2026-11-02 08:30:00"),
        (date(2026, 11, 2), "2026-11-02"),
        (["甲", 1], '["甲", 1]'),
        ({"甲": 1}, '{"甲": 1}'),
        ("停电".encode(), "停电"),
    ],
)
def test_every_kind_of_cell_has_one_text(value: object, expected: str) -> None:
    assert cell_text(value) == expected


def test_bytes_that_are_no_text_have_none() -> None:
    with pytest.raises(UnicodeDecodeError):
        cell_text("停电".encode("gb18030"))
