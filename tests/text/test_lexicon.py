import re
from pathlib import Path

import pytest

from pipeline.errors import LexiconError
from pipeline.settings import LEXICON
from pipeline.text import Lexicon, Segmenter
from pipeline.text.lexicon import ERROR, WARNING, check, compare_cuts


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
