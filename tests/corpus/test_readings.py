from pathlib import Path

import pytest

from pipeline.corpus.readings import Reading, load_readings, pairs_per_rule
from pipeline.errors import CorpusError, FileError

HEAD = "id,first,second,hard,pair,side\n"


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "readings.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_readings_are_read_in_order(tmp_path: Path) -> None:
    path = _file(tmp_path, HEAD + "b,bill,tariff,boundary,bill-01,there\na,bill,bill,,,\n")
    assert load_readings(path) == [
        Reading("b", "bill", "tariff", "boundary", "bill-01", "there"),
        Reading("a", "bill", "bill"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,first\na,bill\n", "the columns must be id,first,second,hard,pair,side"),
        (HEAD + "a,bill,bill,,,\na,bill,bill,,,\n", "a stands twice"),
        (HEAD + "a,bill,bill,tricky,,\n", "a: hard may be other_words"),
        (HEAD + "a,bill,bill,,bill-01,left\n", "side here or there"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(CorpusError, match=told):
        load_readings(_file(tmp_path, text))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.csv"):
        load_readings(tmp_path / "none.csv")


def test_a_pair_counts_with_both_its_sides() -> None:
    whole = [Reading(f"w{side}", "x", "x", "", "off_plan-01", side) for side in ("here", "there")]
    half = [Reading(f"h{number}", "x", "x", "", "off_plan-02", "here") for number in range(2)]
    assert pairs_per_rule([*whole, *half]) == {"off_plan": 1}
