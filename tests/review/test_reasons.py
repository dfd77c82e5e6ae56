"""What a stored answer tells of whether it is worth a look."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from pipeline.classify.answer import Level, Thresholds
from pipeline.review.reasons import Looked, Reading, add_label_errors, type_chances
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy


def a_level(threshold: float | None) -> Level:
    return Level(threshold=threshold, error=0.05, confidence=0.95, rows=100, wrong=1, judged_on=100)


@pytest.fixture
def reading(taxonomy: Taxonomy) -> Reading:
    return Reading(taxonomy, Thresholds(type=a_level(0.6), cause=a_level(0.5)), 0.05, date(2026, 11, 29))


def a_row(**changes: object) -> dict[str, Any]:
    return {
        "ticket_id": "T1", "content_sha256": "c", "fields": {}, "accepted_at": datetime(2026, 11, 23),
        "type": "power_quality", "cause": "frequent_outage", "type_probability": 0.9, "cause_probability": 0.85,
        "answer": "cause", "alternatives": [["voltage_abnormal", 0.05], ["bill", 0.06]],
    } | changes  # fmt: skip


def test_a_sure_ticket_that_the_agent_filed_alike_has_no_reason(reading: Reading) -> None:
    looked = reading.look(a_row(fields={"agent_type": "供电质量投诉", "agent_cause": "频繁停电", "unit": "城关供电所"}))
    assert (looked.reasons, looked.agent_cause, looked.unit, looked.week) == (
        [],
        "frequent_outage",
        "城关供电所",
        "2026-W48",
    )


def test_another_type_of_the_agents_is_a_reason_the_stronger_the_more_the_model_thinks_of_it(reading: Reading) -> None:
    likely = reading.look(a_row(fields={"agent_type": "营业投诉"}, type_probability=0.6))
    unlikely = reading.look(a_row(fields={"agent_type": "服务投诉"}, type_probability=0.9))
    assert likely.found["model_error"] > unlikely.found["model_error"] > 0


@pytest.mark.parametrize(
    ("of_type", "of_cause", "answer", "found"),
    [
        (0.61, 0.9, "cause", {"near_threshold"}),
        (0.59, 0.5, "none", {"near_threshold", "low_confidence"}),
        (0.9, 0.52, "cause", {"near_threshold"}),
        (0.9, 0.7, "cause", set()),
        (0.4, 0.5, "none", {"low_confidence"}),  # where the type is not accepted, the cause's threshold is no matter
    ],
)
def test_near_a_threshold(reading: Reading, of_type: float, of_cause: float, answer: str, found: set[str]) -> None:
    row = a_row(type_probability=of_type, cause_probability=of_cause, answer=answer, alternatives=[])
    assert set(reading.look(row).found) == found


def test_without_thresholds_nothing_is_near_them(taxonomy: Taxonomy) -> None:
    never = Thresholds(type=a_level(None), cause=a_level(None))
    assert Reading(taxonomy, never, 0.05, date(2026, 1, 1)).look(a_row(type_probability=0.6)).found == {}


def test_no_complaint_comes_before_other_reasons(reading: Reading, taxonomy: Taxonomy) -> None:
    cause = taxonomy.causes_of(OUT_OF_SCOPE)[0].id
    row = a_row(type=OUT_OF_SCOPE, cause=cause, fields={"agent_type": "营业投诉"}, type_probability=0.5, answer="none")
    assert reading.look(row).reasons[0] == "out_of_scope"


def test_the_agents_cause_tells_its_type(taxonomy: Taxonomy) -> None:
    assert taxonomy.filed_under({"agent_cause": "频繁停电"}) == ("power_quality", "frequent_outage")
    assert taxonomy.filed_under({"agent_type": "营业", "agent_cause": "没有这个"}) == ("business", None)
    assert taxonomy.filed_under({"agent_type": "营业", "agent_cause": "频繁停电"}) == (
        "power_quality",
        "frequent_outage",
    )
    assert taxonomy.filed_under({}) == (None, None)


def test_type_chances_keep_what_is_known_and_add_up_to_one(taxonomy: Taxonomy) -> None:
    chances = dict(zip(taxonomy.type_ids, type_chances(a_row(), taxonomy), strict=True))
    assert sum(chances.values()) == pytest.approx(1)
    assert chances["power_quality"] == pytest.approx(0.9, abs=0.02)
    assert chances["business"] > chances["service"] > 0


def labelled(taxonomy: Taxonomy, wrong: int, right: int = 200) -> list[Looked]:
    """Tickets of two types of which the model is sure, some of them filed under the other one."""
    made = []
    for at in range(right):
        kind = ("power_quality", "business")[at % 2]
        row = a_row(type=kind, type_probability=0.95, alternatives=[])
        filed = kind if at >= wrong else {"power_quality": "business", "business": "power_quality"}[kind]
        ticket = Looked(f"T{at}", "c", filed, None, "", "", type_chances(row, taxonomy))
        if filed != kind:
            ticket.found["model_error"] = 0.01
        made.append(ticket)
    return made


def test_labels_that_are_likely_wrong_are_the_agents_errors_and_not_the_models(taxonomy: Taxonomy) -> None:
    tickets = labelled(taxonomy, wrong=10)
    add_label_errors(tickets, taxonomy)
    assert [ticket.reasons for ticket in tickets[:10]] == [["label_error"]] * 10
    assert all(ticket.found == {} for ticket in tickets[10:])


def test_few_labels_or_one_type_teach_nothing(taxonomy: Taxonomy) -> None:
    few = labelled(taxonomy, wrong=2, right=20)
    add_label_errors(few, taxonomy)
    one = [Looked(f"T{at}", "c", "business", None, "", "", np.full(6, 1 / 6, dtype=np.float32)) for at in range(80)]
    add_label_errors(one, taxonomy)
    assert not any("label_error" in ticket.found for ticket in (*few, *one))
