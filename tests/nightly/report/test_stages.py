from datetime import datetime

import pytest

from pipeline.nightly.report.stages import LIMITS, Stages, StageTally

from .conftest import an_entry

CLOCK = datetime(2026, 10, 30, 12)  # a Friday
CONTACT, INTERNAL, PUBLIC = LIMITS


def _stages(*tickets: tuple[str | None, dict[str, str]], clock: datetime | None = CLOCK) -> Stages:
    tally = StageTally(clock)
    for number, (accepted, fields) in enumerate(tickets):
        tally.add(an_entry(str(number), accepted, **fields))
    return tally.result()


def test_the_spread_of_a_stage_is_over_the_tickets_that_have_both_times() -> None:
    hours = ("09:00", "10:00", "11:00", "12:00", "13:00")
    found = _stages(
        *(("2026-10-30 08:00", {"contacted_at": f"2026-10-30 {hour}:00"}) for hour in hours),
        ("2026-10-30 08:00", {}),
        ("2026-10-30 08:00", {"contacted_at": "2026-10-30 07:00:00"}),
        (None, {"contacted_at": "2026-10-30 09:00:00"}),
    )
    stage = next(row for row in found.spreads if (row.start, row.end) == ("accepted_at", "contacted_at"))
    assert (stage.n, stage.of, stage.reversed) == (5, 8, 1)
    assert stage.quartiles == (2.0, 3.0, 4.0)
    assert stage.ninetieth == pytest.approx(4.6)
    empty = next(row for row in found.spreads if row.end == "closed_at")
    assert (empty.n, empty.quartiles, empty.ninetieth) == (0, None, None)


def test_tickets_stand_to_the_contact_limit() -> None:
    found = _stages(
        ("2026-10-29 08:00", {"contacted_at": "2026-10-30 08:00:00"}),  # 24 hours to the minute
        ("2026-10-29 08:00", {"contacted_at": "2026-10-30 08:00:01"}),
        ("2026-10-30 06:00", {}),  # 18 hours left
        ("2026-10-29 18:00", {}),  # 6 hours left
        ("2026-10-29 12:00", {}),  # runs out this moment
        ("2026-10-29 11:59", {}),
        (None, {}),
    )
    assert found.standings[0].counts == {
        "in_time": 1, "late": 1, "open": 1, "near": 2, "overdue": 1, "unknown": 1,
    }  # fmt: skip
    assert [(row.ticket_id, row.state, row.limit) for row in found.pressing] == [
        ("4", "near", "contact"), ("3", "near", "contact"), ("5", "overdue", "contact"),
    ]  # fmt: skip
    assert found.pressing[0].deadline == CLOCK


def test_working_days_leave_out_the_day_itself_and_the_weekend() -> None:
    assert INTERNAL.deadline(datetime(2026, 10, 26, 9)) == datetime(2026, 10, 30, 23, 59, 59)  # Monday to Friday
    assert PUBLIC.deadline(datetime(2026, 10, 26, 9)) == datetime(2026, 11, 2, 23, 59, 59)
    assert PUBLIC.deadline(datetime(2026, 10, 31, 9)) == datetime(2026, 11, 6, 23, 59, 59)  # from a Saturday
    assert CONTACT.deadline(datetime(2026, 10, 31, 9)) == datetime(2026, 11, 1, 9)


def test_tickets_stand_to_the_answer_limits() -> None:
    found = _stages(
        ("2026-10-26 09:00", {"closed_at": "2026-10-31 00:00:00"}),  # a day late inside, in time outside
        ("2026-10-26 09:00", {}),  # Friday is the last day inside
    )
    assert found.standings[1].counts["late"] == 1
    assert found.standings[1].counts["near"] == 1
    assert found.standings[2].counts["in_time"] == 1
    assert found.standings[2].counts["open"] == 1
    assert [(row.ticket_id, row.limit) for row in found.pressing] == [("1", "internal")]


def test_without_a_time_in_the_export_nothing_is_overdue() -> None:
    found = _stages(("2026-10-01 08:00", {"dispatched_at": "2026-10-01 08:10:00"}))
    assert [row.counts for row in found.standings] == [None, None, None]
    assert found.pressing == ()


def test_without_a_clock_open_tickets_are_just_open() -> None:
    found = _stages(("2026-10-01 08:00", {}), ("2026-10-01 08:00", {"contacted_at": "2026-10-01 09:00:00"}), clock=None)
    assert found.standings[0].counts["open"] == 1
    assert found.pressing == ()


def test_the_longest_overdue_make_room_where_there_are_too_many() -> None:
    many = [(f"2026-10-{1 + number // 60:02d} 08:{number % 60:02d}", {}) for number in range(600)]
    found = _stages(*many, ("2026-10-01 08:00", {"contacted_at": "2026-10-01 09:00:00"}))
    assert found.standings[0].counts["overdue"] == 600
    assert len(found.pressing) == 500
    assert found.pressing[0].deadline == datetime(2026, 10, 3, 8, 40)
