from pipeline.nightly.report.agent import AgentTally, ReviewTally
from pipeline.taxonomy import Taxonomy

from .conftest import an_entry


def test_the_agent_differs_by_type_and_by_cause(taxonomy: Taxonomy) -> None:
    tally = AgentTally(taxonomy)
    for number, (kind, cause) in enumerate(
        [
            ("供电质量投诉", "频繁停电"),
            ("供电质量", "电压质量长时间异常"),  # the right type, another cause
            ("停送电投诉", ""),  # only a type
            ("供电质量投诉", "抢修质量"),  # the cause decides: 停送电
            ("别的", "未知"),
            ("", ""),
            ("供电质量投诉", "没有的原因"),
        ]
    ):
        tally.add(an_entry(str(number), agent_type=kind, agent_cause=cause))
    found = tally.result()
    assert (found.of, found.with_type, found.other_type) == (7, 5, 2)
    assert (found.with_cause, found.other_cause, found.unrecognised) == (3, 2, 1)
    assert found.matrix == {("power_quality", "power_quality"): 3, ("outage", "power_quality"): 2}
    assert found.causes == (
        (("repair_quality", "frequent_outage"), 1), (("voltage_abnormal", "frequent_outage"), 1),
    )  # fmt: skip


def test_review_counts_routes_levels_and_reasons() -> None:
    tally = ReviewTally()
    tally.add(an_entry("1"))
    tally.add(an_entry("2", route="review", answer="none", reasons=["low_confidence", "disagrees_with_agent"]))
    found = tally.result()
    assert (found.of, found.review) == (2, 1)
    assert found.answers == {"cause": 1, "none": 1}
    assert found.reasons == {"low_confidence": 1, "disagrees_with_agent": 1}
