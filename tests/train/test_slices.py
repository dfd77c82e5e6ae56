"""Accuracy by parts, with intervals that say what chance alone would do."""

import numpy as np
import pytest

from pipeline.corpus import Labelled
from pipeline.text import Narrative
from pipeline.train.slices import by_length, by_voice, slices


def _row(length: int, style: str = "agent") -> Labelled:
    return Labelled("x", Narrative("停" * length), "power_quality", None, style)


def test_the_worst_part_comes_first_with_its_exact_interval() -> None:
    rows = [_row(10, "agent")] * 10 + [_row(10, "letter")] * 20
    right = np.array([True] * 9 + [False] + [True] * 10 + [False] * 10)
    letter, agent = slices(rows, right, by_voice)
    assert (letter.name, letter.rows, letter.right, letter.accuracy) == ("letter", 20, 10, 0.5)
    assert (letter.low, letter.high) == pytest.approx((0.2720, 0.7280), abs=1e-4)  # Clopper and Pearson, 10 of 20
    assert agent.accuracy == 0.9
    assert (agent.low, agent.high) == pytest.approx((0.5550, 0.9975), abs=1e-4)  # 9 of 10


def test_a_part_with_few_rows_is_left_out() -> None:
    rows = [_row(10, "agent")] * 10 + [_row(10, "letter")] * 9
    assert [one.name for one in slices(rows, np.ones(19, dtype=bool), by_voice)] == ["agent"]
    assert len(slices(rows, np.ones(19, dtype=bool), by_voice, least=9)) == 2


def test_all_or_none_right_has_an_interval_too() -> None:
    (every,) = slices([_row(1)] * 10, np.ones(10, dtype=bool), by_voice)
    (none,) = slices([_row(1)] * 10, np.zeros(10, dtype=bool), by_voice)
    assert (every.high, none.low) == (1.0, 0.0)
    assert every.low == pytest.approx(1 - none.high) == pytest.approx(0.6915, abs=1e-4)


def test_no_rows_have_no_parts() -> None:
    assert slices([], np.zeros(0, dtype=bool), by_voice) == []


def test_other_rows_than_verdicts_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        slices([_row(1)], np.ones(2, dtype=bool), by_voice)


@pytest.mark.parametrize(
    ("length", "name"),
    [(1, "0-50"), (50, "0-50"), (51, "50-100"), (200, "100-200"), (400, "200-400"), (401, "more than 400")],
)
def test_lengths_fall_into_classes(length: int, name: str) -> None:
    assert by_length(_row(length)) == name


def test_a_row_without_a_style_has_an_unknown_voice() -> None:
    assert by_voice(_row(1, "")) == "unknown"
