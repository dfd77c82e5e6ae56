from pathlib import Path

import numpy as np
import pytest

from pipeline.classify.model import Model
from pipeline.corpus import Labelled, load_labelled
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative
from pipeline.train.evaluate import evaluate, measure


def _row(cause: str | None, kind: str) -> Labelled:
    return Labelled("x", Narrative("x"), kind, cause)


# Truth and prediction over the small tree (dark, weak | rude, slow).
ROWS = [
    _row("dark", "power"), _row("dark", "power"), _row("weak", "power"), _row("rude", "people"), _row(None, "people"),
]  # fmt: skip
CHANCES = np.array(
    [
        [0.7, 0.1, 0.1, 0.1],  # right
        [0.2, 0.6, 0.1, 0.1],  # type right, cause wrong
        [0.1, 0.7, 0.1, 0.1],  # right
        [0.5, 0.2, 0.2, 0.1],  # wrong
        [0.1, 0.1, 0.1, 0.7],  # type right, cause unknown
    ]
)


def test_figures_are_those_worked_out_by_hand(small_tree: Path) -> None:
    accepted = np.array([True, True, True, True, False])
    figures = measure(CHANCES, ROWS, Taxonomy.load(small_tree), accepted)
    assert (figures.n, figures.n_cause) == (5, 4)
    assert figures.type_accuracy == pytest.approx(4 / 5)
    # power: precision 3/4, recall 1 -> 6/7; people: precision 1, recall 1/2 -> 2/3
    assert figures.type_macro_f1 == pytest.approx((6 / 7 + 2 / 3) / 2)
    assert figures.cause_accuracy == pytest.approx(2 / 4)
    # dark: 1 of 2 predicted, 1 of 2 found -> 1/2; weak: 1 of 2, 1 of 1 -> 2/3; rude: never -> 0
    assert figures.cause_macro_f1 == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert figures.coverage == pytest.approx(4 / 5)
    assert figures.accepted_error == pytest.approx(1 / 4)
    # confidences 0.8 0.8 0.8 (right), 0.7 (wrong), 0.8 (right): bins 12 and 10
    assert figures.ece == pytest.approx((4 * 0.2 + 1 * 0.7) / 5)
    assert figures.confusion == ((3, 0), (1, 1))
    assert [(score.id, score.support, score.predicted) for score in figures.types] == [
        ("power", 3, 4),
        ("people", 2, 1),
    ]


def test_min_support_leaves_rare_labels_out_of_macro_f1(small_tree: Path) -> None:
    figures = measure(CHANCES, ROWS, Taxonomy.load(small_tree), np.ones(5, dtype=bool), min_support=3)
    assert figures.type_macro_f1 == pytest.approx(6 / 7)
    assert figures.cause_macro_f1 == 0.0


def test_a_file_with_only_types_can_be_evaluated(small_tree: Path) -> None:
    figures = measure(CHANCES[4:], ROWS[4:], Taxonomy.load(small_tree), np.ones(1, dtype=bool))
    assert (figures.n, figures.n_cause, figures.type_accuracy, figures.cause_accuracy) == (1, 0, 1.0, 0.0)
    assert figures.causes == ()


def test_evaluating_a_model_on_its_own_corpus_covers_every_row(
    small_model: Path, small_tree: Path, small_corpus: Path
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    figures = evaluate(Model.load(small_model, taxonomy), load_labelled(small_corpus, taxonomy))
    assert figures.n == figures.n_cause == 96
    assert figures.type_accuracy == 1.0
