"""Wrong labels are found, and what looking for them costs is said honestly."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus import Labelled, load_labelled
from pipeline.settings import CONFIGS, CORPUS, load_settings
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative
from pipeline.train import linear
from pipeline.train.linear import LinearSettings, unseen_probabilities
from pipeline.train.suspects import cost, suspects

_PLANTED, _CHECKED, _FOUND = 100, 200, 80


def test_of_a_hundred_planted_wrong_labels_eighty_are_among_the_first_two_hundred(
    taxonomy: Taxonomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = random.Random(20261129)
    rows = load_labelled(CORPUS, taxonomy)
    planted = set(source.sample([at for at, row in enumerate(rows) if row.cause is not None], _PLANTED))
    wrong = [_mislabelled(row, taxonomy, source) if at in planted else row for at, row in enumerate(rows)]
    monkeypatch.setattr(LinearSettings, "labelled", lambda *_: wrong)
    settings = load_settings(CONFIGS / "train" / "linear.yaml", LinearSettings)
    judged, probabilities = unseen_probabilities(settings.model_copy(update={"folds": 2}))
    ids = {rows[at].id for at in planted}
    found = suspects(judged, probabilities, taxonomy)
    assert len(found) == len(judged) > 8000
    assert sum(one.row.id in ids for one in found[:_CHECKED]) >= _FOUND


def _mislabelled(row: Labelled, taxonomy: Taxonomy, source: random.Random) -> Labelled:
    cause = source.choice([it for it in taxonomy.causes if it.id != row.cause])
    return replace(row, cause=cause.id, type=cause.type_id)


@pytest.fixture
def tree(small_tree: Path) -> Taxonomy:
    return Taxonomy.load(small_tree)


def _row(name: str, cause: str | None) -> Labelled:
    return Labelled(name, Narrative(name), "power", cause)


def test_the_least_probable_label_comes_first_with_what_the_model_would_say(tree: Taxonomy) -> None:
    rows = [_row("sure", "dark"), _row("typed", None), _row("doubtful", "weak"), _row("wrong", "slow")]
    chances = np.array([[0.9, 0.1, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.4, 0.1, 0], [0, 0.04, 0.95, 0.01]])
    found = suspects(rows, chances, tree)
    assert [one.row.id for one in found] == ["wrong", "doubtful", "sure"]
    assert [one.quality for one in found] == pytest.approx([0.01, 0.4, 0.9])
    assert [one.suggested for one in found] == ["rude", "dark", "dark"]
    assert found[0].probability == pytest.approx(0.95)


def test_without_a_labelled_cause_nothing_is_suspect(tree: Taxonomy) -> None:
    assert suspects([_row("typed", None)], np.full((1, 4), 0.25), tree) == []


def test_probabilities_that_do_not_quite_sum_to_one_are_taken(tree: Taxonomy) -> None:
    (found,) = suspects([_row("one", "dark")], np.array([[0.5, 0.3, 0.1, 0.1 + 1e-6]], dtype=np.float32), tree)
    assert found.quality == pytest.approx(0.5, abs=1e-5)


def test_the_cost_is_in_hours_and_the_yield_is_what_the_model_holds_against_the_labels(tree: Taxonomy) -> None:
    rows = [_row("wrong", "slow"), _row("sure", "dark")]
    found = suspects(rows, np.array([[0.9, 0, 0, 0.1], [1.0, 0, 0, 0]]), tree)
    assert cost(found, 1, seconds=36.0).expected == pytest.approx(0.9)
    assert cost(found, 1, seconds=36.0).hours == pytest.approx(0.01)
    assert cost(found, 10, seconds=36.0).checked == 2  # there are no more
    assert cost([], 10).expected == 0


def test_every_row_is_judged_by_a_model_that_has_not_seen_it(
    linear_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[set[str]] = []
    asked: list[set[str]] = []
    fit = linear.Learner.fit

    def watched(self: linear.Learner, texts: list[str], labels: np.ndarray) -> object:
        fitted = fit(self, texts, labels)
        scores = fitted.scores
        taught.append(set(texts))
        monkeypatch.setattr(fitted, "scores", lambda texts: asked.append(set(texts)) or scores(texts))
        return fitted

    monkeypatch.setattr(linear.Learner, "fit", watched)
    rows, probabilities = unseen_probabilities(load_settings(linear_config, LinearSettings))
    assert probabilities.shape == (96, 4)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(96))
    assert len(taught) == len(asked) == 2
    assert all(not seen & unseen for seen, unseen in zip(taught, asked, strict=True))
    assert set().union(*asked) == {row.text for row in rows}
