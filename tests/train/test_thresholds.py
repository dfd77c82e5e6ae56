import numpy as np
import pytest

from pipeline.train.thresholds import choose_threshold, upper_bound


def test_the_bound_is_the_exact_binomial_one() -> None:
    # No failure in n rows: 1 - 0.05^(1/n).
    assert upper_bound(0, 100, 0.95) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert upper_bound(5, 5, 0.95) == 1.0


def test_the_promise_is_broken_in_at_most_one_repetition_of_twenty() -> None:
    """Repeat draws from a population whose true error at every threshold is known."""
    random = np.random.default_rng(11)
    broken, repetitions = 0, 400
    for _ in range(repetitions):
        probability = random.uniform(0.5, 1.0, size=600)
        # Overconfident on purpose: right less often than the probability says.
        correct = random.uniform(size=600) < probability - 0.04
        level = choose_threshold(probability, correct, error=0.15, confidence=0.95, least_coverage=0.2)
        if level.threshold is not None:
            true_error = 1 - ((level.threshold + 1.0) / 2 - 0.04)
            broken += true_error > 0.15
    assert broken / repetitions <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / repetitions)


def test_a_sure_and_right_model_is_accepted_far_down() -> None:
    probability = np.linspace(1.0, 0.5, 500)
    level = choose_threshold(probability, np.ones(500, dtype=bool), error=0.05, confidence=0.95, least_coverage=0.2)
    assert level.threshold is not None
    assert level.threshold <= 0.5
    assert (level.rows, level.wrong) == (500, 0)


def test_no_threshold_lies_below_the_least_probability() -> None:
    probability = np.linspace(1.0, 0.2, 500)
    right = np.ones(500, dtype=bool)
    level = choose_threshold(probability, right, error=0.05, confidence=0.95, least_coverage=0.2, least_probability=0.5)
    assert level.threshold == 0.5
    assert level.rows == (probability >= 0.5).sum()
    unsure = choose_threshold(
        probability / 3, right, error=0.05, confidence=0.95, least_coverage=0.2, least_probability=0.5
    )
    assert unsure.threshold is None


def test_what_stands_in_the_level_is_what_the_threshold_accepts() -> None:
    random = np.random.default_rng(2)
    probability = random.uniform(0.3, 1.0, size=800)
    correct = random.uniform(size=800) < probability
    level = choose_threshold(probability, correct, error=0.2, confidence=0.9, least_coverage=0.1)
    assert level.threshold is not None
    accepted = probability >= level.threshold
    assert (level.rows, level.wrong) == (accepted.sum(), (accepted & ~correct).sum())
    assert upper_bound(level.wrong, level.rows, 0.9) <= 0.2


def test_nothing_is_accepted_when_no_threshold_keeps_the_promise_or_rows_are_too_few() -> None:
    wrong = np.zeros(500, dtype=bool)
    assert (
        choose_threshold(np.linspace(1, 0, 500), wrong, error=0.1, confidence=0.95, least_coverage=0.2).threshold
        is None
    )
    few = choose_threshold(np.ones(10), np.ones(10, dtype=bool), error=0.05, confidence=0.95, least_coverage=0.2)
    assert few.threshold is None
    assert few.describe().startswith("never accepted: 10 held-out narratives are too few to promise at most 5% wrong")
    assert "it takes 59 or more" in few.describe()
    enough = choose_threshold(np.ones(59), np.ones(59, dtype=bool), error=0.05, confidence=0.95, least_coverage=0.2)
    assert enough.describe().startswith("accepted from probability")
    poor = choose_threshold(np.linspace(1, 0, 500), wrong, error=0.1, confidence=0.95, least_coverage=0.2)
    assert "no threshold keeps the promise" in poor.describe()
    none = choose_threshold(np.array([]), np.array([], dtype=bool), error=0.05, confidence=0.95, least_coverage=0.2)
    assert none.threshold is None
