from pipeline.nightly.report.mix import Mix, MixTally
from pipeline.taxonomy import Taxonomy

from .conftest import an_entry


def _mix(taxonomy: Taxonomy, *tickets: tuple[str, dict[str, str]]) -> Mix:
    tally = MixTally(taxonomy)
    for number, (cause, values) in enumerate(tickets):
        tally.add(an_entry(str(number), cause=cause, type=taxonomy.cause(cause).type_id, **values))
    return tally.result()


def test_types_and_causes_are_counted_with_review_and_what_did_not_hold(taxonomy: Taxonomy) -> None:
    mix = _mix(
        taxonomy,
        ("frequent_outage", {}),
        ("frequent_outage", {"substantiated": " 不属实", "route": "review"}),
        ("bill", {"substantiated": "属实"}),
        ("enquiry", {"route": "review"}),
    )
    assert (mix.tickets, mix.complaints) == (4, 3)
    counted = {group.key: (group.tickets, group.review, group.unsubstantiated) for group in mix.types}
    assert counted == {
        "service": (0, 0, 0), "business": (1, 0, 0), "outage": (0, 0, 0), "power_quality": (2, 1, 1),
        "grid_construction": (0, 0, 0), "out_of_scope": (1, 1, 0),
    }  # fmt: skip
    assert [(group.key, group.parent, group.tickets) for group in mix.causes] == [
        ("frequent_outage", "power_quality", 2), ("bill", "business", 1), ("enquiry", "out_of_scope", 1),
    ]  # fmt: skip


def test_every_complaint_has_one_indicator_and_at_most_one_theme(taxonomy: Taxonomy) -> None:
    mix = _mix(taxonomy, *((cause.id, {}) for cause in taxonomy.causes))
    complaints = [cause for cause in taxonomy.causes if cause.type_id != "out_of_scope"]
    assert mix.complaints == len(complaints)
    assert sum(group.tickets for group in mix.indicators) == len(complaints)
    assert sum(group.tickets for group in mix.themes) == len(complaints)
    assert len(mix.indicators) == 8
    assert {group.key: group.tickets for group in mix.themes}[""] == sum(cause.theme is None for cause in complaints)
    stability = next(group for group in mix.indicators if group.key == "supply_stability")
    assert stability.tickets == len(taxonomy.causes_by_indicator("supply_stability"))


def test_misconduct_is_the_staff_but_not_repair_or_construction_crews(taxonomy: Taxonomy) -> None:
    causes = (
        "hall_staff_attitude",
        "other_staff_conduct",
        "repair_staff_attitude",
        "works_staff_conduct",
        "hall_operation",
    )
    mix = _mix(taxonomy, *((cause, {}) for cause in causes), ("voltage_abnormal", {}), ("frequency_abnormal", {}))
    assert (mix.misconduct, mix.voltage, mix.frequent_outage) == (2, 1, 0)


def test_a_cause_of_an_older_taxonomy_is_counted_under_its_id(taxonomy: Taxonomy) -> None:
    tally = MixTally(taxonomy)
    tally.add(an_entry(cause="gone", type="service"))
    mix = tally.result()
    assert [(group.name, group.tickets) for group in mix.causes] == [("gone", 1)]
    assert mix.complaints == 1
    assert sum(group.tickets for group in mix.indicators) == 0


def test_no_ticket_makes_no_mix(taxonomy: Taxonomy) -> None:
    mix = MixTally(taxonomy).result()
    assert (mix.tickets, mix.complaints, mix.causes) == (0, 0, ())
