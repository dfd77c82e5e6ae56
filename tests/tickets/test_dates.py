"""Dates and times in the spellings of exports."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tickets.dates import parse_time

MOMENTS = st.datetimes(datetime.fromisoformat("1955-01-01"), datetime.fromisoformat("2089-12-31")).map(
    lambda moment: moment.replace(microsecond=0)
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-02 08:30:15", "2026-11-02 08:30:15"),
        ("2026-11-02 08:30", "2026-11-02 08:30:00"),
        ("2026-11-02", "2026-11-02 00:00:00"),
        ("2026/11/2 8:30", "2026-11-02 08:30:00"),
        ("2026/11/2", "2026-11-02 00:00:00"),
        ("2026.11.02 08:30:15", "2026-11-02 08:30:15"),
        ("2026-1-2 3:04:05", "2026-01-02 03:04:05"),
        ("2026-11-02T08:30:15", "2026-11-02 08:30:15"),
        ("2026-11-02 08:30:15.0", "2026-11-02 08:30:15"),
        ("2026-11-02 08:30:15.123456", "2026-11-02 08:30:15"),
        ("2026-11-02 08：30：15", "2026-11-02 08:30:15"),
        ("2026-11-02  08:30:15", "2026-11-02 08:30:15"),
        ("\t2026-11-02 08:30:15\n", "2026-11-02 08:30:15"),
        ("2026年11月2日", "2026-11-02 00:00:00"),
        ("2026年11月2日8时", "2026-11-02 08:00:00"),
        ("2026年11月2日8时30分", "2026-11-02 08:30:00"),
        ("2026年11月02日 08时30分15秒", "2026-11-02 08:30:15"),
        ("2026年11月2日 8点30分", "2026-11-02 08:30:00"),
        ("2026 年 11 月 2 日", "2026-11-02 00:00:00"),
        ("2026年11月02日 08:30:15", "2026-11-02 08:30:15"),
        ("20261102", "2026-11-02 00:00:00"),
        ("202611020830", "2026-11-02 08:30:00"),
        ("20261102083015", "2026-11-02 08:30:15"),
        ("20261102 083015", "2026-11-02 08:30:15"),
        ("20261102 08:30:15", "2026-11-02 08:30:15"),
        ("2024-02-29", "2024-02-29 00:00:00"),
        ("46328", "2026-11-02 00:00:00"),
        ("46328.5", "2026-11-02 12:00:00"),
        ("46328.354166666664", "2026-11-02 08:30:00"),
        ("46328.3333333333", "2026-11-02 08:00:00"),
        ("46328.9999999999", "2026-11-03 00:00:00"),
    ],
)
def test_a_date_is_understood_in_every_spelling_of_exports(written: str, expected: str) -> None:
    assert parse_time(written) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("empty", [None, "", "   ", "\t\n", "\u3000"])
def test_an_empty_cell_is_no_time_and_no_fault(empty: object) -> None:
    assert parse_time(empty) is None


@pytest.mark.parametrize(
    "written",
    [
        "昨晚",
        "2026-13-02",
        "2026-02-29",
        "2026-11-31 08:30",
        "2026-11-02 25:00",
        "2026-11-02 08:61",
        "2026-11-02 08:30:15 停电",
        "约2026-11-02",
        "2026-11",
        "11-02 08:30",
        "0000-00-00",
        "20261302",
        "2026110",
        "12345",
        "123456",
        "1762045815",
        "8:30",
        "NULL",
        "-",
        "２０２６年",
        "3026-11-02 08:30",
        "-46328",
    ],
)
def test_what_is_not_empty_and_no_date_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-02T08:30:15+08:00", "2026-11-02 08:30:15"),
        ("2026-11-02 08:30:15 +0800", "2026-11-02 08:30:15"),
        ("2026-11-02T00:30:15Z", "2026-11-02 08:30:15"),
        ("2026-11-01T20:30:15-04:00", "2026-11-02 08:30:15"),
        ("2026-11-02T00:30:15.000Z", "2026-11-02 08:30:15"),
        ("2026-11-01T16:30Z", "2026-11-02 00:30:00"),
    ],
)
def test_a_time_with_a_zone_becomes_beijing_time(written: str, expected: str) -> None:
    assert parse_time(written) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (None, "2026-11-02 08:30:15"),
        (timezone(timedelta(hours=8)), "2026-11-02 08:30:15"),
        (UTC, "2026-11-02 16:30:15"),
    ],
)
def test_a_cell_that_is_a_datetime_becomes_beijing_time_without_a_zone(zone: timezone | None, expected: str) -> None:
    assert parse_time(datetime.fromisoformat("2026-11-02 08:30:15").replace(tzinfo=zone)) == datetime.fromisoformat(
        expected
    )


def test_a_moment_that_is_beyond_the_calendar_in_beijing_is_refused() -> None:
    with pytest.raises(ValueError, match="no date"):
        parse_time(datetime(9999, 12, 31, 23, tzinfo=UTC))


def test_a_cell_that_is_a_date_is_the_start_of_that_day() -> None:
    assert parse_time(date(2026, 11, 2)) == datetime.fromisoformat("2026-11-02 00:00:00")


@given(
    MOMENTS,
    st.sampled_from(
        [
            "{0:%Y}-{0:%m}-{0:%d} {0:%H}:{0:%M}:{0:%S}",
            "{0.year}/{0.month}/{0.day} {0.hour}:{0:%M}:{0:%S}",
            "{0.year}.{0.month}.{0.day} {0.hour}:{0.minute}:{0.second}",
            "{0.year}年{0.month}月{0.day}日{0.hour}时{0.minute}分{0.second}秒",
            "{0:%Y%m%d%H%M%S}",
            "{0:%Y%m%d %H:%M:%S}",
            "{0:%Y-%m-%dT%H:%M:%S}",
            "{0:%Y-%m-%dT%H:%M:%S}.999+08:00",
        ],
    ),
)
def test_every_moment_survives_every_spelling(moment: datetime, spelling: str) -> None:
    assert parse_time(spelling.format(moment)) == moment


@given(MOMENTS)
def test_every_moment_survives_as_a_spreadsheets_serial_number_of_fifteen_digits(moment: datetime) -> None:
    days = (moment - datetime.fromisoformat("1899-12-30")) / timedelta(days=1)
    assert parse_time(f"{days:.10f}") == moment
