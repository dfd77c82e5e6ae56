from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.filters import NO_UNIT, Filter
from pipeline.review.lists import Row, count, rows
from pipeline.store.review import BLIND, SHOWN
from pipeline.taxonomy import Taxonomy

from .filled import NAMES, NOON, Filled

OUTAGE, VOLTAGE, BILL = "frequent_outage", "voltage_abnormal", "bill"
FULL = {
    "q": "停电 三次", "side": "agent", "from_type": "business", "to_type": "outage", "from_cause": BILL,
    "to_cause": OUTAGE, "unit": "城关供电所", "week_from": "2026-W01", "week_to": "2026-W48", "reason": "model_error",
    "reviewer": "3", "kind": "blind", "wrong": "1", "page": "2",
}  # fmt: skip


@pytest.fixture
def desk(database: str) -> Filled:
    return Filled(database)


def listed(desk: Filled, wanted: Filter) -> list[int]:
    """The items that a filter finds, in their own order; their count agrees."""
    found = desk.read(rows, wanted, None, 0)
    assert desk.read(count, wanted) == len(found)
    return sorted(row.item for row in found)


def test_a_full_filter_says_itself_again(taxonomy: Taxonomy) -> None:
    wanted, unknown = Filter.parse(FULL, taxonomy)
    assert unknown == []
    assert None not in [getattr(wanted, name) for name in FULL]
    assert wanted.query() == FULL


def test_nothing_set_is_nothing_said(taxonomy: Taxonomy) -> None:
    wanted, unknown = Filter.parse(dict.fromkeys(FULL, " "), taxonomy)
    assert (wanted, unknown, wanted.query()) == (Filter(), [], {})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("color", "red"), ("side", "neighbour"), ("from_type", "' OR 1=1"), ("to_cause", "停电"), ("week_from", "2026"),
        ("week_to", "2026-W4８"), ("reviewer", "0"), ("reviewer", "9" * 30), ("reviewer", "²"), ("page", "-1"),
        ("page", "1e3"), ("kind", "deaf"), ("wrong", "maybe"), ("reason", "a;b"), ("q", "a\x00b"), ("q", "停" * 201),
        ("unit", "\ud800"),
    ],
)  # fmt: skip
def test_what_says_nothing_sensible_is_told_and_left_out(taxonomy: Taxonomy, key: str, value: str) -> None:
    assert Filter.parse({key: value, "unit_": "x"}, taxonomy) == (Filter(), [key, "unit_"])


@given(values=st.dictionaries(st.sampled_from([*FULL, "x"]), st.text(max_size=30)))
def test_no_address_raises_and_what_was_understood_stays(taxonomy: Taxonomy, values: dict[str, str]) -> None:
    wanted, _ = Filter.parse(values, taxonomy)
    assert Filter.parse(wanted.query(), taxonomy) == (wanted, [])


def test_a_row_holds_everything(desk: Filled) -> None:
    item = desk.item(
        VOLTAGE, BILL, reasons=["label_error", "model_error"], topic="电压", narrative="灯暗", unit="", week="2026-W47"
    )
    decision = desk.decide(
        desk.reading(item, SHOWN), OUTAGE, user=2, second_cause=BILL, rule="第三条", note="看错", decided_at=NOON
    )
    assert decision
    assert desk.read(rows, Filter(), 10, 0) == [
        Row(
            item=item, ticket_id="T1", accepted_at=NOON, unit="", week="2026-W47", topic="电压", narrative="灯暗",
            reasons=("label_error", "model_error"), kind="shown", agent_type="business", agent_cause=BILL,
            model="linear-m", model_type="power_quality", model_cause=VOLTAGE, type_probability=0.9,
            cause_probability=0.8, type="power_quality", cause=OUTAGE, second_cause=BILL, rule="第三条", note="看错",
            reviewer=NAMES[1], decided_at=NOON,
        )
    ]  # fmt: skip


def test_undecided_and_withdrawn_tickets_are_not_there(desk: Filled) -> None:
    desk.reading(desk.item(), SHOWN)
    desk.reading(desk.item(blind=True), BLIND)
    again = desk.reading(desk.item(), SHOWN)
    desk.decide(again, BILL)
    desk.decide(again, None)
    assert listed(desk, Filter()) == []


def test_a_drawn_ticket_is_hidden_while_somebody_has_to_read_it_blind(desk: Filled) -> None:
    item = desk.blind(BILL)
    assert listed(desk, Filter()) == [item]
    second = desk.reading(item, BLIND, 2)
    assert listed(desk, Filter()) == []
    desk.decide(second, OUTAGE, user=2)
    assert listed(desk, Filter()) == [item]
    desk.decide(second, None, user=2)
    assert listed(desk, Filter()) == []
    assert listed(desk, Filter(q="T", reviewer=1, kind="blind", to_cause=BILL)) == []


def test_a_drawn_ticket_is_what_its_first_blind_reading_says(desk: Filled) -> None:
    item = desk.blind(BILL)
    desk.decide(desk.reading(item, BLIND, 2), VOLTAGE, user=2)
    desk.decide(desk.reading(item, SHOWN, 3), OUTAGE, user=3)
    (row,) = desk.read(rows, Filter(), None, 0)
    assert (row.cause, row.reviewer, row.kind) == (BILL, NAMES[0], "blind")


def test_a_drawn_ticket_without_its_first_reading_is_not_there(desk: Filled) -> None:
    item = desk.item(blind=True)
    desk.reading(item, BLIND)
    desk.decide(desk.reading(item, SHOWN, 2), OUTAGE, user=3)
    assert listed(desk, Filter()) == []


def test_a_ticket_of_the_queue_is_what_its_last_reading_says(desk: Filled) -> None:
    item = desk.shown(BILL)
    second = desk.reading(item, SHOWN, 2)
    assert desk.read(rows, Filter(), None, 0) == []  # who reads it again should not find out what the first one said
    desk.decide(second, OUTAGE, user=2)
    desk.decide(second, VOLTAGE, user=2)
    assert [row.cause for row in desk.read(rows, Filter(), None, 0)] == [VOLTAGE]


def test_pages_follow_the_latest_decisions(desk: Filled) -> None:
    items = [desk.shown(BILL) for _ in range(5)]
    pages = [desk.read(rows, Filter(), 2, offset) for offset in (0, 2, 4, 6)]
    assert [[row.item for row in page] for page in pages] == [items[:-3:-1], items[2:0:-1], items[:1], []]


def test_what_was_said_and_what_was_decided(desk: Filled) -> None:
    right = desk.shown(OUTAGE, OUTAGE, agent=OUTAGE)
    near = desk.shown(VOLTAGE, OUTAGE, agent=BILL)
    far = desk.shown(BILL, OUTAGE, agent=None)
    other = desk.shown(BILL, VOLTAGE, agent=BILL)
    for wanted, found in {
        Filter(from_cause=OUTAGE): [right, near, far],
        Filter(from_type="power_quality", to_type="business"): [far, other],
        Filter(side="model", from_cause=VOLTAGE, to_cause=BILL): [other],
        Filter(side="agent", from_cause=BILL): [near, other],
        Filter(side="agent", from_type="business", to_type="power_quality"): [near],
        Filter(wrong=True): [near, far, other],
        Filter(side="agent", wrong=True): [near],
        Filter(to_cause=OUTAGE): [right],
        Filter(to_type="outage"): [],
    }.items():
        assert listed(desk, wanted) == found, wanted


def test_agents_are_wrong_about_a_type_although_their_cause_is_unknown(desk: Filled) -> None:
    item = desk.shown(OUTAGE, agent=None, agent_type="business")
    desk.shown(BILL, agent=None, agent_type="business")
    assert listed(desk, Filter(side="agent", wrong=True)) == [item]


def test_words_are_looked_for_as_they_are(desk: Filled) -> None:
    percent = desk.shown(BILL, narrative="电费涨了 100% 很_贵 ABC")
    other = desk.shown(BILL, narrative="停电 100 次，电费照收")
    for words, found in {
        "100%": [percent], "_贵": [percent], "贵 涨了": [percent], "abc": [percent], "电费": [percent, other],
        "电费 停电": [other], "%": [percent], "t2": [] if other != 2 else [other], "T": [percent, other], "'": [],
        "\\": [], "/": [], "贵 停电": [],
    }.items():  # fmt: skip
        assert listed(desk, Filter(q=words)) == found, words


def test_place_time_reason_and_reviewer(desk: Filled) -> None:
    first = desk.shown(BILL, unit="城南供电所", week="2026-W09", reasons=["label_error", "near_threshold"])
    second = desk.blind(BILL, unit="", week="2026-W10", reasons=["unlike"])
    desk.decide(desk.reading(first, SHOWN, 2), BILL, user=3)
    for wanted, found in {
        Filter(unit="城南供电所"): [first], Filter(unit=NO_UNIT): [second], Filter(unit="城南"): [],
        Filter(week_from="2026-W10"): [second], Filter(week_to="2026-W09"): [first],
        Filter(week_from="2026-W09", week_to="2026-W10"): [first, second], Filter(reason="near_threshold"): [first],
        Filter(reason="threshold"): [], Filter(reviewer=3): [first], Filter(reviewer=2): [],
        Filter(kind="blind"): [second], Filter(kind="shown"): [first], Filter(page=9): [first, second],
    }.items():  # fmt: skip
        assert listed(desk, wanted) == found, wanted


def test_without_the_pair_the_rest_stays(taxonomy: Taxonomy) -> None:
    wanted, _ = Filter.parse(FULL, taxonomy)
    kept = {key: value for key, value in FULL.items() if key in ("q", "unit", "week_from", "week_to", "reason")}
    assert wanted.without_pair().query() == kept | {"reviewer": "3", "kind": "blind", "page": "2"}
    assert replace(wanted, wrong=False).without_pair() == wanted.without_pair()
