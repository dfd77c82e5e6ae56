from datetime import datetime
from functools import partial

import pytest
import sqlalchemy as sa

from pipeline.errors import StoreError
from pipeline.nightly.report.entries import Selection, find_run, last_accepted, newest_closed, read_causes, read_entries

from .conftest import Nights, a_ticket


def _read(nights: Nights, selection: Selection, **named: object) -> list[tuple[str, str]]:
    return sorted(
        nights.read(lambda connection: [(e.ticket_id, e.cause) for e in read_entries(connection, selection, **named)])
    )


def test_a_ticket_counts_once_by_its_newest_prediction(any_nights: Nights) -> None:
    any_nights.add([a_ticket("1", cause="bill"), a_ticket("2", cause="bill")])
    second = any_nights.add([a_ticket("1", cause="tariff", content_sha256="changed")])
    any_nights.add([a_ticket("1", cause="meter_test", content_sha256="changed again")])
    assert _read(any_nights, Selection()) == [("1", "meter_test"), ("2", "bill")]
    # As it was when the second run ended.
    assert _read(any_nights, Selection(second)) == [("1", "tariff"), ("2", "bill")]
    assert _read(any_nights, Selection(second), run_id=second) == [("1", "tariff")]


def test_within_one_run_the_row_further_down_is_the_newer_one(any_nights: Nights) -> None:
    run_id = any_nights.add(
        [
            a_ticket("1", source="b.csv", row=2, cause="tariff", content_sha256="x"),
            a_ticket("1", source="a.csv", row=9, cause="bill", content_sha256="y"),
            a_ticket("2", source="t", row=0, cause="bill", content_sha256="x"),
            a_ticket("2", source="t", row=0, cause="tariff", content_sha256="y"),  # a table has no row numbers
        ]
    )
    assert _read(any_nights, Selection(run_id), run_id=run_id) == [("1", "tariff"), ("2", "tariff")]


def test_another_model_or_taxonomy_answers_for_itself(any_nights: Nights) -> None:
    any_nights.add([a_ticket("1", cause="bill")])
    any_nights.add([a_ticket("1", cause="tariff")], model="m2")
    any_nights.add([a_ticket("1", cause="meter_test", taxonomy_version="2027.1")])
    assert _read(any_nights, Selection(None, ("m1", "2026.11"))) == [("1", "bill")]
    assert _read(any_nights, Selection(None, ("m2", "2026.11"))) == [("1", "tariff")]
    assert _read(any_nights, Selection()) == [("1", "meter_test")]


def test_what_the_model_did_not_answer_counts_as_others_answered_it(any_nights: Nights) -> None:
    any_nights.add([a_ticket("1", cause="bill"), a_ticket("2", cause="bill")])
    any_nights.add([a_ticket("1", cause="tariff"), a_ticket("3", cause="tariff")], model="m2")
    mine = Selection(None, ("m1", "2026.11"), others=True)
    assert _read(any_nights, mine) == [("1", "bill"), ("2", "bill"), ("3", "tariff")]


def test_the_end_of_a_stretch_of_time_is_not_part_of_it(any_nights: Nights) -> None:
    any_nights.add(
        [
            a_ticket("1", "2026-10-01 00:00"),
            a_ticket("2", "2026-10-31 23:59:59"),
            a_ticket("3", "2026-11-01"),
            a_ticket("4", None),
        ]
    )
    start, end = datetime(2026, 10, 1), datetime(2026, 11, 1)
    assert [ticket_id for ticket_id, _ in _read(any_nights, Selection(), start=start, end=end)] == ["1", "2"]
    found = any_nights.read(lambda connection: sorted(read_causes(connection, Selection(), start, end)))
    assert found == [
        (datetime(2026, 10, 1), "frequent_outage"),
        (datetime(2026, 10, 31, 23, 59, 59), "frequent_outage"),
    ]


def test_a_narrative_is_read_only_where_words_tell_the_direction(any_nights: Nights) -> None:
    any_nights.add([a_ticket("1", narrative="停电"), a_ticket("2", narrative="电压低", cause="voltage_abnormal")])
    found = any_nights.read(
        lambda connection: [(e.ticket_id, e.narrative) for e in read_entries(connection, Selection())]
    )
    assert sorted(found) == [("1", None), ("2", "电压低")]


def test_an_acceptance_after_the_run_is_no_date(any_nights: Nights) -> None:
    run_id = any_nights.add(
        [a_ticket("1", "2062-10-31 08:00"), a_ticket("2", "2026-11-01 23:00")], started="2026-11-02 02:00"
    )
    run = any_nights.read(find_run, run_id)
    assert run.local_start == datetime(2026, 11, 2, 2)
    assert any_nights.read(last_accepted, run) == datetime(2026, 11, 1, 23)
    latest = datetime(2026, 11, 3)
    found = any_nights.read(
        lambda connection: {e.ticket_id: e.accepted_at for e in read_entries(connection, Selection(), latest=latest)}
    )
    assert found == {"1": None, "2": datetime(2026, 11, 1, 23)}


def test_the_newest_closed_run_is_that_of_a_purpose_and_a_model(nights: Nights) -> None:
    night = nights.add([a_ticket("1")])
    replay = nights.add(purpose="replay")
    other = nights.add(model="m2")
    nights.add(status="running")
    assert nights.read(newest_closed).id == other
    assert nights.read(partial(newest_closed, model_digest="m1")).id == replay
    assert nights.read(partial(newest_closed, purpose="night", model_digest="m1")).id == night
    with pytest.raises(StoreError, match="no closed run of model m3") as caught:
        nights.read(partial(newest_closed, model_digest="m3"))
    assert caught.value.code == "no_run"


def test_a_run_that_is_not_there_is_a_clear_error(nights: Nights) -> None:
    with pytest.raises(StoreError, match="no run 7") as caught:
        nights.read(find_run, 7)
    assert caught.value.code == "run_missing"


def test_nothing_is_sorted_to_find_the_newest(nights: Nights) -> None:
    """A sort would hold all tickets at once."""
    nights.add([a_ticket("1")])
    statements: list[tuple[str, object]] = []
    sa.event.listen(nights.engine, "before_cursor_execute", lambda *event: statements.append((event[2], event[3])))
    _read(nights, Selection(1, ("m1", "2026.11")), run_id=1)
    statement, parameters = statements[-1]
    with nights.engine.connect() as connection:
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
    assert "TEMP B-TREE" not in plan
    assert "(ticket_id=?)" in plan
