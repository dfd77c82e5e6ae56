from datetime import date

from pipeline.nightly.report.areas import find_repeats, windows

from .conftest import an_entry

OUTAGE = {"type": "outage", "cause": "outage_notice_missing"}
BILL = {"type": "business", "cause": "bill"}


def _area(name: str = "1号公变", **values: str) -> dict[str, str]:
    return {"transformer_area": name, "unit": "城关供电所"} | values


def test_windows_end_on_the_last_day() -> None:
    over = windows(date(2026, 10, 31))
    assert (over.recent, over.month, over.month_before, over.outages) == (
        date(2026, 10, 1), date(2026, 10, 1), date(2026, 9, 1), date(2026, 9, 1),
    )  # fmt: skip
    over = windows(date(2026, 11, 15))
    assert (over.recent, over.month_before, over.outages, over.first) == (
        date(2026, 10, 16), date(2026, 10, 1), date(2026, 9, 16), date(2026, 9, 16),
    )  # fmt: skip
    assert windows(date(2026, 11, 15), whole_month=True).recent == date(2026, 11, 1)


def test_several_complainants_are_customers_not_tickets() -> None:
    found = find_repeats(
        [
            an_entry("1", customer="a", **_area()),
            an_entry("2", customer="b", **_area()),
            an_entry("3", customer="c", **_area("2号公变")),
            an_entry("4", customer="c", **_area("2号公变")),
            an_entry("5", customer="d", **_area("3号公变")),
            an_entry("6", customer=None, **_area("3号公变")),  # may be d again
            an_entry("7", customer="a", **_area(unit="青溪供电所")),  # another 1号公变
            an_entry("8", customer="e"),
            an_entry("9", customer="f", **_area(), type="out_of_scope", cause="enquiry"),
            an_entry("10", "2026-09-30 08:00", customer="g", **_area("3号公变")),
            an_entry("11", None, customer="h", **_area("3号公变")),
        ],
        windows(date(2026, 10, 31)),
    )
    assert [(row.name, row.customers, row.tickets) for row in found.several] == [("1号公变", 2, 2)]
    assert (found.tickets, found.with_area, found.with_customer, found.both_known) == (8, 7, 7, 6)
    assert (found.areas, found.customers) == (4, 5)


def test_two_months_in_a_row() -> None:
    found = find_repeats(
        [
            an_entry("1", "2026-10-05 08:00", **_area(), **BILL),
            an_entry("2", "2026-09-01 00:00", **_area(), **BILL),
            an_entry("3", "2026-10-05 08:00", **_area("2号公变"), **BILL),
            an_entry("4", "2026-08-31 23:59", **_area("2号公变"), **BILL),
            an_entry("5", "2026-09-10 08:00", **_area("3号公变"), **BILL),
        ],
        windows(date(2026, 10, 5)),
    )
    assert [(row.name, row.this_month, row.month_before) for row in found.both_months] == [("1号公变", 1, 1)]
    assert found.two_month_areas == 3


def test_the_rule_of_three_counts_days_with_tickets_of_outages() -> None:
    days = ("2026-09-02 08:00", "2026-09-20 08:00", "2026-10-31 23:00")
    found = find_repeats(
        [
            *(an_entry(f"a{day}", day, **_area()) for day in days),
            *(an_entry(f"b{day}", day, **_area("2号公变"), **OUTAGE) for day in days[1:]),
            an_entry("b3", "2026-09-20 21:00", **_area("2号公变")),  # the same day again
            an_entry("b4", "2026-10-01 21:00", **_area("2号公变"), **BILL),  # tells of no outage
            an_entry("b5", "2026-08-31 23:59", **_area("2号公变")),  # before the two months
            an_entry("c1", days[0], **_area("3号公变")),
        ],
        windows(date(2026, 10, 31)),
    )
    assert [(row.name, len(row.outage_days)) for row in found.over] == [("1号公变", 3)]
    assert [(row.name, row.outage_days) for row in found.near] == [("2号公变", (date(2026, 9, 20), date(2026, 10, 31)))]
    assert found.outage_areas == 3


def test_repeat_callers_and_how_often_for_the_same_cause() -> None:
    found = find_repeats(
        [
            an_entry("3", "2026-10-20 08:00", customer="a", **BILL),
            an_entry("1", "2026-10-02 08:00", customer="a"),
            an_entry("2", "2026-10-09 08:00", customer="a"),
            an_entry("4", "2026-09-30 08:00", customer="b"),  # more than a month ago
            an_entry("5", "2026-10-09 08:00", customer="b"),
            an_entry("6", customer=None),
            an_entry("7", customer=None),
        ],
        windows(date(2026, 10, 31)),
    )
    assert len(found.callers) == 1
    caller = found.callers[0]
    assert (caller.tickets, caller.same_cause, caller.causes) == (("1", "2", "3"), 2, ("frequent_outage", "bill"))
    assert caller.last == date(2026, 10, 20)
    assert (found.customers, found.with_customer, found.tickets) == (2, 4, 6)
