"""The queue under hands: nobody gets what another has, and a decision is kept once or not at all."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from pipeline.errors import StoreError
from pipeline.review import audit
from pipeline.review.access import Role, User
from pipeline.review.desk import Desk, Given, RefusedError, Verdict
from pipeline.store.database import Pool
from pipeline.store.review import BLIND, SHOWN, WAITING, decisions, readings
from pipeline.taxonomy import Taxonomy

from .filled import RETRY, Filled

ANN, BOB, EVE = (
    User(number, name, Role.REVIEWER, must_change=False) for number, name in ((1, "a"), (2, "b"), (3, "c"))
)
LEASE = timedelta(minutes=20)
_nonces = itertools.count()


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 29, 8)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def filled(database: str) -> Iterator[Filled]:
    made = Filled(database)
    yield made
    made.engine.dispose()


@pytest.fixture
def pool(database: str, filled: Filled) -> Iterator[Pool]:
    made = Pool(database, RETRY)
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(pool: Pool, taxonomy: Taxonomy, clock: Clock) -> Desk:
    return Desk(pool, taxonomy, LEASE, clock)


def a_verdict(cause: str = "frequent_outage", **changes: str | None) -> Verdict:
    values = {"second_cause": None, "rule": "", "note": "", "nonce": f"n{next(_nonces)}"} | changes
    return Verdict(cause=cause, **values)  # type: ignore[arg-type]


def number(given: Given | None) -> int | None:
    return given.reading_id if given else None


def a_reading(filled: Filled, kind: str = SHOWN, **values: object) -> int:
    return filled.reading(filled.item(blind=kind == BLIND, **values), kind)


def standing(filled: Filled) -> list[sa.Row]:
    with filled.engine.connect() as connection:
        return connection.execute(sa.select(decisions).order_by(decisions.c.id)).all()


def test_a_ticket_that_somebody_has_is_given_to_nobody_else(desk: Desk, filled: Filled) -> None:
    first, second = a_reading(filled), a_reading(filled)
    taken = desk.take(ANN)
    assert taken is not None
    other = desk.take(BOB)
    assert other is not None
    assert {taken.reading_id, other.reading_id} == {first, second}
    assert desk.take(EVE) is None
    assert desk.take(ANN) == taken  # until she decides, it is hers


def test_a_lease_that_ran_out_gives_the_ticket_to_the_next(desk: Desk, filled: Filled, clock: Clock) -> None:
    reading = a_reading(filled)
    desk.take(ANN)
    clock.time += LEASE + timedelta(seconds=1)
    assert number(desk.take(BOB)) == reading
    with pytest.raises(RefusedError, match=r"desk\.refused\.gone"):
        desk.decide(ANN, reading, a_verdict())
    assert standing(filled) == []
    desk.decide(BOB, reading, a_verdict())
    assert [row.user_id for row in standing(filled)] == [BOB.id]


def test_a_decision_has_a_birth_certificate(desk: Desk, filled: Filled, clock: Clock) -> None:
    item = filled.item("frequent_outage", "bill")
    reading = filled.reading(item, SHOWN)
    desk.take(ANN)
    clock.time += timedelta(seconds=42)
    saved = desk.decide(
        ANN,
        reading,
        a_verdict("voltage_abnormal", second_cause="bill", rule="第一条", note="客户电话13800138000 说灯暗"),
    )
    (row,) = standing(filled)
    assert row._asdict() == {
        "id": saved.id, "reading_id": reading, "item_id": item, "user_id": 1, "decided_at": clock.time,
        "seconds": 42.0, "kind": "shown", "action": "correct", "agent_type": "business", "agent_cause": "bill",
        "model": "linear-m", "model_type": "power_quality", "model_cause": "frequent_outage", "type": "power_quality",
        "cause": "voltage_abnormal", "second_cause": "bill", "rule": "第一条", "note": "客户电话<电话> 说灯暗",
        "supersedes": None, "nonce": row.nonce,
    }  # fmt: skip
    entry = desk.pool.read(lambda connection: audit.entries(connection, limit=1))[0]
    assert (entry.action, entry.user, entry.detail) == ("decision", "a", {"decision": saved.id, "kind": "correct"})


def test_a_decision_that_is_sent_twice_is_kept_once(desk: Desk, filled: Filled) -> None:
    reading = a_reading(filled)
    desk.take(ANN)
    verdict = a_verdict()
    assert desk.decide(ANN, reading, verdict) == desk.decide(ANN, reading, verdict)
    assert len(standing(filled)) == 1
    with pytest.raises(RefusedError):
        desk.decide(BOB, reading, verdict)  # nobody else can claim it


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        (a_verdict("no_such_cause"), "cause"),
        (a_verdict(""), "cause"),
        (a_verdict("bill", second_cause="bill", rule="r", note="n"), "second"),
        (a_verdict("bill", second_cause="nothing", rule="r", note="n"), "cause"),
        (a_verdict("bill", rule="r", note=" "), "reason"),
        (a_verdict("bill", rule="", note="n"), "reason"),
    ],
)
def test_what_is_incomplete_is_refused_and_the_ticket_stays(
    desk: Desk, filled: Filled, verdict: Verdict, why: str
) -> None:
    reading = a_reading(filled)
    desk.take(ANN)
    with pytest.raises(RefusedError) as refused:
        desk.decide(ANN, reading, verdict)
    assert refused.value.key == f"desk.refused.{why}"
    assert standing(filled) == []
    assert number(desk.take(ANN)) == reading


def test_read_blind_no_clause_is_asked_for(desk: Desk, filled: Filled) -> None:
    reading = a_reading(filled, BLIND)
    desk.take(ANN)
    assert desk.decide(ANN, reading, a_verdict("bill")).kind == BLIND


def test_undo_withdraws_and_gives_the_ticket_back(desk: Desk, filled: Filled) -> None:
    reading, other = a_reading(filled), a_reading(filled)
    desk.take(ANN)
    first = desk.decide(ANN, reading, a_verdict())
    assert number(desk.take(ANN)) == other
    assert number(desk.undo(ANN)) == reading
    assert number(desk.take(BOB)) == other  # what she had is free for others
    second = desk.decide(ANN, reading, a_verdict("bill", rule="r", note="n"))
    chain = [(row.action, row.supersedes, row.cause) for row in standing(filled)]
    withdrawn = standing(filled)[1].id
    assert chain == [
        ("confirm", None, "frequent_outage"), ("withdraw", first.id, None), ("correct", withdrawn, "bill"),
    ]  # fmt: skip
    assert second.id == standing(filled)[2].id
    actions = [entry.action for entry in desk.pool.read(lambda connection: audit.entries(connection, limit=9))]
    assert actions == ["decision", "decision_withdrawn", "decision"]


def test_there_is_nothing_to_undo_of_others(desk: Desk, filled: Filled) -> None:
    reading = a_reading(filled)
    desk.take(ANN)
    desk.decide(ANN, reading, a_verdict())
    assert desk.undo(BOB) is None
    assert len(standing(filled)) == 1


def test_a_skipped_ticket_goes_to_others_and_comes_back_later(desk: Desk, filled: Filled, clock: Clock) -> None:
    reading = a_reading(filled)
    desk.take(ANN)
    desk.skip(ANN, reading)
    assert desk.take(ANN) is None
    assert desk.left(ANN) == 0
    assert number(desk.take(BOB)) == reading
    desk.skip(BOB, reading)
    desk.skip(BOB, reading)  # a key pressed twice
    clock.time += LEASE + timedelta(seconds=1)
    assert desk.left(ANN) == 1
    assert desk.take(ANN) is not None


def test_a_second_reading_waits_for_the_first_and_is_another_persons(desk: Desk, filled: Filled) -> None:
    item = filled.item(blind=True)
    first, second = filled.reading(item, BLIND), filled.reading(item, SHOWN, 2)
    with filled.engine.begin() as connection:
        connection.execute(readings.update().where(readings.c.id == second).values(status=WAITING))
    taken = desk.take(ANN)
    assert taken is not None
    assert (taken.reading_id, taken.kind) == (first, BLIND)
    assert desk.take(BOB) is None
    desk.decide(ANN, first, a_verdict())
    assert desk.take(ANN) is None  # never the same ticket twice
    taken = desk.take(BOB)
    assert taken is not None
    assert (taken.reading_id, taken.kind) == (second, SHOWN)


def test_new_nights_come_first_and_within_a_night_the_order_of_the_queue(desk: Desk, filled: Filled) -> None:
    places = {}
    for run, position in ((1, 0.1), (2, 0.9), (2, 0.2)):
        made = places[run, position] = a_reading(filled)
        with filled.engine.begin() as connection:
            moved = readings.update().where(readings.c.id == made)
            connection.execute(moved.values(run_id=run, position=position))
    order = []
    while (taken := desk.take(ANN)) is not None:
        desk.decide(ANN, taken.reading_id, a_verdict())
        order.append(taken.reading_id)
    assert order == [places[2, 0.2], places[2, 0.9], places[1, 0.1]]


def test_who_asks_at_the_same_time_gets_different_tickets(desk: Desk, filled: Filled) -> None:
    for _ in range(30):
        a_reading(filled)
    people = [User(number, str(number), Role.REVIEWER, must_change=False) for number in range(1, 4)]

    def work(person: User) -> list[int]:
        done = []
        for _ in range(10):
            taken = desk.take(person)
            assert taken is not None
            desk.decide(person, taken.reading_id, a_verdict())
            done.append(taken.reading_id)
        return done

    with ThreadPoolExecutor(len(people)) as threads:
        found = list(itertools.chain.from_iterable(threads.map(work, people)))
    assert sorted(found) == sorted(set(found))
    assert len(standing(filled)) == 30
    assert desk.pool.read(audit.verify) is None


def test_decisions_can_be_neither_changed_nor_removed(desk: Desk, filled: Filled) -> None:
    reading = a_reading(filled)
    desk.take(ANN)
    desk.decide(ANN, reading, a_verdict())
    for statement in (decisions.update().values(cause="bill"), decisions.delete()):
        with pytest.raises(StoreError, match="append-only"):
            desk.pool.write(lambda connection, statement=statement: connection.execute(statement))
    assert [row.cause for row in standing(filled)] == ["frequent_outage"]
