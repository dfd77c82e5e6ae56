import pytest

from pipeline.review.figures import read_figures
from pipeline.review.statistics import Proportion
from pipeline.review.verdicts import ALL, Span, blind_verdicts, queue_verdicts, second_readings, shown_pairs
from pipeline.store.review import BLIND, SHOWN

from .filled import NAMES, Filled

OUTAGE, VOLTAGE, BILL = "frequent_outage", "voltage_abnormal", "bill"


@pytest.fixture
def desk(database: str) -> Filled:
    return Filled(database)


def test_an_empty_desk_says_nothing(desk: Filled) -> None:
    for query in (blind_verdicts, queue_verdicts, second_readings, shown_pairs):
        assert desk.read(query) == []
    figures = desk.read(read_figures, ALL, ("business",))
    assert figures.sides["model"].type == figures.naive["cause"] == Proportion(0, 0)
    assert figures.agreement["type"].kappa is None


def test_a_blind_verdict_says_what_was_said_and_decided(desk: Filled) -> None:
    item = desk.blind(BILL, OUTAGE, agent=VOLTAGE)
    desk.shown(OUTAGE)
    (verdict,) = desk.read(blind_verdicts)
    assert (verdict.item, verdict.user) == (item, 1)
    assert (verdict.model_type, verdict.model_cause) == ("power_quality", OUTAGE)
    assert (verdict.agent_type, verdict.agent_cause) == ("power_quality", VOLTAGE)
    assert (verdict.type, verdict.cause) == ("business", BILL)


def test_only_the_decision_that_stands_counts(desk: Filled) -> None:
    first = desk.reading(desk.item(blind=True), BLIND)
    desk.decide(first, BILL)
    desk.decide(first, VOLTAGE)
    assert [verdict.cause for verdict in desk.read(blind_verdicts)] == [VOLTAGE]
    desk.decide(first, None)
    assert desk.read(blind_verdicts) == []
    desk.decide(first, OUTAGE)
    assert [verdict.cause for verdict in desk.read(blind_verdicts)] == [OUTAGE]


def test_the_truth_is_the_first_blind_reading(desk: Filled) -> None:
    item = desk.item(blind=True)
    first, second, third = desk.reading(item, BLIND), desk.reading(item, BLIND, 2), desk.reading(item, SHOWN, 3)
    desk.decide(second, VOLTAGE, user=2)
    desk.decide(third, BILL, user=3)
    assert desk.read(blind_verdicts) == desk.read(second_readings) == desk.read(shown_pairs) == []
    desk.decide(first, OUTAGE)
    assert [verdict.cause for verdict in desk.read(blind_verdicts)] == [OUTAGE]
    ((again,), (shown,)) = desk.read(second_readings), desk.read(shown_pairs)
    assert (again.first.cause, again.second.cause, again.second.user) == (OUTAGE, VOLTAGE, 2)
    assert (shown.first.cause, shown.second.cause, shown.second.user) == (OUTAGE, BILL, 3)


def test_nobody_is_compared_with_himself(desk: Filled) -> None:
    item = desk.blind(BILL)
    desk.decide(desk.reading(item, BLIND, 2), BILL, user=1)
    desk.decide(desk.reading(item, SHOWN, 3), BILL, user=1)
    assert desk.read(second_readings) == desk.read(shown_pairs) == []


def test_withdrawn_second_readings_are_no_pair(desk: Filled) -> None:
    second = desk.reading(desk.blind(BILL), BLIND, 2)
    desk.decide(second, BILL, user=2)
    desk.decide(second, None, user=2)
    assert desk.read(second_readings) == []


def test_the_queue_leaves_the_drawn_tickets_out(desk: Filled) -> None:
    queued = desk.shown(BILL)
    desk.decide(desk.reading(desk.blind(BILL), SHOWN, 2), BILL, user=2)
    assert [verdict.item for verdict in desk.read(queue_verdicts)] == [queued]


def test_spans_of_runs_and_weeks(desk: Filled) -> None:
    old, new = desk.blind(BILL, run_id=1, week="2026-W09"), desk.blind(BILL, run_id=2, week="2026-W10")
    for item in (old, new):
        desk.decide(desk.reading(item, BLIND, 2), BILL, user=2)
        desk.decide(desk.reading(item, SHOWN, 3), BILL, user=3)

    def items(span: Span) -> list[int]:
        found = [verdict.item for verdict in desk.read(blind_verdicts, span)]
        assert [pair.first.item for pair in desk.read(second_readings, span)] == found
        assert [pair.first.item for pair in desk.read(shown_pairs, span)] == found
        return found

    assert items(ALL) == [old, new]
    assert items(Span(runs=(2,))) == items(Span(week_from="2026-W10")) == [new]
    assert items(Span(week_to="2026-W09")) == [old]
    assert items(Span(runs=())) == items(Span(week_from="2026-W11")) == []


def test_figures_of_a_small_desk(desk: Filled) -> None:
    items = [desk.blind(cause, OUTAGE, agent=BILL) for cause in (OUTAGE, VOLTAGE, BILL)]
    for item, second, shown in zip(items, (OUTAGE, VOLTAGE, VOLTAGE), (OUTAGE, OUTAGE, OUTAGE), strict=True):
        desk.decide(desk.reading(item, BLIND, 2), second, user=2)
        desk.decide(desk.reading(item, SHOWN, 3), shown, user=3)
    desk.shown(OUTAGE)
    found = desk.read(read_figures, ALL, ("power_quality", "business"))
    assert (found.sides["model"].type, found.sides["model"].cause) == (Proportion(2, 3), Proportion(1, 3))
    assert found.sides["agent"].found == {"power_quality": Proportion(0, 2), "business": Proportion(1, 1)}
    assert found.follow_through["type"].followed == Proportion(1, 1)
    assert found.follow_through["cause"].followed == Proportion(2, 2)
    assert found.agreement["cause"].observed == Proportion(2, 3)
    assert list(found.agreement_by_readers) == [(NAMES[0], NAMES[1])]
    assert found.naive["type"] == Proportion(1, 1)
