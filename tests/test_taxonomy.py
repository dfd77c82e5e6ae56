from datetime import date
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


def test_the_types_of_the_shipped_tree_and_how_many_causes_each_has(taxonomy: Taxonomy) -> None:
    assert [(kind.name, len(taxonomy.causes_of(kind.id))) for kind in taxonomy.types] == [
        ("服务投诉", 16), ("营业投诉", 15), ("停送电投诉", 8), ("供电质量投诉", 3), ("电网建设投诉", 5), ("非投诉", 7),
    ]  # fmt: skip
    assert [cause.id for kind in taxonomy.types for cause in taxonomy.causes_of(kind.id)] == list(taxonomy.cause_ids)
    assert taxonomy.causes_of("nothing") == ()


def test_every_node_of_the_shipped_tree_is_found_by_each_of_its_names(taxonomy: Taxonomy) -> None:
    for cause in taxonomy.causes:
        for name in (
            cause.id,
            cause.id.upper(),
            cause.name,
            f"\u3000{cause.name[:2]} {cause.name[2:]}",
            *cause.aliases,
        ):
            assert taxonomy.find_cause(name) is cause
    for kind in taxonomy.types:
        for name in (kind.id, kind.name, kind.name.removesuffix("投诉")):
            assert (taxonomy.find_type(name) is kind) is bool(name)
    assert taxonomy.find_cause("服务投诉") is taxonomy.find_type("电费") is None
    with pytest.raises(KeyError):
        taxonomy.type("bill")


def test_every_department_and_every_cross_walk_of_the_shipped_tree_leads_somewhere(taxonomy: Taxonomy) -> None:
    assert {cause.department for cause in taxonomy.causes} | {kind.owner for kind in taxonomy.types} <= set(
        taxonomy.departments
    )
    by_indicator = [cause for name in taxonomy.gallup_indicators for cause in taxonomy.causes_by_indicator(name)]
    assert sorted(cause.id for cause in by_indicator) == sorted(taxonomy.cause_ids)
    by_theme = [cause for name in taxonomy.service_themes for cause in taxonomy.causes_by_theme(name)]
    assert sorted(cause.id for cause in by_theme) == sorted(cause.id for cause in taxonomy.causes if cause.theme)
    assert taxonomy.customer_needs == {
        "access": "用上电",
        "quality": "用好电",
        "pay": "好交费",
        "communicate": "易沟通",
    }
    assert [cause.id for cause in taxonomy.causes if cause.boundary] == ["arrears_cutoff_reconnect"]
    assert [cause.id for cause in taxonomy.causes if cause.rare] == ["value_added_service", "frequency_abnormal"]


def test_boundary_rules_are_found_for_where_they_lead_and_for_what_they_forbid(taxonomy: Taxonomy) -> None:
    leading = {rule.to for rule in taxonomy.rules_for("frequent_outage")}
    forbidding = {rule.to for rule in taxonomy.rules_for("outage_unjustified")}
    assert leading == forbidding == {("frequent_outage",)}
    assert [rule.unless != "" for rule in taxonomy.rules_for("voltage_abnormal")] == [False, True]
    assert taxonomy.rules_for("praise") == ()
    for rule in taxonomy.boundary_rules:
        assert all(taxonomy.cause(target).type_id != rule.never for target in rule.to)


def test_causes_directly_under_a_type_and_causes_in_groups_are_one_tree(tmp_path: Path, small_tree: Path) -> None:
    flat = Taxonomy.load(small_tree)
    assert flat.cause_ids == ("dark", "weak", "rude", "slow")
    assert [(cause.level2_id, cause.level2_name) for cause in flat.causes_of("power")] == [("power", "电")] * 2
    assert flat.type_probabilities(np.array([[0.1, 0.2, 0.3, 0.4]])) == pytest.approx(np.array([[0.3, 0.7]]))
    found, kind = flat.find_cause("没 电"), flat.find_type("人")
    assert (found, kind) == (flat.cause("dark"), flat.type("people"))
    assert flat.cause("weak").cues == ("电压", "灯暗", "带不动")
    mixed = GOOD.replace("  causes:\n", "  level2: [{id: b1, zh: 乙一, level3: [{id: w, zh: 里}]}]\n  causes:\n")
    assert _problems(tmp_path, mixed) == []
    tree = Taxonomy.load(tmp_path / "tree.yaml")
    assert [(cause.id, cause.level2_id, cause.level2_name) for cause in tree.causes_of("b")] == [
        ("w", "b1", "乙一"),
        ("z", "b", "乙投诉"),
    ]
    assert tree.sha256 != flat.sha256


def test_one_value_may_stand_for_a_list_of_one(tmp_path: Path) -> None:
    content = GOOD.replace("gallup: [payment]", "gallup: payment, cues: 停电").replace("alias: [某甲]", "alias: 某甲")
    assert _problems(tmp_path, content.replace("to: [x]", "to: x")) == []
    tree = Taxonomy.load(tmp_path / "tree.yaml")
    cause = tree.cause("x")
    assert (cause.gallup, cause.cues, cause.aliases) == (("payment",), ("停电",), ("某甲",))
    assert tree.boundary_rules[0].to == ("x",)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("to: [x]", "to: [a]", (20, "unknown_reference")),  # a type is no cause
        ("to: [x]", "to: [a1]", (20, "unknown_reference")),
        ("not: b", "not: x", (20, "unknown_reference")),
        ("to: [x]", "to: [[x]]", (20, "unknown_reference")),
        ("zh: 另外", "zh: 另外, alias: [X]", (14, "duplicate_name")),  # the id of another, whatever the case
        ("zh: 另外", "zh: 某 某", (14, "duplicate_name")),
        ("zh: 乙投诉", "zh: 甲投诉", (15, "duplicate_name")),
        ("id: a1", "id: [a1]", (10, "bad_id")),
        ("id: a1", "id: A1", (10, "bad_id")),
        ("id: z,", "", (18, "bad_id")),
        ("zh: 甲一", "zh: ' '", (10, "missing_name")),
        ("owner: hall", "owned: hall", (6, "unknown_key")),
        ("zh: 甲一", "zh: 甲一\n    level4: []", (10, "unknown_key")),
        ("when: 说得清", "when: 说得清, who: 谁", (20, "unknown_key")),
        ("    level3:", "    level3: []\n  causes:", (10, "no_causes")),
        ("  level2:", "  level2: none\n  causes:", (6, "bad_shape")),
        ("departments: {hall: 营业厅}", "departments: [hall]", (1, "bad_shape")),
        ("boundary_rules:", "boundary_rules:\n- 说得清", (1, "bad_shape")),
        ("types:", "kinds:", (1, "no_types")),
        ("{id: z, zh: 其它}", "{id: z, zh: 其它", (19, "not_yaml")),
        ("zh: 另外", "zh: 另\x01外", (0, "not_yaml")),  # a character no YAML file may hold has no line
    ],
)
def test_a_file_of_another_shape_is_a_problem_and_no_accident(
    tmp_path: Path, old: str, new: str, found: tuple[int, str]
) -> None:
    assert old in GOOD
    assert found in _problems(tmp_path, GOOD.replace(old, new, 1))


def test_problems_come_in_the_order_of_the_lines_and_say_what_to_do(tmp_path: Path) -> None:
    content = GOOD.replace("not: b", "not: c").replace("owner: hall", "owner: hell").replace("zh: 另外", "zh: 某甲")
    path = tmp_path / "tree.yaml"
    path.write_text(content, encoding="utf-8")
    assert [str(problem) for problem in check(path)] == [
        f"{path}:6: unknown_reference: owner 'hell' of 'a' is not in `departments`",
        f"{path}:14: duplicate_name: name '某甲' already names 'x' (line 13)",
        f"{path}:20: unknown_reference: boundary rule excludes 'c', which is no type",
    ]
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy.load(path)
    assert caught.value.code == "taxonomy_invalid"
    assert caught.value.message.splitlines() == [str(problem) for problem in check(path)]


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tree.yaml"
    path.write_bytes(GOOD.encode("gb18030"))
    assert [(problem.line, problem.code) for problem in check(path)] == [(0, "unreadable")]


def test_what_a_node_says_of_itself_is_read_and_what_it_does_not_say_is_empty(tmp_path: Path) -> None:
    said = "definition: 甲义, rule: 七日, evidence: doc, boundary: true, boundary_note: 界, rare: true, scenes: [场]"
    content = GOOD.replace("zh: 某某,", f"zh: 某某, {said},").replace("owner: hall", "owner: hall\n  definition: 类义")
    assert _problems(tmp_path, content.replace("not: b}", "not: b, unless: 除非, note: 注}")) == []
    tree = Taxonomy.load(tmp_path / "tree.yaml")
    full, bare = tree.cause("x"), tree.cause("y")
    assert (full.definition, full.rule, full.evidence, full.boundary_note) == ("甲义", "七日", "doc", "界")
    assert (full.boundary, full.rare, full.scenes) == (True, True, ("场",))
    assert (bare.definition, bare.rule, bare.evidence, bare.boundary_note) == ("", "", "", "")
    assert (bare.boundary, bare.rare, bare.scenes, bare.department, bare.theme) == (False, False, (), None, None)
    assert [(kind.definition, kind.owner) for kind in tree.types] == [("类义", "hall"), ("", None)]
    assert [(rule.unless, rule.note) for rule in tree.boundary_rules] == [("除非", "注")]


HISTORY = (
    GOOD
    + """\
retired:
- {id: v, zh: 旧甲, type: a, valid_to: 2027-01-01}
- {id: w, zh: 旧乙, type: a, valid_to: 2027-07-01}
- {id: u, zh: 旧丙, type: b, valid_to: 2027-07-01}
- {id: t, zh: 弃用, type: b, valid_to: 2026-12-01}
changes:
- {on: 2027-01-01, rename: {from: v, to: w}}
- {on: 2027-07-01, merge: {from: [w, x], to: x}}
- {on: 2027-07-01, split: {from: u, to: [y, z]}}
"""
)


def test_the_history_of_a_tree_is_read_and_former_names_are_found(tmp_path: Path) -> None:
    assert _problems(tmp_path, HISTORY.replace("zh: 另外", "zh: 另外, valid_from: 2027-07-01")) == []
    tree = Taxonomy.load(tmp_path / "tree.yaml")
    assert (tree.cause("y").valid_from, tree.cause("y").valid_to) == (date(2027, 7, 1), None)
    assert [(former.id, former.valid_to.month) for former in tree.retired] == [("v", 1), ("w", 7), ("u", 7), ("t", 12)]
    assert [tree.lineage.successor(cause) for cause in ("v", "w", "x", "u", "t")] == ["x", "x", "x", None, None]
    for name in ("v", "旧甲", "w", " 旧 乙"):
        assert tree.find_cause(name) is tree.cause("x")
    assert tree.find_cause("旧丙") is tree.find_cause("u") is tree.find_cause("t") is None
    assert [tree.name_of(cause) for cause in ("x", "u", "v", "never")] == ["某某", "原“旧丙”", "原“旧甲”", "never"]
    former = tree.find_retired("旧丙")
    assert former is not None
    assert former.id == "u"
    assert tree.find_retired("某某") is None


def test_a_present_cause_that_is_called_like_a_former_one_is_the_one_that_is_found(tmp_path: Path) -> None:
    assert _problems(tmp_path, HISTORY.replace("zh: 另外", "zh: 旧甲")) == []
    tree = Taxonomy.load(tmp_path / "tree.yaml")
    assert tree.find_cause("旧甲") is tree.cause("y")
    assert tree.find_retired("旧甲") is None


def test_the_shipped_tree_has_not_changed_yet(taxonomy: Taxonomy) -> None:
    assert (taxonomy.version, taxonomy.retired, taxonomy.changes) == ("2026.11", (), ())
    assert all(cause.valid_from is cause.valid_to is None for cause in taxonomy.causes)


@pytest.mark.parametrize(
    ("old", "new", "line", "code"),
    [
        ("{id: w, zh: 旧乙, type: a, valid_to: 2027-07-01}", "{id: k, zh: 旧乙, type: a, valid_to: 2027-07-01}", 27,
         "unknown_reference"),  # w goes, and nobody knows what it was called
        ("{from: v, to: w}", "{from: v, to: q}", 27, "unknown_reference"),
        ("{from: v, to: w}", "{from: v, to: t}", 27, "unknown_reference"),  # t is retired without a change
        ("zh: 旧甲, type: a", "zh: 旧甲, type: x", 22, "unknown_reference"),
        ("{id: t, zh: 弃用", "{id: y, zh: 弃用", 25, "former_stands"),
        ("{id: t, zh: 弃用", "{id: u, zh: 弃用", 25, "duplicate_id"),
        ("{from: u, to: [y, z]}", "{from: z, to: [y, x]}", 29, "former_stands"),
        ("{from: u, to: [y, z]}", "{from: u, to: [y, v]}", 29, "cycle"),
        ("{from: u, to: [y, z]}", "{from: w, to: [y, z]}", 29, "cycle"),
        ("{from: v, to: w}", "{from: v, to: v}", 27, "cycle"),
        ("{from: u, to: [y, z]}", "{from: u, to: [y]}", 29, "few_parts"),
        ("{from: u, to: [y, z]}", "{from: u, to: [y, y]}", 29, "bad_shape"),
        ("{from: u, to: [y, z]}", "{from: [u, t], to: [y, z]}", 29, "bad_shape"),
        ("{from: [w, x], to: x}", "{from: [x], to: x}", 28, "few_parts"),
        ("{from: [w, x], to: x}", "{from: [w], to: [x, y]}", 28, "bad_shape"),
        ("{from: v, to: w}", "{from: [v, t], to: w}", 27, "bad_shape"),
        ("rename: {from: v, to: w}", "renamed: {from: v, to: w}", 27, "bad_shape"),
        ("rename: {from: v, to: w}", "rename: v", 27, "bad_shape"),
        ("{from: v, to: w}", "{from: v, into: w}", 27, "unknown_key"),
        ("on: 2027-01-01, rename", "on: 2027-08-01, rename", 28, "bad_dates"),  # no order of time any more
        ("on: 2027-01-01, rename", "on: 2026-12-31, rename", 27, "bad_dates"),  # retired says otherwise
        ("on: 2027-01-01, rename", "on: soon, rename", 27, "bad_dates"),
        ("on: 2027-01-01, rename", "rename", 27, "bad_dates"),
        ("type: b, valid_to: 2026-12-01", "type: b", 25, "bad_dates"),
        ("zh: 另外", "zh: 另外, valid_from: 2027-08-01", 29, "bad_dates"),
        ("zh: 另外", "zh: 另外, valid_to: 2027-07-01", 29, "bad_dates"),
        ("zh: 另外", "zh: 另外, valid_from: 2027-01-02, valid_to: 2027-01-02", 14, "bad_dates"),
        ("zh: 另外", "zh: 另外, valid_from: 2027", 14, "bad_dates"),
        ("zh: 弃用", "name: 弃用", 25, "missing_name"),
        ("id: y,", "id: [y],", 14, "bad_id"),
    ],
)  # fmt: skip
def test_every_fault_of_a_history_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, code: str
) -> None:
    assert old in HISTORY
    assert (line, code) in _problems(tmp_path, HISTORY.replace(old, new, 1))
