"""What a reviewer sees of a ticket, and what not."""

from typing import Any

import pytest

from pipeline.review.desk import Given
from pipeline.review.evidence import Piece, pieces, unreliable
from pipeline.review.nearest import Near, Reviewed
from pipeline.review.screen import Screen, clause_of, screen
from pipeline.store.review import BLIND, SHOWN
from pipeline.taxonomy import Taxonomy

NARRATIVE = "村里电压低灯光昏暗"
EVIDENCE = {"type": {"words": [[2, 5]], "reliable": True}, "cause": {"words": [[4, 5], [5, 9]], "reliable": False}}
NEAR = [Near(Reviewed(7, "T7", "电压低", "power_quality", "voltage_abnormal"), 0.4)]


def given(kind: str = SHOWN, **changes: Any) -> Given:  # noqa: ANN401
    ticket = {
        "ticket_id": "T1", "topic": "电压问题", "narrative": NARRATIVE, "accepted_at": None,
        "fields": {"unit": "城关供电所", "agent_type": "营业投诉", "department": "营销部", "urged": ""},
        "type": "power_quality", "cause": "voltage_abnormal", "type_probability": 0.8, "cause_probability": 0.7,
        "alternatives": [["frequent_outage", 0.1], ["bill", 0.05]],
    }  # fmt: skip
    values: dict[str, Any] = {"agent_type": "business", "agent_cause": "meter_test", "evidence": EVIDENCE} | changes
    return Given(1, 2, kind, ("model_error",), model="linear-m", ticket=ticket, **values)


def seen(kind: str, taxonomy: Taxonomy, **changes: Any) -> Screen:  # noqa: ANN401
    return screen(given(kind, **changes), taxonomy, NEAR)


def test_both_paths_and_the_causes_by_number(taxonomy: Taxonomy) -> None:
    shown = seen(SHOWN, taxonomy)
    assert shown.agent is not None
    assert shown.model is not None
    assert (shown.agent.type, shown.agent.cause) == ("营业投诉", "验表")
    assert (shown.model.cause, shown.model.cause_probability) == ("电压质量长时间异常", 0.7)
    assert [(choice.key, choice.cause.id, choice.probability) for choice in shown.choices] == [
        (1, "voltage_abnormal", 0.7), (2, "frequent_outage", 0.1), (3, "bill", 0.05), (4, "meter_test", None),
    ]  # fmt: skip
    assert [choice.cause.id for choice in shown.choices if choice.by_agent] == ["meter_test"]
    assert (shown.suggested, shown.near, shown.unreliable) == ("voltage_abnormal", tuple(NEAR), ("cause",))


def test_the_rules_about_both_classifications_come_first(taxonomy: Taxonomy) -> None:
    causes = [cause for rule in seen(SHOWN, taxonomy).rules for cause in rule.to]
    assert {"voltage_abnormal", "meter_test"} <= set(causes)
    of_type = seen(SHOWN, taxonomy, agent_cause=None).rules
    assert any(cause in {each.id for each in taxonomy.causes_of("business")} for rule in of_type for cause in rule.to)
    assert len(seen(SHOWN, taxonomy, agent_type=None, agent_cause=None).rules) <= 4


def test_read_blind_nothing_suggests_anything(taxonomy: Taxonomy) -> None:
    blind = seen(BLIND, taxonomy)
    assert (blind.agent, blind.model, blind.choices, blind.rules, blind.near) == (None, None, (), (), ())
    assert (blind.topic, blind.suggested, blind.marked) == ("", "", False)
    assert blind.pieces == (Piece(NARRATIVE, ""),)
    assert blind.facts == (("unit", "城关供电所"),)


def test_what_came_of_a_ticket_is_not_among_its_facts(taxonomy: Taxonomy) -> None:
    assert dict(seen(SHOWN, taxonomy).facts) == {"unit": "城关供电所"}


def test_pieces_are_the_narrative_in_order() -> None:
    found = pieces(NARRATIVE, EVIDENCE)
    assert "".join(piece.text for piece in found) == NARRATIVE
    assert found == [Piece("村里", ""), Piece("电压", "type"), Piece("低灯光昏暗", "cause")]
    assert pieces(NARRATIVE, None) == [Piece(NARRATIVE, "")]
    assert pieces("", None) == []
    assert unreliable(None) == []


@pytest.mark.parametrize("cause_id", ["voltage_abnormal", "hall_staff_attitude"])
def test_a_clause_is_that_of_the_cause(taxonomy: Taxonomy, cause_id: str) -> None:
    assert clause_of(taxonomy.cause(cause_id), taxonomy) == taxonomy.cause(cause_id).rule


def test_every_cause_has_something_to_rest_on(taxonomy: Taxonomy) -> None:
    assert all(clause_of(cause, taxonomy).strip() for cause in taxonomy.causes)
