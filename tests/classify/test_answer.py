from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.classify.answer import Level, ScoreSettings, Thresholds, decide
from pipeline.errors import ConfigError
from pipeline.settings import CONFIGS
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy


def _thresholds(of_type: float | None, of_cause: float | None) -> Thresholds:
    def level(threshold: float | None) -> Level:
        return Level(threshold=threshold, error=0.05, confidence=0.95, rows=100, wrong=0, judged_on=100)

    return Thresholds(type=level(of_type), cause=level(of_cause))


def _row(taxonomy: Taxonomy, **shares: float) -> np.ndarray:
    """Probabilities with the rest spread evenly over all other causes."""
    rest = (1 - sum(shares.values())) / (len(taxonomy.causes) - len(shares))
    return np.array([[shares.get(cause, rest) for cause in taxonomy.cause_ids]])


@pytest.mark.parametrize(
    ("frequent", "of_type", "of_cause", "expected"),
    [
        (0.90, 0.8, 0.7, "cause"),
        (0.75, 0.7, 0.8, "type"),
        (0.50, 0.8, 0.7, "none"),
        (0.99, None, 0.1, "none"),  # a cause is never accepted under a type that is not
        (0.99, 0.8, None, "type"),
    ],
)
def test_the_answer_is_given_at_the_level_that_is_safe(
    taxonomy: Taxonomy, settings: ScoreSettings, frequent: float, of_type: float, of_cause: float, expected: str
) -> None:
    chances = _row(taxonomy, frequent_outage=frequent)
    (answer,) = decide(chances, [None], taxonomy, _thresholds(of_type, of_cause), settings)
    assert answer.answer == expected
    # The most probable path stands there whatever is safe.
    assert (answer.type, answer.cause) == ("power_quality", "frequent_outage")
    assert answer.cause_probability == pytest.approx(frequent)


def test_the_type_is_the_most_probable_sum_and_the_cause_lies_below_it(
    taxonomy: Taxonomy, settings: ScoreSettings
) -> None:
    # One cause of power_quality leads, but three of outage together weigh more.
    chances = _row(taxonomy, frequent_outage=0.3, repair_overdue=0.22, outage_notice_missing=0.2, outage_off_plan=0.15)
    (answer,) = decide(chances, [None], taxonomy, _thresholds(0.4, 0.9), settings)
    assert (answer.type, answer.cause, answer.answer) == ("outage", "repair_overdue", "type")
    assert answer.alternatives[0] == ("frequent_outage", pytest.approx(0.3))


def test_alternatives_are_the_next_causes_in_falling_order(taxonomy: Taxonomy, settings: ScoreSettings) -> None:
    chances = _row(taxonomy, bill=0.5, tariff=0.2, meter_test=0.15, meter_reading=0.1)
    (answer,) = decide(chances, [None], taxonomy, _thresholds(0.5, 0.5), settings)
    assert [cause for cause, _ in answer.alternatives] == ["tariff", "meter_test", "meter_reading"]


@pytest.mark.parametrize(
    ("cause", "agent", "reasons", "route"),
    [
        ("bill", None, (), "auto"),
        ("bill", "business", (), "auto"),
        ("bill", "service", ("disagrees_with_agent",), "review"),
        ("enquiry", None, ("out_of_scope",), "review"),
        ("enquiry", "business", ("out_of_scope", "disagrees_with_agent"), "review"),
    ],
)
def test_reasons_send_a_ticket_to_review(
    taxonomy: Taxonomy, settings: ScoreSettings, cause: str, agent: str | None, reasons: tuple[str, ...], route: str
) -> None:
    (answer,) = decide(_row(taxonomy, **{cause: 0.99}), [agent], taxonomy, _thresholds(0.9, 0.9), settings)
    assert (answer.reasons, answer.route) == (reasons, route)
    assert (answer.type == OUT_OF_SCOPE) == ("out_of_scope" in reasons)


def test_low_confidence_goes_to_review_and_an_uncertain_cause_does_not(
    taxonomy: Taxonomy, settings: ScoreSettings
) -> None:
    low, half = _row(taxonomy, bill=0.3), _row(taxonomy, bill=0.8)
    answers = decide(np.concatenate([low, half]), [None, None], taxonomy, _thresholds(0.7, 0.9), settings)
    assert [(answer.reasons, answer.route) for answer in answers] == [
        (("low_confidence",), "review"),
        (("cause_uncertain",), "auto"),
    ]


def test_the_configuration_decides_what_goes_to_review(taxonomy: Taxonomy, settings: ScoreSettings) -> None:
    lenient = settings.model_copy(update={"review_reasons": ()})
    (answer,) = decide(_row(taxonomy, enquiry=0.99), ["service"], taxonomy, _thresholds(0.9, 0.9), lenient)
    assert answer.reasons == ("out_of_scope", "disagrees_with_agent")
    assert answer.route == "auto"


def test_an_unknown_reason_in_the_configuration_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load((CONFIGS / "score.yaml").read_text(encoding="utf-8"))
    content["review_reasons"] = ["low_confidense"]
    (tmp_path / "score.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"review_reasons.*low_confidense.*known are low_confidence") as caught:
        ScoreSettings.load(tmp_path / "score.yaml")
    assert caught.value.code == "config_invalid"
