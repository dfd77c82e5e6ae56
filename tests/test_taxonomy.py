from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.errors import TaxonomyError
from pipeline.settings import CONFIGS, ROOT
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy, check

SHARED = ROOT.parent / "shared" / "taxonomy.yaml"

GOOD = """\
version: "1"
gallup_indicators: {payment: 用电缴费}
service_themes: {pay: 交费}
departments: {hall: 营业厅}
types:
- id: a
  zh: 甲投诉
  owner: hall
  level2:
  - id: a1
    zh: 甲一
    level3:
    - {id: x, zh: 某某, department: hall, gallup: [payment], theme: pay, alias: [某甲]}
    - {id: y, zh: 另外}
- id: b
  zh: 乙投诉
  causes:
  - {id: z, zh: 其它}
boundary_rules:
- {when: 说得清, to: [x], not: b}
"""


def test_the_shipped_tree_has_six_types_and_fifty_four_causes(taxonomy: Taxonomy) -> None:
    assert taxonomy.type_ids == ("service", "business", "outage", "power_quality", "grid_construction", OUT_OF_SCOPE)
    assert len(taxonomy.causes) == len(set(taxonomy.cause_ids)) == 54
    assert len(taxonomy.boundary_rules) == 16
    assert (len(taxonomy.gallup_indicators), len(taxonomy.service_themes)) == (8, 4)
    assert all(cause.gallup for cause in taxonomy.causes)


@pytest.mark.skipif(not SHARED.is_file(), reason="the agreed tree is not in this checkout")
def test_the_ids_of_the_tree_are_the_agreed_ones() -> None:
    def ids(path: Path) -> list[str]:
        types = yaml.safe_load(path.read_text(encoding="utf-8"))["types"]
        groups = [group for kind in types for group in kind["level2"]]
        return [node["id"] for node in (*types, *groups, *(cause for group in groups for cause in group["level3"]))]

    assert ids(CONFIGS / "taxonomy.yaml") == ids(SHARED)


def test_types_and_causes_are_found_by_id_chinese_name_and_alias(taxonomy: Taxonomy) -> None:
    for name in ("meter_rotation", "轮换户表改造", "户表轮换改造", " 轮换 户表改造"):
        found = taxonomy.find_cause(name)
        assert found is not None
        assert found.id == "meter_rotation"
    for name in ("power_quality", "供电质量投诉", "供电质量"):
        kind = taxonomy.find_type(name)
        assert kind is not None
        assert kind.id == "power_quality"
    assert taxonomy.find_cause("频繁停水") is taxonomy.find_type("") is None
    assert taxonomy.cause("bill").level2_name == "电价电费"
    with pytest.raises(KeyError):
        taxonomy.cause("nothing")


def test_types_are_the_sums_of_their_causes(taxonomy: Taxonomy) -> None:
    chances = np.random.default_rng(1).dirichlet(np.ones(54), size=7)
    sums = taxonomy.type_probabilities(chances)
    assert sums.shape == (7, 6)
    for column, kind in enumerate(taxonomy.type_ids):
        below = [index for index, cause in enumerate(taxonomy.causes) if cause.type_id == kind]
        assert sums[:, column] == pytest.approx(chances[:, below].sum(axis=1))
    assert taxonomy.membership.sum(axis=1).tolist() == [1.0] * 54


def test_rules_departments_and_cross_walks_can_be_looked_up(taxonomy: Taxonomy) -> None:
    assert "service" in [rule.never for rule in taxonomy.rules_for("repair_staff_attitude")]
    assert "service" in {rule.never for rule in taxonomy.rules_for("hall_staff_attitude")}
    assert taxonomy.departments[taxonomy.cause("repair_overdue").department or ""].endswith("配电抢修班")
    assert "frequent_outage" in [cause.id for cause in taxonomy.causes_by_indicator("supply_stability")]
    assert "bill" in [cause.id for cause in taxonomy.causes_by_theme("pay_reconnect")]
    indicators = [len(taxonomy.causes_by_indicator(name)) for name in taxonomy.gallup_indicators]
    assert sum(indicators) == 54
    assert "两个月内3次" in taxonomy.cause("frequent_outage").rule


def _problems(tmp_path: Path, content: str) -> list[tuple[int, str]]:
    path = tmp_path / "tree.yaml"
    path.write_text(content, encoding="utf-8")
    found = check(path)
    if found:
        with pytest.raises(TaxonomyError, match=r"tree\.yaml"):
            Taxonomy.load(path)
    assert all(problem.file == str(path) for problem in found)
    return [(problem.line, problem.code) for problem in found]


def test_a_tree_of_another_making_works_the_same(tmp_path: Path, small_tree: Path) -> None:
    assert _problems(tmp_path, GOOD) == []
    tree = Taxonomy.load(tmp_path / "tree.yaml")
    assert (tree.type_ids, tree.cause_ids) == (("a", "b"), ("x", "y", "z"))
    assert tree.membership.tolist() == [[1, 0], [1, 0], [0, 1]]
    assert [cause.level2_id for cause in tree.causes] == ["a1", "a1", "b"]
    other = Taxonomy.load(small_tree)
    assert (other.type_ids, len(other.causes_of("people"))) == (("power", "people"), 2)
    assert other.boundary_rules == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "code"),
    [
        ("{id: y,", "{id: x,", 14, "duplicate_id"),
        ("id: b\n", "id: a1\n", 15, "duplicate_id"),
        ("zh: 另外", "zh: ''", 14, "missing_name"),
        ("  zh: 乙投诉\n", "", 15, "missing_name"),
        ("when: 说得清, ", "", 20, "missing_name"),
        ("owner: hall", "owner: hell", 6, "unknown_reference"),
        ("department: hall", "department: hell", 13, "unknown_reference"),
        ("gallup: [payment]", "gallup: [payments]", 13, "unknown_reference"),
        ("theme: pay", "theme: play", 13, "unknown_reference"),
        ("to: [x]", "to: [xx]", 20, "unknown_reference"),
        ("not: b", "not: c", 20, "unknown_reference"),
        ("zh: 另外", "zh: 某甲", 14, "duplicate_name"),
        ("{id: y, zh: 另外}", "{id: y, zh: 另外, ques: [停电]}", 14, "unknown_key"),
        ("id: y", "id: Ü y", 14, "bad_id"),
        ('version: "1"\n', "", 1, "no_version"),
        ("  causes:\n  - {id: z, zh: 其它}\n", "", 15, "no_causes"),
        ("- {id: y, zh: 另外}", "- 另外", 10, "bad_shape"),
        ("- id: a\n", "- id: [a\n", 7, "not_yaml"),
    ],
)  # fmt: skip
def test_every_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, code: str) -> None:
    assert old in GOOD
    assert (line, code) in _problems(tmp_path, GOOD.replace(old, new, 1))


def test_a_file_that_is_missing_or_no_mapping_is_told(tmp_path: Path) -> None:
    assert [problem.code for problem in check(tmp_path / "none.yaml")] == ["unreadable"]
    assert _problems(tmp_path, "- a\n- b\n") == [(1, "not_yaml")]
    assert _problems(tmp_path, "version: '1'\n") == [(1, "no_types")]
