"""The chain of lines: what was altered is named, and two writers do not meet."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.promotion.evidence import Subject
from pipeline.promotion.history import before_present, in_service, standing
from pipeline.promotion.log import (
    FORCED,
    INTENDED,
    PROMOTED,
    REFUSED,
    ROLLED_BACK,
    Entry,
    Log,
    News,
    verify,
)


def _subject(name: str) -> Subject:
    return Subject(f"linear-{name}", name * 4, version=name)


def _news(action: str = REFUSED, name: str = "1", previous: str | None = None) -> News:
    return News(action, "王工@host", _subject(name), previous and _subject(previous), "一句话", reason="因为")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "new" / "log.jsonl")


def _fill(log: Log, *news: News) -> list[Entry]:
    for it in news or [_news(name=str(number)) for number in range(5)]:
        with log.writing() as writer:
            writer.append(it)
    return log.entries()


def test_what_is_written_is_read_and_whole(log: Log) -> None:
    assert (log.entries(), log.fault()) == ([], None)
    entries = _fill(log)
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.before for entry in entries[1:]] == [entry.sha256 for entry in entries[:-1]]
    assert "王工" in log.path.read_text(encoding="utf-8")
    assert log.fault() is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_any_altered_character_is_noticed_at_its_line(log: Log, data: st.DataObject) -> None:
    if not log.path.exists():
        _fill(log)
    lines = log.path.read_text(encoding="utf-8").splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 1))
    other = data.draw(st.characters(codec="utf-8", exclude_characters=lines[number][at] + "\n"))
    lines[number] = lines[number][:at] + other + lines[number][at + 1 :]
    fault = verify(lines)
    assert fault is not None
    assert fault.line == number + 1


def test_lines_that_are_removed_or_moved_are_named(log: Log) -> None:
    _fill(log)
    lines = log.path.read_text(encoding="utf-8").splitlines()
    for changed, line, said in (
        (lines[1:], 1, "entry 1 was removed"),
        ([*lines[:2], *lines[3:]], 3, "entry 3 was removed"),
        ([lines[0], lines[2], lines[1], *lines[3:]], 2, "the order was changed"),
        ([*lines, lines[0]], 6, "entry 6 was removed"),
    ):
        fault = verify(changed)
        assert fault is not None
        assert fault.line == line
        assert said in fault.why


def test_a_line_hashed_anew_does_not_fit_the_next(log: Log, tmp_path: Path) -> None:
    _fill(log)
    lines = log.path.read_text(encoding="utf-8").splitlines()
    other = Log(tmp_path / "other.jsonl")
    _fill(other, *[_news(name=str(number)) for number in (0, 1, 9)])
    lines[2] = other.path.read_text(encoding="utf-8").splitlines()[2]
    fault = verify(lines)
    assert fault is not None
    assert fault.line in (2, 3)  # its time is another, so line 3 does not fit line 2 either


def test_a_writer_that_died_in_its_line_blocks_nobody(log: Log) -> None:
    _fill(log)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b'{"action": "prom\xe4')
    fault = log.fault()
    assert fault is not None
    assert (fault.line, "not written to its end" in fault.why) == (6, True)
    assert len(log.entries()) == 5
    _fill(log, _news())
    assert log.path.read_bytes().startswith(whole)
    assert log.fault() is None


def test_nothing_is_appended_to_an_altered_log(log: Log) -> None:
    _fill(log)
    log.path.write_text(log.path.read_text(encoding="utf-8").replace("因为", "所以", 1), encoding="utf-8")
    with pytest.raises(ModelError, match="line 1: it was altered"), log.writing():
        pytest.fail("it was opened")


def test_writers_wait_for_each_other(log: Log) -> None:
    threads = [threading.Thread(target=_fill, args=(log, *[_news()] * 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.number for entry in log.entries()] == list(range(1, 21))
    assert log.fault() is None


def test_rollback_goes_back_and_not_forth(log: Log) -> None:
    entries = _fill(
        log,
        _news(INTENDED, "2", "1"), _news(PROMOTED, "2", "1"), _news(REFUSED, "9", "2"), _news(FORCED, "3", "2"),
        _news(ROLLED_BACK, "2", "3"), _news(PROMOTED, "4", "2"), _news(ROLLED_BACK, "2", "4"),
    )  # fmt: skip
    assert [subject.version for subject in standing(entries)] == ["1", "2"]
    assert before_present(entries) == _subject("1")
    present = in_service(entries)
    assert present is not None
    assert present.subject == _subject("2")
    moved = _fill(log, _news(PROMOTED, "6", "5"))  # 5: somebody had moved the alias by hand
    assert [subject.version for subject in standing(moved)] == ["1", "2", "5", "6"]
    with pytest.raises(ModelError, match="no way back"):
        before_present([])
