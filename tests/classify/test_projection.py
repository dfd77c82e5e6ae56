"""A model in service while the tree changes under it."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.explain import explain
from pipeline.classify.model import Model
from pipeline.classify.neighbours import Neighbours
from pipeline.corpus import load_labelled
from pipeline.errors import ModelError
from pipeline.taxonomy import Taxonomy
from pipeline.train.evaluate import evaluate

TEXTS = ["昨晚停电三次一直没电", "电压太低灯暗得很", "工作人员态度恶劣骂人", "报装两个月迟迟不办", "没见过的说法", ""]
DARK = "  - {id: dark, zh: 没电, cues: [停电, 跳闸, 没电]}\n"
WEAK = "  - {id: weak, zh: 电压低, cues: [电压, 灯暗, 带不动]}\n"
RETIRED_DARK = "- {id: dark, zh: 没电, type: power, valid_to: 2027-01-01}\n"
RETIRED_WEAK = "- {id: weak, zh: 电压低, type: power, valid_to: 2027-01-01}\n"
MERGED = "- {on: 2027-01-01, merge: {from: [dark, weak], to: supply}}\n"

Change = Callable[..., Taxonomy]


@pytest.fixture
def changed(small_tree: Path, tmp_path: Path) -> Change:
    """Make the second edition of the small tree: replace lines, and tell what happened."""

    def make(lines: dict[str, str], retired: str = "", changes: str = "") -> Taxonomy:
        text = small_tree.read_text(encoding="utf-8").replace('version: "1"', 'version: "2"')
        for old, new in lines.items():
            assert old in text
            text = text.replace(old, new)
        text += (f"retired:\n{retired}" if retired else "") + (f"changes:\n{changes}" if changes else "")
        (tmp_path / "tree.yaml").write_text(text, encoding="utf-8")
        return Taxonomy.load(tmp_path / "tree.yaml")

    return make


@pytest.fixture
def merged(changed: Change) -> Taxonomy:
    return changed({DARK: "", WEAK: "  - {id: supply, zh: 供电差}\n"}, RETIRED_DARK + RETIRED_WEAK, MERGED)


@pytest.fixture
def before(small_model: Path, small_tree: Path) -> Model:
    return Model.load(small_model, Taxonomy.load(small_tree))


def test_merged_causes_score_the_sum_and_nothing_else_moves(
    small_model: Path, before: Model, merged: Taxonomy, settings: ScoreSettings
) -> None:
    after = Model.load(small_model, merged)
    assert (after.digest, after.name, after.blind_to) == (before.digest, before.name, ())
    assert after.manifest.thresholds == before.manifest.thresholds
    old, new = before.predict_proba(TEXTS), after.predict_proba(TEXTS)
    assert merged.cause_ids == ("supply", "rude", "slow")
    assert np.abs(new[:, 0] - old[:, :2].sum(axis=1)).max() < 1e-12
    assert np.abs(new[:, 1:] - old[:, 2:]).max() < 1e-12
    of_types = before.taxonomy.type_probabilities(old)
    assert np.abs(merged.type_probabilities(new) - of_types).max() < 1e-12
    answers = after.answer(TEXTS, settings)
    assert [answer.type for answer in answers] == [answer.type for answer in before.answer(TEXTS, settings)]
    assert answers[0].cause == "supply"


def test_explaining_comparing_and_measuring_work_through_the_sums(
    small_model: Path, small_corpus: Path, before: Model, merged: Taxonomy, tmp_path: Path
) -> None:
    after = Model.load(small_model, merged)
    explained = explain(after, TEXTS[0])
    assert (explained.type.label, explained.cause.label) == ("power", "supply")
    rows = load_labelled(small_corpus, merged)  # labels of former causes are read as what they became
    assert {row.cause for row in rows} == {"supply", "rude", "slow"}
    assert Neighbours.load(after, rows, tmp_path).nearest(TEXTS[0])[0].row.cause == "supply"
    figures = evaluate(after, rows)
    assert figures.type_accuracy == evaluate(before, load_labelled(small_corpus, before.taxonomy)).type_accuracy
    assert figures.cause_accuracy > 0.9


def test_a_renamed_cause_below_another_type_takes_its_probability_along(
    small_model: Path, before: Model, changed: Change
) -> None:
    tree = changed(
        {WEAK: "", "zh: 办事慢, cues: [报装, 迟迟, 排队]}\n": "zh: 办事慢}\n  - {id: voltage, zh: 电压}\n"},
        RETIRED_WEAK,
        "- {on: 2027-01-01, rename: {from: weak, to: voltage}}\n",
    )
    new, old = Model.load(small_model, tree).predict_proba(TEXTS), before.predict_proba(TEXTS)
    assert tree.cause_ids == ("dark", "rude", "slow", "voltage")
    assert np.abs(new - old[:, [0, 2, 3, 1]]).max() < 1e-12
    assert np.abs(tree.type_probabilities(new)[:, 0] - old[:, 0]).max() < 1e-12


def test_a_chain_of_a_rename_and_a_merge_is_followed(small_model: Path, before: Model, changed: Change) -> None:
    retired = RETIRED_DARK + "- {id: outage, zh: 停电, type: power, valid_to: 2028-01-01}\n"
    tree = changed(
        {DARK: ""},
        retired,
        "- {on: 2027-01-01, rename: {from: dark, to: outage}}\n- {on: 2028-01-01, merge: {from: [outage], to: weak}}\n",
    )
    new, old = Model.load(small_model, tree).predict_proba(TEXTS), before.predict_proba(TEXTS)
    assert np.abs(new[:, 0] - old[:, :2].sum(axis=1)).max() < 1e-12


def test_a_new_cause_is_never_answered_and_that_is_said(
    small_model: Path, before: Model, changed: Change, caplog: pytest.LogCaptureFixture, settings: ScoreSettings
) -> None:
    tree = changed({WEAK: WEAK + "  - {id: flicker, zh: 闪}\n"})
    with caplog.at_level(logging.WARNING, "pipeline.classify.model"):
        after = Model.load(small_model, tree)
    assert after.blind_to == ("flicker",)
    assert "never answers flicker of 2; train again" in caplog.text
    new, old = after.predict_proba(TEXTS), before.predict_proba(TEXTS)
    assert not new[:, 2].any()
    assert (new[:, [0, 1, 3, 4]] == old).all()
    assert {answer.cause for answer in after.answer(TEXTS, settings)} <= {"dark", "weak", "rude", "slow"}


def test_a_split_stops_the_model_and_names_the_cause(small_model: Path, changed: Change) -> None:
    tree = changed(
        {DARK: "  - {id: planned, zh: 计划停电}\n  - {id: fault, zh: 故障停电}\n"},
        RETIRED_DARK,
        "- {on: 2027-01-01, split: {from: dark, to: [planned, fault]}}\n",
    )
    with pytest.raises(ModelError, match=r"dark was split into planned, fault.*gongdan taxonomy migrate") as caught:
        Model.load(small_model, tree)
    assert caught.value.code == "model_taxonomy"


def test_a_cause_that_was_given_up_stops_it_too(small_model: Path, changed: Change) -> None:
    with pytest.raises(ModelError, match="dark: no cause of this taxonomy succeeds it"):
        Model.load(small_model, changed({DARK: ""}, RETIRED_DARK))


def test_another_edition_of_the_same_causes_changes_nothing(small_model: Path, before: Model, changed: Change) -> None:
    after = Model.load(small_model, changed({"zh: 没电": "zh: 停电"}))
    assert after.projection is None
    assert (after.predict_proba(TEXTS) == before.predict_proba(TEXTS)).all()


def test_a_changed_tree_needs_a_version_of_its_own(small_model: Path, merged: Taxonomy, tmp_path: Path) -> None:
    text = (tmp_path / "tree.yaml").read_text(encoding="utf-8").replace('version: "2"', 'version: "1"')
    (tmp_path / "tree.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="another tree of the same version 1"):
        Model.load(small_model, Taxonomy.load(tmp_path / "tree.yaml"))
