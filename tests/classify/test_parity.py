import numpy as np
import pytest

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.model import Model
from pipeline.classify.parity import Agreement
from pipeline.taxonomy import Taxonomy


def _chances(taxonomy: Taxonomy, causes: list[str], sure: float = 0.9) -> np.ndarray:
    rest = (1 - sure) / (len(taxonomy.cause_ids) - 1)
    return np.array([[sure if cause == name else rest for cause in taxonomy.cause_ids] for name in causes])


def test_it_counts_causes_types_and_routes_apart(taxonomy: Taxonomy, settings: ScoreSettings) -> None:
    thresholds = Model.load().manifest.thresholds
    exact = _chances(taxonomy, ["frequent_outage", "bill", "bill", "voltage_abnormal"])
    other = _chances(taxonomy, ["voltage_abnormal", "bill", "hotline_service", "voltage_abnormal"])
    other[3] = exact[3] * 0.6 + 0.4 / len(taxonomy.cause_ids)  # the same, but not sure enough
    found = Agreement.of(exact, other, taxonomy, thresholds, settings)
    assert (found.rows, found.cause, found.type, found.route) == (4, 0.5, 0.75, 0.75)
    assert found.largest_gap == pytest.approx(0.9, abs=0.01)
    assert 0.2 < found.mean_gap < found.largest_gap


def test_one_row_alone_never_fails(taxonomy: Taxonomy, settings: ScoreSettings) -> None:
    thresholds = Model.load().manifest.thresholds
    exact = _chances(taxonomy, ["bill"] * 50)
    for differing, failed in ((1, 0), (2, 1)):
        other = _chances(taxonomy, ["tariff"] * differing + ["bill"] * (50 - differing))
        found = Agreement.of(exact, other, taxonomy, thresholds, settings)
        assert len(found.failures({"cause": 0.995, "type": 0.995})) == failed
