import pytest

from pipeline.nightly.report.voltage import Direction, VoltageTally, direction

from .conftest import an_entry


@pytest.mark.parametrize(
    ("narrative", "expected"),
    [
        ("电压长期偏低，灯光昏暗", "under"),
        ("电压只有170伏，远低于标准电压220伏", "under"),
        ("高峰用电时，只有150v左右，最低才120v", "under"),
        ("每晚电压仅一百六十余伏", "under"),
        ("空调启动不了，村里都这样", "under"),
        ("电压突然增高，电视都烧了", "over"),
        ("实测247至258伏", "over"),
        ("夜间进线电压达到二百五十伏", "over"),
        ("客户反映过电压，烧坏机顶盒", "over"),
        ("电压忽高忽低，冒到260伏", "unsaid"),
        ("在170到250伏之间反复", "unsaid"),
        ("电压不稳，灯光忽明忽暗", "unsaid"),
        ("变压器容量630千伏安，高压线靠近房屋", "unsaid"),
        ("三相电压380V，缺相", "unsaid"),
        ("额定220V，实测198伏", "unsaid"),  # what is allowed begins there
        ("测得235伏", "unsaid"),
        ("测得236伏", "over"),
        ("能不能让这电压高点", "unsaid"),
        ("", "unsaid"),
    ],
)
def test_words_and_figures_tell_the_direction(narrative: str, expected: str) -> None:
    assert direction(narrative) == expected


def test_customers_are_counted_apart_from_tickets() -> None:
    tally = VoltageTally()
    for number, (customer, narrative) in enumerate(
        [("a", "电压低"), ("a", "电压低"), ("b", "电压低"), (None, "电压低"), ("a", "过电压"), ("c", "电压不稳")]
    ):
        tally.add(an_entry(str(number), cause="voltage_abnormal", customer=customer, narrative=narrative))
    tally.add(an_entry("9", cause="bill", customer="z", narrative="电压低"))
    assert tally.result() == (Direction("over", 1, 1, 0), Direction("under", 4, 2, 1), Direction("unsaid", 1, 1, 0))
