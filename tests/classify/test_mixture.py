import numpy as np
import pytest
from scipy.special import softmax

from pipeline.classify.mixture import MixtureWeights


def _scores(labels: np.ndarray, strength: float, seed: int) -> np.ndarray:
    """Scores that point at the label as far as `strength` outweighs the noise."""
    return np.random.default_rng(seed).normal(size=(len(labels), 4)) + strength * np.eye(4)[labels]


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(4, size=4000)


def test_the_better_part_counts_for_more_and_the_mixture_is_better_than_both(labels: np.ndarray) -> None:
    good, poor = _scores(labels, 2.0, 1), _scores(labels, 1.0, 2)
    weights = MixtureWeights.fit(good, poor, labels)
    assert weights.bert > weights.linear > 0.1
    unseen = np.random.default_rng(5).integers(4, size=4000)
    parts = _scores(unseen, 2.0, 6), _scores(unseen, 1.0, 7)
    right = [(scores.argmax(axis=1) == unseen).mean() for scores in (weights.scores(*parts), *parts)]
    assert right[0] > max(right[1:]) + 0.02


def test_fitted_weights_leave_nothing_to_a_temperature(labels: np.ndarray) -> None:
    parts = _scores(labels, 2.0, 1) * 7, _scores(labels, 2.0, 2) / 7  # one far too sure, one far too shy
    weights = MixtureWeights.fit(*parts, labels)
    chances = softmax(weights.scores(*parts), axis=1)
    assert chances.max(axis=1).mean() == pytest.approx((chances.argmax(axis=1) == labels).mean(), abs=0.02)


def test_a_part_that_knows_nothing_counts_for_little(labels: np.ndarray) -> None:
    weights = MixtureWeights.fit(_scores(labels, 2.0, 1), _scores(labels, 0.0, 2), labels)
    assert weights.linear < 0.1 < weights.bert


def test_rows_count_by_their_shares(labels: np.ndarray) -> None:
    half = len(labels) // 2
    one, other = _scores(labels, 2.0, 1), _scores(labels, 2.0, 2)
    one[half:], other[:half] = _scores(labels[half:], 0.0, 3), _scores(labels[:half], 0.0, 4)  # each knows one half
    alike = MixtureWeights.fit(one, other, labels)
    assert alike.bert == pytest.approx(alike.linear, rel=0.1)
    first = MixtureWeights.fit(one, other, labels, np.repeat([9.0, 1.0], half))
    assert first.bert > 2 * first.linear
