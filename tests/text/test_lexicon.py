import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import LexiconError
from pipeline.settings import LEXICON
from pipeline.text import Lexicon, Segmenter
from pipeline.text.lexicon import ERROR, WARNING, check, compare_cuts, reference_tokenizer


def _findings(tmp_path: Path, content: str | bytes) -> list[tuple[int, str, str]]:
    path = tmp_path / "lexicon.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(finding.line, finding.severity, finding.code) for finding in check(path)]


@pytest.mark.parametrize(
    ("content", "line", "code"),
    [
        (b"\xef\xbb\xbf" + "频繁停电 99\n".encode(), 1, "bom"),
        (b"# words\r\n" + "频繁停电 99\r\n".encode(), 1, "crlf"),
        ("频繁停电 99\n".encode() + "台区 99\n".encode("gb18030"), 2, "not_utf8"),
        ("频繁停电 99\n１０ｋＶ线 99\n", 2, "full_width"),
        ("频繁 停电 99\n", 1, "blank_inside"),
        ("停电、复电 99\n", 1, "not_a_word"),
        ("頻繁停電 99\n", 1, "not_normalized"),
        ("频繁停电 99\n\n频繁停电 98\n", 3, "duplicate"),
        ("频繁停电\n", 1, "no_frequency"),
        ("无电 1\n", 1, "too_rare"),
    ],
)
def test_every_fault_is_found_on_its_line(tmp_path: Path, content: str | bytes, line: int, code: str) -> None:
    assert (line, ERROR, code) in _findings(tmp_path, content)


def test_a_good_file_and_the_shipped_one_have_no_error(tmp_path: Path) -> None:
    assert _findings(tmp_path, "# a comment\n\n频繁停电 99  # and why\n") == []
    assert [finding for finding in check() if finding.severity == ERROR] == []


@pytest.mark.parametrize("word", ["无电", "空走", "户号", "倒走"])
def test_a_word_too_rare_wins_with_the_frequency_that_is_named_and_not_with_less(tmp_path: Path, word: str) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text(f"{word} 1\n", encoding="utf-8")
    (finding,) = check(path)
    assert finding.code == "too_rare"
    needed = int(re.findall(r"it needs (\d+)", finding.message)[0])
    for frequency, whole in ((needed, True), (needed - 1, False)):
        path.write_text(f"{word} {frequency}\n", encoding="utf-8")
        assert (Segmenter(Lexicon.load(path)).words(word) == [word]) is whole


def test_a_word_that_takes_dictionary_words_apart_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("供电 9000000\n", encoding="utf-8")
    (finding,) = check(path)
    assert (finding.line, finding.severity, finding.code) == (1, WARNING, "breaks_words")
    assert "供电局" in finding.message
    assert Segmenter(Lexicon.load(path)).words("供电局") == ["供电", "局"]


def test_a_lexicon_is_known_by_every_byte_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_bytes(LEXICON.read_bytes())
    assert Lexicon.load(path).sha256 == Lexicon.load().sha256
    path.write_bytes(LEXICON.read_bytes() + b"#\n")
    assert Lexicon.load(path).sha256 != Lexicon.load().sha256


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "lexicon_missing"), ("频繁停电\n", "lexicon_invalid"), (b"\xff\xfe\n", "lexicon_invalid")],
)
def test_a_lexicon_that_cannot_be_used_is_refused(tmp_path: Path, content: str | bytes | None, code: str) -> None:
    path = tmp_path / "lexicon.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LexiconError) as caught:
        Lexicon.load(path)
    assert caught.value.code == code


def test_the_tickets_that_a_word_cuts_anew_are_named_and_harm_is_told_from_good(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("频繁停电 99\n电后 9000000\n", encoding="utf-8")
    tickets = [("T1", "台区停电后没人来"), ("T2", "近来频繁停电"), ("T3", "态度差"), ("T4", "频繁停电")]
    changes = {change.word: change for change in compare_cuts(Lexicon.load(path), tickets)}
    assert (changes["频繁停电"].joins, changes["频繁停电"].breaks) == (["T2", "T4"], [])
    assert (changes["电后"].joins, changes["电后"].breaks) == ([], ["T1"])
    assert changes["频繁停电"].example == ("频繁/停电", "频繁停电")
    assert set(changes) == {"频繁停电", "电后"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "户号 99\n台 区 99\n",
            "2: error: blank_inside: '台 区' has a blank inside and can never be found; write '台区'",
        ),
        ("ＶＩＰ 99\n", "1: error: full_width: 'ＶＩＰ' has full-width characters and never occurs; write 'VIP'"),
        ("電卡 99\n", "1: error: not_normalized: '電卡' is written '电卡' in every normalised text; write that"),
        ("户号 99\n\n户号 98\n", "3: error: duplicate: '户号' stands on line 1 already; remove one of the two"),
        ("户号 n\n", "1: error: no_frequency: '户号' states no frequency; it needs 4"),
        ("户号 0\n", "1: error: no_frequency: '户号' states no frequency; it needs 4"),
        ("户号 1 n\n", "1: error: too_rare: '户号' with frequency 1 loses against 户/号; it needs 4"),
    ],
)
def test_a_finding_says_where_it_is_and_what_to_write(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text(content, encoding="utf-8")
    assert [str(finding) for finding in check(path)] == [f"{path}:{said}"]


def test_findings_come_in_the_order_of_the_lines_and_none_hides_another(tmp_path: Path) -> None:
    content = "\ufeff电-卡 99\r\n台 区 99\r\n無電 99\r\n户号 1\r\n户号 1\r\n"
    assert _findings(tmp_path, content) == [
        (1, ERROR, "bom"),
        (1, ERROR, "crlf"),
        (1, ERROR, "not_a_word"),
        (2, ERROR, "blank_inside"),
        (3, ERROR, "not_normalized"),
        (4, ERROR, "too_rare"),
        (5, ERROR, "duplicate"),
        (5, ERROR, "too_rare"),
    ]


def test_a_missing_file_is_a_finding_and_no_accident(tmp_path: Path) -> None:
    assert [(found.severity, found.code) for found in check(tmp_path / "none.txt")] == [(ERROR, "unreadable")]


def test_the_word_that_outweighs_another_is_counted_in(tmp_path: Path) -> None:
    """A lexicon's words compete with each other, not only with the built-in table."""
    assert _findings(tmp_path, "台区经理 3\n") == []
    assert (1, ERROR, "too_rare") in _findings(tmp_path, "台区经理 3\n台区 99999999\n")


def test_a_word_of_frequency_zero_is_refused_and_splits_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("户号 0\n", encoding="utf-8")
    check(path)  # jieba would remember the zero for the whole process
    with pytest.raises(LexiconError, match=r"lexicon\.txt:1: no frequency"):
        Lexicon.load(path)
    assert reference_tokenizer().lcut("户号") == ["户号"]


def test_comments_tags_and_line_ends_are_no_part_of_a_word(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "户号\t4 n # 户号 5\r\n# 台区 9\r\n\r\n  电卡 3\r\n".encode())
    assert Lexicon.load(path).frequencies() == {"户号": 4, "电卡": 3}


@given(st.data())
def test_the_digest_changes_with_any_byte(data: st.DataObject) -> None:
    shipped = LEXICON.read_bytes()
    at = data.draw(st.sampled_from([at for at, byte in enumerate(shipped) if byte in b"0123456789"]))
    digit = data.draw(st.sampled_from([digit for digit in b"123456789" if digit != shipped[at]]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lexicon.txt"
        path.write_bytes(shipped[:at] + bytes([digit]) + shipped[at + 1 :])
        assert Lexicon.load(path).sha256 != Lexicon.load().sha256


def test_a_ticket_is_named_once_for_a_word_and_the_harmful_words_come_first() -> None:
    lexicon = Lexicon("test", (("频繁停电", 99), ("电不", 10**9)))
    tickets = [
        ("T1", "频繁停电又频繁停电"),
        ("T2", "停电不通知，停电不修"),
        ("T3", "停电不通知，频繁停电"),
        ("T4", "电不"),
    ]
    joined, broken = "频繁停电", "电不"
    changes = compare_cuts(lexicon, tickets)
    assert [(change.word, change.joins, change.breaks) for change in changes] == [
        (broken, ["T4"], ["T2", "T3"]),
        (joined, ["T1", "T3"], []),
    ]
    assert changes[0].example == ("停电/不", "停/电不")


def test_words_that_change_no_cut_are_not_named() -> None:
    lexicon = Lexicon("test", (("停电", 10**6), ("从不出现", 99)))
    assert compare_cuts(lexicon, [("T1", "昨晚停电"), ("T2", "")]) == []
