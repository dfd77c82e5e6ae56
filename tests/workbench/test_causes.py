"""A taxonomy file with one more cause, and the tickets that call for it."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

import pipeline
from pipeline.classify.model import Model
from pipeline.errors import TaxonomyError
from pipeline.settings import ROOT
from pipeline.taxonomy import DEFAULT_PATH, Taxonomy

_NEW = {"definition": "对需求响应不满", "cues": ["需求响应", "虚拟电厂"]}


def test_the_last_cause_of_a_group_is_the_new_one_and_all_else_stays(taxonomy: Taxonomy, tmp_path: Path) -> None:
    added = pipeline.add_cause("response", "需求响应", below="tariff_bill", output=tmp_path / "tree.yaml", **_NEW)
    assert set(added.cause_ids) - set(taxonomy.cause_ids) == {"response"}
    assert [it for it in added.cause_ids if it != "response"] == list(taxonomy.cause_ids)
    new = added.cause("response")
    assert (new.type_id, new.level2_id, new.cues) == ("business", "tariff_bill", ("需求响应", "虚拟电厂"))
    group = [cause.id for cause in added.causes if cause.level2_id == "tariff_bill"]
    assert group[-1] == "response"
    assert added.version == f"{taxonomy.version}+response"
    before, after = (path.read_text(encoding="utf-8").splitlines() for path in (DEFAULT_PATH, tmp_path / "tree.yaml"))
    assert [line for line in after if "response" not in line] == [
        line for line in before if not line.startswith("version:")
    ]  # comments too


@pytest.mark.parametrize(
    "below",
    [
        group["id"]
        for kind in yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8"))["types"]
        for group in kind["level2"]
    ],
)
def test_every_group_can_take_one(below: str, tmp_path: Path) -> None:
    added = pipeline.add_cause("response", "需求响应", below=below, output=tmp_path / "tree.yaml", **_NEW)
    assert added.cause("response").level2_id == below


def test_a_type_without_groups_and_causes_in_blocks_can_take_one(small_tree: Path, tmp_path: Path) -> None:
    tree = pipeline.add_cause("new", "新", below="power", output=tmp_path / "a.yaml", taxonomy=small_tree, **_NEW)
    assert tree.cause_ids == ("dark", "weak", "new", "rude", "slow")
    block = tmp_path / "block.yaml"
    content = yaml.safe_load(small_tree.read_text(encoding="utf-8"))
    block.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    for below, at in (("power", 2), ("people", 4)):
        tree = pipeline.add_cause("new", "新", below=below, output=tmp_path / "b.yaml", taxonomy=block, **_NEW)
        assert tree.cause_ids[at] == "new"
        assert len(tree.cause_ids) == 5


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"below": "nowhere"}, "nowhere"),
        ({"cause_id": "bill"}, "bill"),
        ({"name": "电费"}, "电费"),
        ({"cause_id": "Bad id"}, "lower-case"),
    ],
)
def test_what_cannot_be_added_is_named(change: dict[str, str], fault: str, tmp_path: Path) -> None:
    told = {"cause_id": "response", "name": "需求响应", "below": "tariff_bill"} | change
    with pytest.raises(TaxonomyError, match=fault):
        pipeline.add_cause(output=tmp_path / "tree.yaml", **told, **_NEW)


def test_a_model_of_the_former_tree_answers_in_the_new_one_and_never_the_new_cause(
    small_model: Path, small_tree: Path, tmp_path: Path
) -> None:
    pipeline.add_cause("new", "新", below="power", output=tmp_path / "tree.yaml", taxonomy=small_tree, **_NEW)
    model = pipeline.load_model(small_model, tmp_path / "tree.yaml")
    chances = model.predict_proba(["村里停电三次"])
    assert chances.shape == (1, 5)
    assert chances[0, model.taxonomy.cause_ids.index("new")] == 0


def test_tickets_unlike_anything_known_are_grouped(tree_model: Path) -> None:
    model = Model.load(tree_model)
    rows = pipeline.load_corpus()[::4]
    usual = pd.DataFrame({"ticket_id": [row.id for row in rows[:300]], "narrative": [row.text for row in rows[:300]]})
    new = pipeline.read_tickets(ROOT / "notebooks" / "demand-response.csv")[["ticket_id", "narrative"]]
    found = pipeline.unlike_tickets(pipeline.answer(model, pd.concat([usual, new], ignore_index=True)), rows[300:])
    assert found.groups["tickets"].is_monotonic_decreasing
    assert found.frame["ticket_id"].isin(new["ticket_id"]).mean() > 0.8
    assert found.frame["ticket_id"].isin(new["ticket_id"]).sum() >= 20
    assert any("响应" in words or "虚拟" in words for words in found.groups["words"])


def test_few_tickets_are_no_group(tree_model: Path) -> None:
    tickets = pd.DataFrame({"ticket_id": ["1"], "narrative": ["停电"]})
    found = pipeline.unlike_tickets(pipeline.answer(Model.load(tree_model), tickets), pipeline.load_corpus()[:20])
    assert found.frame.empty
    assert found.groups.columns.tolist() == ["group", "tickets", "words"]
