"""How colleagues decided in such a case."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.review.nearest import Nearest
from pipeline.store.review import SHOWN

from .filled import Filled

LIKE = "客户反映村里电压低，空调启动不了，晚上灯光昏暗"


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    made = Filled(f"sqlite:///{tmp_path}/desk.db")
    yield made
    made.engine.dispose()


def test_the_nearest_come_first_with_what_was_decided(filled: Filled) -> None:
    low = filled.shown("voltage_abnormal", narrative="村里电压低，晚上空调启动不了")
    filled.shown("bill", narrative="客户对上月电费有异议，要求核对抄表数")
    dim = filled.shown("voltage_abnormal", narrative="晚上灯光昏暗，电压不足")
    nearest = Nearest()
    found = filled.read(nearest.to, LIKE, 999)
    assert [near.ticket.item_id for near in found][:2] == [low, dim]
    assert found[0].ticket.cause == "voltage_abnormal"
    assert found[0].similarity > found[1].similarity > 0


def test_nothing_reviewed_is_near_nothing(filled: Filled) -> None:
    filled.item(narrative=LIKE)
    assert filled.read(Nearest().to, LIKE, 999) == []


def test_a_ticket_is_not_its_own_neighbour_and_blind_ones_are_nobodys(filled: Filled) -> None:
    own = filled.shown("voltage_abnormal", narrative=LIKE)
    filled.blind("voltage_abnormal", narrative=LIKE)
    assert filled.read(Nearest().to, LIKE, own) == []


def test_it_grows_and_forgets_with_the_decisions(filled: Filled) -> None:
    nearest = Nearest()
    item = filled.item(narrative=LIKE)
    reading = filled.reading(item, SHOWN)
    filled.decide(reading, "bill")
    assert [near.ticket.cause for near in filled.read(nearest.to, LIKE, 999)] == ["bill"]
    filled.decide(reading, None)
    assert filled.read(nearest.to, LIKE, 999) == []
    filled.decide(reading, "voltage_abnormal")
    assert [near.ticket.cause for near in filled.read(nearest.to, LIKE, 999)] == ["voltage_abnormal"]
    another = filled.shown("frequent_outage", narrative=LIKE + "。")
    assert another in {near.ticket.item_id for near in filled.read(nearest.to, LIKE, 999)}


def test_only_so_many_are_shown(filled: Filled) -> None:
    for number in range(6):
        filled.shown("voltage_abnormal", narrative=f"{LIKE}{number}")
    assert len(filled.read(Nearest().to, LIKE, 999)) == 3
