"""Rows of .csv and .tsv files: what one bad row costs, and which row it is said to be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import FileError
from pipeline.tickets import Columns, Reject, Ticket, read_tickets

Write = Callable[..., Path]
Read = Callable[[Path], list[Ticket | Reject]]

HEADER = "工单编号,受理内容,供电单位\n"


def outline(entries: list[Ticket | Reject]) -> list[tuple[int, str]]:
    """Reduce entries to (row, ticket id or reject code)."""
    return [(entry.row, entry.ticket_id if isinstance(entry, Ticket) else entry.code) for entry in entries]


def texts(entries: list[Ticket | Reject]) -> list[str]:
    return [entry.text for entry in entries if isinstance(entry, Ticket)]


def line(number: int, text: str = "客户反映停电三次要求处理") -> str:
    return f"20261102{number:08d},{text},云山所\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_are_read_in_every_encoding_and_with_either_line_end(
    write: Write, read: Read, encoding: str, end: str
) -> None:
    path = write("a.csv", (HEADER + line(1) + line(2, "𠮷先生反映㙍头村停电")).replace("\n", end), encoding)
    assert outline(read(path)) == [(2, "2026110200000001"), (3, "2026110200000002")]
    assert texts(read(path)) == ["客户反映停电三次要求处理", "𠮷先生反映㙍头村停电"]


def test_the_last_row_needs_no_line_end(write: Write, read: Read) -> None:
    assert outline(read(write("a.csv", HEADER + line(1) + line(2).rstrip()))) == [
        (2, "2026110200000001"),
        (3, "2026110200000002"),
    ]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "A.CSV"])
def test_the_delimiter_is_the_one_in_which_the_header_can_be_read(
    write: Write, read: Read, delimiter: str, name: str
) -> None:
    path = write(name, (HEADER + line(1)).replace(",", delimiter))
    assert outline(read(path)) == [(2, "2026110200000001")]


def test_a_comma_in_a_tab_separated_row_is_text(write: Write, read: Read) -> None:
    path = write("a.tsv", "工单编号\t受理内容\n1\t停电,电压低,没人管\n")
    assert texts(read(path)) == ["停电,电压低,没人管"]


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(write: Write, read: Read) -> None:
    path = write("a.csv", HEADER + '1,"客户说""没电"",\n要求处理",云山所\n2,停电三次,云山所\n')
    assert texts(read(path)) == ['客户说"没电",\n要求处理', "停电三次"]


def test_a_line_break_in_a_cell_is_the_same_whichever_way_lines_end(write: Write, read: Read) -> None:
    rows = HEADER + '1,"停电\n三次",云山所\n'
    assert (
        texts(read(write("a.csv", rows.replace("\n", "\r\n")))) == texts(read(write("a.csv", rows))) == ["停电\n三次"]
    )


def test_rows_after_a_multi_line_cell_bear_the_line_on_which_they_begin(write: Write, read: Read) -> None:
    path = write("a.csv", HEADER + '1,"停电\n\n三次\n",云山所\n\n2,电压低,云山所\n3,,云山所\n')
    assert outline(read(path)) == [(2, "1"), (7, "2"), (8, "missing_text")]


def test_a_title_above_the_header_shifts_the_row_numbers(write: Write, read: Read) -> None:
    path = write("a.csv", "云山县供电公司投诉工单,,\n导出时间：2026-11-02,,\n\n" + HEADER + line(1))
    assert outline(read(path)) == [(5, "2026110200000001")]


@pytest.mark.parametrize(
    "header",
    [
        '工单编号,"受理\n内容",供电单位\n',
        '"工单\n编号","受理\n内容","供电\n单位"\n',
        '"说明：\n①双引号""内""的换行\n",,\n工单编号,"受理\n内容",供电单位\n',
    ],
)
def test_a_header_may_hold_line_breaks(write: Write, read: Read, header: str) -> None:
    (ticket,) = read(write("a.csv", header + line(1)))
    assert isinstance(ticket, Ticket)
    assert (ticket.ticket_id, ticket.fields["unit"]) == ("2026110200000001", "云山所")
    assert ticket.row == header.count("\n") + 1


def test_a_stray_quote_in_the_title_does_not_hide_the_header(write: Write, read: Read) -> None:
    path = write("a.csv", '"云山县供电公司投诉工单\n' + HEADER + '1,"停电\n三次",云山所\n')
    assert outline(read(path)) == [(3, "1")]


def test_a_header_below_the_rows_that_are_searched_is_not_found(write: Write, columns: Columns) -> None:
    notes = "说明\n" * (columns.header_rows - 1)
    assert len(list(read_tickets(write("a.csv", notes + HEADER + line(1)), columns))) == 1
    with pytest.raises(FileError, match="no_header"):
        read_tickets(write("a.csv", notes + "说明\n" + HEADER + line(1)), columns)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_only_the_required_column_that_is_missing_is_named(write: Write, columns: Columns, delimiter: str) -> None:
    path = write("a.csv", "说明\n工单编号,供电单位\n1,云山所\n".replace(",", delimiter))
    with pytest.raises(FileError, match="缺少：受理内容。") as caught:
        read_tickets(path, columns)
    assert caught.value.code == "no_header"


def test_blank_lines_and_rows_of_empty_cells_are_neither_tickets_nor_rejects(write: Write, read: Read) -> None:
    path = write("a.csv", HEADER + "\n,,\n   \n , ,\t\n" + line(1) + "\n\n")
    assert outline(read(path)) == [(6, "2026110200000001")]


def test_empty_cells_past_the_last_header_are_no_harm(write: Write, read: Read) -> None:
    path = write("a.csv", HEADER.rstrip() + ",,\n" + line(1) + line(2).rstrip() + ",,\n")
    assert outline(read(path)) == [(2, "2026110200000001"), (3, "2026110200000002")]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("2,停电,三次,云山所", 4),
        ("2,停电三次", 2),
        ('"2","停电三次","云山所","多"', 4),
        ('2,"停电,三次",云山所,"多"', 4),
        ("2,停电,三次,", 4),  # shifted, though the last cell is empty
        ("2", 1),
    ],
)
def test_a_row_of_another_width_than_the_header_costs_only_itself(
    write: Write, read: Read, row: str, found: int
) -> None:
    first, second, third = read(write("a.csv", HEADER + line(1) + row + "\n" + line(3)))
    assert outline([first, second, third]) == [(2, "2026110200000001"), (3, "wrong_columns"), (4, "2026110200000003")]
    assert isinstance(second, Reject)
    assert f"该行有 {found} 列，表头有 3 列" in second.message


BROKEN_ROWS = {
    "opening quote only": '{id},"客户反映停电,云山所',
    "opening quote only, in the last column": '{id},客户反映停电,"云山所',
    "opening quote only, in the first column": '"{id},客户反映停电,云山所',
    "closing quote lost in a row of quotes": '"{id}","客户反映停电,"云山所"',
    "text after a closing quote": '{id},"客户说"停电"三次",云山所',
    "opening quote lost before a comma": '{id},客户反映,停电",云山所',
}


@pytest.mark.parametrize("broken", BROKEN_ROWS.values(), ids=BROKEN_ROWS.keys())
@pytest.mark.parametrize("place", [0, 1, 3, 5])
@pytest.mark.parametrize("style", ["plain", "quoted", "multi-line"])
def test_a_broken_quote_costs_only_its_row_wherever_it_stands(
    write: Write, read: Read, broken: str, place: int, style: str
) -> None:
    whole = {
        "plain": "{id},客户反映停电,云山所",
        "quoted": '"{id}","客户反映,停电","云山所"',
        "multi-line": '{id},"客户反映\n""停电""\n",云山所',
    }[style]
    ids = [f"20261102{number:08d}" for number in range(6)]
    rows = [(broken if at == place else whole).format(id=ticket_id) for at, ticket_id in enumerate(ids)]
    entries = read(write("a.csv", HEADER + "\n".join(rows) + "\n"))
    starts = [2 + "\n".join([*rows[:at], ""]).count("\n") for at in range(6)]
    expected = [(starts[at], "broken_quote" if at == place else ids[at]) for at in range(6)]
    assert outline(entries) == expected


@settings(deadline=None)
@given(st.lists(st.sampled_from(["whole", "quoted", "break", *BROKEN_ROWS]), min_size=1, max_size=12))
def test_whichever_rows_have_broken_quotes_every_other_row_is_read(write: Write, read: Read, kinds: list[str]) -> None:
    shapes = {
        **BROKEN_ROWS,
        "whole": "{id},客户反映停电,云山所",
        "quoted": '{id},"客户反映,停电",云山所',
        "break": '{id},"客户反映\n停电",云山所',
    }
    ids = [f"20261102{number:08d}" for number in range(len(kinds))]
    rows = [shapes[kind].format(id=ticket_id) for kind, ticket_id in zip(kinds, ids, strict=True)]
    entries = read(write("a.csv", HEADER + "\n".join(rows)))
    whole = [ticket_id for kind, ticket_id in zip(kinds, ids, strict=True) if kind not in BROKEN_ROWS]
    assert [entry.ticket_id for entry in entries if isinstance(entry, Ticket)] == whole
    assert {entry.code for entry in entries if isinstance(entry, Reject)} <= {"broken_quote"}
    assert len(entries) == len(kinds)


def test_an_opening_quote_and_a_later_closing_quote_do_not_swallow_the_rows_between(write: Write, read: Read) -> None:
    rows = [
        line(1),
        '2026110200000002,"停电,云山所\n',
        line(3),
        line(4),
        '2026110200000005,停电三次",云山所\n',
        line(6),
    ]
    entries = read(write("a.csv", HEADER + "".join(rows)))
    assert outline(entries) == [
        (2, "2026110200000001"),
        (3, "broken_quote"),
        (4, "2026110200000003"),
        (5, "2026110200000004"),
        (6, "2026110200000005"),
        (7, "2026110200000006"),
    ]


@pytest.mark.parametrize(
    ("ticket_id", "text"),
    [
        ("2026110200000001", "诉求如下\n1,停电,三次\n2,电压,太低\n3,没人,处理"),
        ("1", "诉求如下\n1,停电三次\n2,电压太低\n3,没人处理"),
    ],
)
def test_a_numbered_list_in_a_cell_is_not_taken_for_rows(write: Write, read: Read, ticket_id: str, text: str) -> None:
    path = write("a.csv", HEADER + f'{ticket_id},"{text}",云山所\n' + line(2))
    assert texts(read(path)) == [text, "客户反映停电三次要求处理"]


def test_a_cell_of_very_many_lines_is_read(write: Write, read: Read) -> None:
    text = "\n".join(f"第{number}次停电" for number in range(150))
    assert texts(read(write("a.csv", HEADER + f'1,"{text}",云山所\n' + line(2)))) == [text, "客户反映停电三次要求处理"]


def test_a_quote_left_open_in_a_long_file_costs_only_its_row(write: Write, read: Read) -> None:
    path = write("a.csv", HEADER + '1,"停电,云山所\n' + "".join(line(number) for number in range(2, 1002)))
    entries = read(path)
    assert outline(entries[:2]) == [(2, "broken_quote"), (3, "2026110200000002")]
    assert len(texts(entries)) == 1000


def test_a_quote_inside_a_cell_that_is_not_quoted_is_text(write: Write, read: Read) -> None:
    assert texts(read(write("a.csv", HEADER + '1,客户说"停电"三次,云山所\n'))) == ['客户说"停电"三次']


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_with_bytes_that_cannot_be_decoded_costs_only_itself(
    write: Write, read: Read, encoding: str, place: int
) -> None:
    rows = [line(number).encode(encoding) for number in range(3)]
    rows[place] = rows[place].replace("停电".encode(encoding), b"\xff")
    entries = read(write("a.csv", HEADER.encode(encoding) + b"".join(rows)))
    assert [row for row, _ in outline(entries)] == [2, 3, 4]
    reject = entries[place]
    assert isinstance(reject, Reject)
    assert (reject.code, encoding.upper() in reject.message) == ("undecodable", True)
    assert texts(entries) == ["客户反映停电三次要求处理"] * 2


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_damage_in_any_line_of_a_multi_line_row_makes_it_one_reject(write: Write, read: Read, damaged: int) -> None:
    lines = ['1,"客户反映'.encode(), "停电三次".encode(), '要求处理",云山所'.encode()]
    lines[damaged] = lines[damaged][:3] + b"\xff" + lines[damaged][3:]
    entries = read(write("a.csv", HEADER.encode() + b"\n".join(lines) + b"\n" + line(2).encode()))
    assert outline(entries) == [(2, "undecodable"), (5, "2026110200000002")]


def test_a_stray_carriage_return_does_not_break_a_row(write: Write, read: Read) -> None:
    assert texts(read(write("a.csv", HEADER + "1,停电\r三次,云山所\r\n"))) == ["停电 三次"]


def test_a_very_long_cell_is_read(write: Write, read: Read) -> None:
    text = "停电" * 200_000
    assert texts(read(write("a.csv", HEADER + f"1,{text},云山所\n"))) == [text]
