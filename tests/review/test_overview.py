import pytest

from pipeline.review.filters import Filter
from pipeline.review.lists import count
from pipeline.review.overview import CausePair, Group, by_unit, by_week, confusion, differing_causes
from pipeline.review.statistics import Proportion
from pipeline.store.review import BLIND

from .filled import Filled

OUTAGE, VOLTAGE, BILL = "frequent_outage", "voltage_abnormal", "bill"
TYPES = ("business", "power_quality")
NORTH, SOUTH = "城北供电所", "城南供电所"


@pytest.fixture
def desk(database: str) -> Filled:
    return Filled(database)


@pytest.fixture
def full(desk: Filled) -> Filled:
    """Two tickets of the north, three of the south, one of nowhere; two of them in another week."""
    desk.shown(OUTAGE, OUTAGE, agent=BILL, unit=NORTH)
    desk.shown(VOLTAGE, OUTAGE, agent=VOLTAGE, unit=NORTH)
    desk.shown(BILL, OUTAGE, unit=SOUTH)
    desk.shown(VOLTAGE, OUTAGE, agent=None, agent_type="business", unit=SOUTH, week="2026-W49")
    desk.blind(BILL, BILL, agent=BILL, unit=SOUTH)
    desk.shown(BILL, VOLTAGE, unit="", week="2026-W49")
    desk.reading(desk.item(blind=True, unit=NORTH), BLIND)
    return desk


def test_nothing_reviewed(desk: Filled) -> None:
    found = desk.read(confusion, Filter(), "model", TYPES)
    assert (found.counts, found.reviewed, found.wrong) == (((0, 0), (0, 0)), 0, Proportion(0, 0))
    assert desk.read(differing_causes, Filter(), "agent", 5) == desk.read(by_unit, Filter(), "model") == []


def test_confusion_of_the_model(full: Filled) -> None:
    found = full.read(confusion, Filter(), "model", TYPES)
    assert found.types == TYPES
    assert found.counts == ((1, 0), (2, 3))
    assert (found.reviewed, found.compared, found.wrong) == (6, 6, Proportion(2, 6))


def test_confusion_of_the_agents_says_how_many_said_nothing(full: Filled) -> None:
    found = full.read(confusion, Filter(), "agent", TYPES)
    assert found.counts == ((1, 2), (0, 1))
    assert (found.reviewed, found.compared, found.wrong) == (6, 4, Proportion(2, 4))


def test_a_cell_of_the_confusion_is_what_the_list_finds(full: Filled) -> None:
    for side in ("model", "agent"):
        found = full.read(confusion, Filter(), side, TYPES)
        for row, before in enumerate(TYPES):
            for column, after in enumerate(TYPES):
                wanted = Filter(side=side, from_type=before, to_type=after)
                assert full.read(count, wanted) == found.counts[row][column]


def test_types_of_a_former_tree_come_last(desk: Filled) -> None:
    desk.shown("bygone", OUTAGE)
    found = desk.read(confusion, Filter(), "model", ("power_quality",))
    assert found.types == ("power_quality", "out_of_scope")
    assert found.counts == ((0, 1), (0, 0))


def test_causes_that_are_mixed_up(full: Filled) -> None:
    assert full.read(differing_causes, Filter(), "model", 5) == [
        CausePair(OUTAGE, VOLTAGE, Proportion(2, 4)),
        CausePair(OUTAGE, BILL, Proportion(1, 4)),
        CausePair(VOLTAGE, BILL, Proportion(1, 1)),
    ]
    assert len(full.read(differing_causes, Filter(), "model", 1)) == 1
    assert full.read(differing_causes, Filter(), "agent", 5) == [CausePair(BILL, OUTAGE, Proportion(1, 2))]


def test_units_with_their_denominators(full: Filled) -> None:
    assert full.read(by_unit, Filter(), "model") == [
        Group(SOUTH, 3, Proportion(1, 3), Proportion(2, 3)),
        Group(NORTH, 2, Proportion(0, 2), Proportion(1, 2)),
        Group("", 1, Proportion(1, 1), Proportion(1, 1)),
    ]
    assert full.read(by_unit, Filter(), "agent") == [
        Group(SOUTH, 3, Proportion(1, 2), Proportion(0, 1)),
        Group(NORTH, 2, Proportion(1, 2), Proportion(1, 2)),
        Group("", 1, Proportion(0, 0), Proportion(0, 0)),
    ]


def test_weeks_in_their_order(full: Filled) -> None:
    assert [(week.name, week.reviewed) for week in full.read(by_week, Filter(), "model")] == [
        ("2026-W48", 4),
        ("2026-W49", 2),
    ]


def test_filters_hold_but_for_the_pair(full: Filled) -> None:
    south = Filter(unit=SOUTH, side="agent", from_type="business", to_cause=BILL, wrong=True, page=3)
    assert full.read(confusion, south, "model", TYPES).counts == ((1, 0), (1, 1))
    assert [week.reviewed for week in full.read(by_week, south, "model")] == [2, 1]
    assert [unit.name for unit in full.read(by_unit, Filter(kind="blind"), "model")] == [SOUTH]
