"""Predictions, and what is made of them: figures, mistakes, doubts, slices."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pipeline
from pipeline.errors import ConfigError
from pipeline.taxonomy import Taxonomy
from pipeline.workbench import Predictions


def _wrong(predictions: Predictions, *rows: int) -> Predictions:
    """Give some rows of the cause dark the label rude."""
    labelled = list(predictions.rows)
    for at in rows:
        assert labelled[at].cause == "dark"
        labelled[at] = replace(labelled[at], type="people", cause="rude")
    return replace(predictions, rows=labelled)


def test_a_frame_has_a_line_for_each_row(predictions: Predictions) -> None:
    frame = predictions.frame
    assert predictions.probabilities.shape == (96, 4)
    assert len(frame) == 96
    assert frame["right"].all()
    assert frame["right_cause"].all()
    assert frame["probability"].between(0, 1).all()
    assert set(frame["length"]) == {"0-50"}


def test_figures_are_those_of_the_evaluation(predictions: Predictions) -> None:
    evaluated = pipeline.evaluate(_wrong(predictions, 0, 1, 2, 3))
    assert evaluated.figures["type_accuracy"] == pytest.approx(92 / 96)
    assert evaluated.figures["n"] == 96
    assert evaluated.types.set_index("id").loc["people", "recall"] == pytest.approx(48 / 52)
    assert len(evaluated.causes) == 4
    with pytest.raises(ValueError, match="no rows"):
        pipeline.evaluate(replace(predictions, rows=(), probabilities=np.zeros((0, 4))))


def test_mistakes_are_listed_the_commonest_confusion_first(predictions: Predictions) -> None:
    found = pipeline.misclassified(_wrong(predictions, 0, 1, 2))
    assert len(found) == 3
    assert set(zip(found["labelled"], found["predicted"], found["times"], strict=True)) == {("people", "power", 3)}
    assert found["probability"].is_monotonic_decreasing
    by_cause = pipeline.misclassified(_wrong(predictions, 0), "cause")
    assert by_cause[["labelled", "predicted"]].to_numpy().tolist() == [["rude", "dark"]]
    assert pipeline.misclassified(predictions).empty
    with pytest.raises(ValueError, match="type or cause"):
        pipeline.misclassified(predictions, "level2")


def test_wrong_labels_are_doubted_first_and_cost_what_they_cost(predictions: Predictions) -> None:
    planted = _wrong(predictions, 3, 7)
    doubts = pipeline.label_errors(planted)
    assert set(doubts.frame["id"].head(2)) == {planted.rows[3].id, planted.rows[7].id}
    assert doubts.frame["suggested"].head(2).tolist() == ["dark", "dark"]
    assert doubts.cost(2, seconds=1800).hours == 1
    assert doubts.cost(2).expected > 1.5


def test_slices_of_predictions_and_of_frames(predictions: Predictions) -> None:
    by_length = pipeline.slices(_wrong(predictions, 0), "length")
    assert by_length.overall == pytest.approx(95 / 96)
    assert by_length.frame[["length", "rows", "right"]].to_numpy().tolist() == [["0-50", 96, 95]]
    frame = pd.DataFrame({
        "right": [True, False, None, True, True],
        "hour": pd.array([8, 8, 8, 23, None], dtype="Int64"),
        "unit": ["东所", "东所", "西所", "西所", ""],
    })  # fmt: skip
    hours = pipeline.slices(frame, "hour", least=1)
    assert [(it.name, it.rows, it.right) for it in hours.parts] == [("08", 2, 1), ("23", 1, 1)]
    assert [it.name for it in pipeline.slices(frame, "unit", least=2).parts] == ["东所"]
    with pytest.raises(KeyError, match="there are right, hour, unit"):
        pipeline.slices(frame, "weather")


def test_tickets_are_answered_as_a_night_would(small_model: Path, small_tree: Path) -> None:
    tickets = pd.DataFrame({"ticket_id": ["1", "2"], "narrative": ["村里停电三次没电", "柜台态度差不耐烦"]})
    answers = pipeline.answer(pipeline.load_model(small_model, small_tree), tickets)
    assert answers["cause"].tolist() == ["dark", "rude"]
    assert answers.columns.tolist()[-6:] == [
        "type",
        "cause",
        "type_probability",
        "cause_probability",
        "answer",
        "route",
    ]
    assert "cause" not in tickets


def test_cross_validated_predictions_are_of_the_configuration(linear_config: Path, tree: Taxonomy) -> None:
    found = pipeline.cross_validate(linear_config, folds=3)
    assert found.probabilities.shape == (96, 4)
    assert found.taxonomy.sha256 == tree.sha256
    assert pipeline.evaluate(found).figures["coverage"] == 0  # there is no threshold without a model
    with pytest.raises(ConfigError, match="only the linear model"):
        pipeline.cross_validate("configs/train/bert.yaml")


def test_no_rows_are_predicted_as_none(small_model: Path, small_tree: Path) -> None:
    assert pipeline.predict(pipeline.load_model(small_model, small_tree), []).probabilities.shape == (0, 4)
