from pipeline.nightly.report.places import Places, PlaceTally

from .conftest import an_entry


def _places(*tickets: tuple[str | None, dict[str, str]]) -> Places:
    tally = PlaceTally()
    for number, (accepted, fields) in enumerate(tickets):
        tally.add(an_entry(str(number), accepted, **fields))
    return tally.result()


def test_remote_mountain_is_told_apart_and_codes_are_not_guessed() -> None:
    kinds = ["城区", "城市", "县城", "农村", "乡镇", "偏远山区", "特殊边远地区", "02", "02", ""]
    places = _places(*((None, {"urban_rural": kind}) for kind in kinds))
    assert places.kinds == {"urban": 3, "rural": 2, "remote": 2, "unknown": 3}
    assert places.strange_kinds == (("02", 2),)
    assert places.of == 10


def test_hours_are_those_of_tickets_that_have_one() -> None:
    times = ["2026-10-01 19:05", "2026-10-02 19:59:59", "2026-10-01 11:00", "2026-10-01", None, "2026-10-01 17:30"]
    places = _places(*((time, {"urban_rural": "农村"}) for time in times))
    assert places.hours[19] == (0, 2, 0)
    assert (places.timed, places.of) == (4, 6)  # a date without a time is read as midnight
    assert places.peaks == (19, 11, 17)


def test_there_are_no_more_peaks_than_hours_with_tickets() -> None:
    assert _places(("2026-10-01 05:00", {})).peaks == (5,)
    assert _places().peaks == ()


def test_units_are_counted_within_their_district_and_by_type() -> None:
    east = {"city": "江城市", "county": "东湖区", "unit": "城关供电所"}
    places = _places(
        (None, east),
        (None, east | {"unit": "城关 供电所"}),  # a blank more is no other unit
        (None, east | {"county": "云山县", "type": "service"}),
        (None, {"city": "江城市"}),
        (None, {}),
    )
    assert [(row.path, row.tickets) for row in places.units.rows] == [
        (("江城市", "东湖区", "城关供电所"), 2), (("江城市", "云山县", "城关供电所"), 1),
    ]  # fmt: skip
    assert (places.units.known, places.units.of) == (3, 5)
    assert [row.tickets for row in places.cities.rows] == [4]
    assert places.units.rows[1].types == {"service": 1}
