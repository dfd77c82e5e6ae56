from collections.abc import Callable, Sequence

import numpy as np
import pytest

from pipeline.classify.once import prepare_once
from pipeline.taxonomy import Taxonomy


class Counting:
    """Stands where a model does, and notes what it was asked to read: a real one would not tell."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.read: list[str] = []

    def prepare(self, texts: Sequence[str]) -> Callable[[], np.ndarray]:
        self.read += texts
        return lambda: np.array([[len(text), 1.0] for text in texts])


@pytest.fixture
def model(taxonomy: Taxonomy) -> Counting:
    return Counting(taxonomy)


def test_the_same_words_are_read_once_and_every_ticket_gets_its_row(model: Counting) -> None:
    chances = prepare_once(model, ["停电", "电压低", "停电", "态度差很差", "电压低"])()  # type: ignore[arg-type]
    assert model.read == ["停电", "电压低", "态度差很差"]
    assert chances[:, 0].tolist() == [2, 3, 2, 5, 3]


def test_no_tickets_are_no_work(model: Counting, taxonomy: Taxonomy) -> None:
    assert prepare_once(model, [])().shape == (0, len(taxonomy.cause_ids))  # type: ignore[arg-type]
    assert model.read == []
