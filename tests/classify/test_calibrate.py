import numpy as np
import pytest

from pipeline.classify.calibrate import Calibration, expected_calibration_error, fit_temperature, probabilities
from pipeline.taxonomy import Taxonomy


def _drawn(temperature: float, rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose labels were drawn from softmax(scores / temperature)."""
    random = np.random.default_rng(7)
    scores = random.normal(size=(rows, 4)) * 3
    chances = probabilities(scores, temperature)
    labels = np.array([random.choice(4, p=row) for row in chances])
    return scores, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_the_labels_were_drawn_with_is_found(temperature: float) -> None:
    scores, labels = _drawn(temperature)
    assert fit_temperature(scores, labels) == pytest.approx(temperature, rel=0.1)


def test_calibrated_probabilities_are_honest_where_raw_ones_boast() -> None:
    scores, labels = _drawn(2.5)
    every = np.arange(len(labels))
    gaps = {}
    for temperature in (1.0, fit_temperature(scores, labels)):
        chances = probabilities(scores, temperature)
        best = chances.argmax(axis=1)
        gaps[temperature] = expected_calibration_error(chances[every, best], best == labels)
    raw, fitted = gaps.values()
    assert raw > 0.1
    assert fitted < 0.03


def test_expected_calibration_error_of_known_cases() -> None:
    assert expected_calibration_error(np.array([]), np.array([], dtype=bool)) == 0.0
    assert expected_calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == pytest.approx(0.0)
    assert expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False])) == pytest.approx(0.4)


def test_types_stay_the_sum_of_their_causes_after_calibration(taxonomy: Taxonomy) -> None:
    scores = np.random.default_rng(3).normal(size=(50, len(taxonomy.causes)))
    labels = np.arange(50) % len(taxonomy.causes)
    calibration = Calibration.fit(scores, labels, taxonomy.membership)
    chances = calibration.apply(scores, taxonomy.membership)
    assert chances.sum(axis=1) == pytest.approx(np.ones(50))
    assert (chances >= 0).all()
    # Within a type the causes keep the order that the scores gave them.
    inside = taxonomy.membership[:, 0] > 0
    assert (np.argsort(chances[:, inside]) == np.argsort(scores[:, inside])).all()


def test_hopeless_scores_give_finite_probabilities(taxonomy: Taxonomy) -> None:
    scores = np.full((1, len(taxonomy.causes)), -1e4)
    scores[0, 0] = 1e4
    chances = Calibration(causes=0.1, types=3.0).apply(scores, taxonomy.membership)
    assert np.isfinite(chances).all()
    assert chances[0, 0] == pytest.approx(1.0, abs=1e-3)
