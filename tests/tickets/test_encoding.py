"""Encodings are found by trying strictly, whatever is damaged and however short the file."""

import codecs
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import FileError
from pipeline.tickets.encoding import decoded_lines, find_encoding

NARRATIVES = (
    "客户来电反映昨晚起停电三次，要求尽快处理",
    "【频繁停电】客户反映所在小区两个月内停电四次",
    "客户反映抄表员未到现场，电费异常",
    "客户反映电压低，空调带不动",
    "报装两个月无人联系",
    "客户姓𠮷，住㙍头村，反映停电",
    "停电",
    "联通营业厅停电",
)


Write = Callable[..., Path]


def anything(_: str) -> bool:
    """Recognise a head in every encoding, as for a file whose header is ASCII."""
    return True


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"id,text\n1,a\n", "utf-8"),
        (b"x", "utf-8"),
        (b"\n", "utf-8"),
        ("停电".encode(), "utf-8"),
        ("停电".encode("gb18030"), "gb18030"),
        ("停".encode(), "utf-8"),
        ("id,text\n1,停电了\n".encode(), "utf-8"),
        ("id,text\n1,停电了\n".encode("gb18030"), "gb18030"),
        ("id,text\n1,停电\n".encode("utf-8-sig"), "utf-8"),
        ("id,text\n1,𠮷先生住㙍头村\n".encode(), "utf-8"),
        ("id,text\n1,𠮷先生住㙍头村\n".encode("gb18030"), "gb18030"),
        ("id,text\n1,€20\n".encode("gb18030"), "gb18030"),
    ],
)
def test_a_short_file_is_in_the_encoding_in_which_it_decodes(write: Write, content: bytes, encoding: str) -> None:
    assert find_encoding(write("a.csv", content), anything) == encoding


def test_a_gb18030_file_whose_bytes_are_valid_utf8_too_is_told_by_its_header(write: Write) -> None:
    path = write("a.csv", "停", encoding="gb18030")
    assert path.read_text(encoding="utf-8") != "停"
    assert find_encoding(path, lambda encoding: path.read_text(encoding=encoding) == "停") == "gb18030"


@settings(deadline=None)
@given(st.lists(st.sampled_from(NARRATIVES), min_size=3, max_size=12), st.data())
def test_a_utf8_file_with_one_damaged_byte_is_still_utf8(write: Write, texts: list[str], data: st.DataObject) -> None:
    lines = ["id,text", *texts]
    content = bytearray("\n".join(lines).encode())
    content[data.draw(st.integers(0, len(content) - 1))] = 0xFF
    assert find_encoding(write("a.csv", bytes(content)), anything) == "utf-8"


@settings(deadline=None)
@given(st.lists(st.sampled_from(NARRATIVES), min_size=3, max_size=12), st.data())
def test_a_utf8_file_that_lost_one_byte_is_still_utf8(write: Write, texts: list[str], data: st.DataObject) -> None:
    content = "\n".join(["id,text", *texts]).encode()
    lost = data.draw(st.sampled_from([at for at, byte in enumerate(content) if byte >= 0x80]))
    assert find_encoding(write("a.csv", content[:lost] + content[lost + 1 :]), anything) == "utf-8"


@settings(deadline=None)
@given(st.lists(st.sampled_from(NARRATIVES), min_size=3, max_size=12), st.data())
def test_a_gb18030_file_with_one_damaged_row_is_still_gb18030(
    write: Write, texts: list[str], data: st.DataObject
) -> None:
    lines = [line.encode("gb18030") for line in ["id,text", *texts]]
    row = data.draw(st.integers(1, len(texts)))
    lines[row] += b"\xff\xfe\x80"
    assert find_encoding(write("a.csv", b"\n".join(lines)), anything) == "gb18030"


def test_a_utf8_file_in_which_most_rows_are_ascii_is_not_taken_for_gb18030_by_its_damaged_row(write: Write) -> None:
    rows = ["id,text", *("1,tingdian" for _ in range(50)), "2,客户反映停电", "3,客户反映电压低"]
    path = write("a.csv", "\n".join(rows).encode() + "\n4,停电了".encode()[:-1])
    assert find_encoding(path, anything) == "utf-8"


def test_a_character_across_two_blocks_of_a_long_file_is_no_damage(write: Write) -> None:
    content = b"a" * ((1 << 20) - 1) + "停电".encode() + b"\n" + b"\xe5\x81\n" * 3
    assert find_encoding(write("a.csv", content[: -len(b"\xe5\x81\n" * 3)]), anything) == "utf-8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("marked", [True, False])
def test_utf16_is_refused_with_advice_whether_marked_or_not(write: Write, encoding: str, marked: bool) -> None:
    text = "工单编号,受理内容\n2026,客户反映停电\n"
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"") if marked else b""
    with pytest.raises(FileError) as caught:
        find_encoding(write("a.csv", mark + text.encode(encoding)), lambda _: False)
    assert caught.value.code == "file_encoding"
    assert "另存为" in caught.value.message or "重新导出" in caught.value.message
    assert ("UTF-16 编码" in caught.value.message) == (marked or encoding == "utf-16")


@pytest.mark.parametrize(
    "content",
    [
        random.Random(1).randbytes(5000),
        bytes(byte for byte in random.Random(4).randbytes(5000) if byte),
        bytes(1000),
        b"\x89PNG\r\n\x1a\n" + random.Random(2).randbytes(2000),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + random.Random(3).randbytes(2000),
    ],
    ids=["noise", "noise without zeros", "zeros", "png", "xls"],
)
def test_a_file_that_is_no_text_is_refused(write: Write, content: bytes) -> None:
    with pytest.raises(FileError) as caught:
        find_encoding(write("a.csv", content), lambda _: False)
    assert caught.value.code == "file_encoding"


def test_a_zero_byte_in_a_narrative_does_not_cost_the_file(write: Write) -> None:
    assert find_encoding(write("a.csv", b"id,text\n1,a\0b\n"), anything) == "utf-8"
    assert find_encoding(write("a.csv", "id,text\n1,停电了\0\n".encode("gb18030")), anything) == "gb18030"


def test_a_text_file_without_a_header_is_not_blamed_on_its_encoding(write: Write) -> None:
    assert find_encoding(write("a.csv", "今日无工单\n".encode("gb18030")), lambda _: False) == "gb18030"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_come_numbered_without_their_ends(write: Write, end: bytes) -> None:
    path = write("a.csv", end.join([b"a", b"", "停电".encode(), b"b"]))
    assert list(decoded_lines(path, "utf-8")) == [(1, "a", False), (2, "", False), (3, "停电", False), (4, "b", False)]


def test_only_line_feeds_end_a_line(write: Write) -> None:
    text = "a\u2028b\x85c\x0bd\x0ce\x1cf"
    assert list(decoded_lines(write("a.csv", text), "utf-8")) == [(1, text, False)]


def test_the_byte_order_mark_is_no_part_of_the_first_line_and_stays_elsewhere(write: Write) -> None:
    path = write("a.csv", codecs.BOM_UTF8 + b"a\n" + codecs.BOM_UTF8 + b"b\n")
    assert [text for _, text, _ in decoded_lines(path, "utf-8")] == ["a", "\ufeffb"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_only_the_line_with_damaged_bytes_is_marked(write: Write, encoding: str) -> None:
    lines = ["停电".encode(encoding), "电压".encode(encoding) + b"\xff", "电费".encode(encoding)]
    found = list(decoded_lines(write("a.csv", b"\n".join(lines)), encoding))
    assert [damaged for *_, damaged in found] == [False, True, False]
    assert (found[0][1], found[2][1]) == ("停电", "电费")


def test_a_lead_byte_before_a_line_end_damages_no_other_line(write: Write) -> None:
    path = write("a.csv", "停电".encode("gb18030")[:-1] + b"\n" + "电费".encode("gb18030"))
    assert [(number, damaged) for number, _, damaged in decoded_lines(path, "gb18030")] == [(1, True), (2, False)]
    assert Path(path).read_bytes().count(b"\n") == 1
