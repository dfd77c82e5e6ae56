"""Explanations: the words that carry an answer, the deletion test, and the nearest narratives."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from pipeline.classify.calibrate import Calibration
from pipeline.classify.explain import Evidence, Word, explain
from pipeline.classify.model import Model
from pipeline.classify.neighbours import Neighbours
from pipeline.corpus import Labelled, load_labelled
from pipeline.taxonomy import Taxonomy


@pytest.fixture(scope="module")
def model(small_model: Path, small_tree: Path) -> Model:
    found = Model.load(small_model, Taxonomy.load(small_tree))
    # The small corpus can be told apart without an error, so that its own temperatures leave only 0 and 1.
    plain = found.manifest.model_copy(update={"calibration": Calibration(causes=1.0, types=1.0)})
    return replace(found, manifest=plain)


@pytest.fixture(scope="module")
def rows(small_corpus: Path, model: Model) -> list[Labelled]:
    return load_labelled(small_corpus, model.taxonomy)


def test_the_words_that_name_the_grievance_carry_both_levels(model: Model) -> None:
    text = "我们小区昨天晚上跳闸停电到半夜"
    found = explain(model, text)
    assert (found.type.label, found.cause.label) == ("power", "dark")
    assert {"跳闸", "停电"} & {word.text for word in found.cause.words}
    assert "小区" not in {word.text for word in found.cause.words}
    for evidence in (found.type, found.cause):
        assert evidence.reliable
        assert evidence.without < evidence.probability - 0.1
        effects = [word.effect for word in evidence.words]
        assert effects == sorted(effects, reverse=True)
        assert min(effects) > 0
        assert all(text[word.start : word.end] == word.text for word in evidence.words)


def test_what_is_shown_is_what_the_model_says_without_those_words(model: Model) -> None:
    text = "柜台态度差不耐烦，排了很久"
    evidence = explain(model, text).cause
    left = text
    for word in sorted(evidence.words, key=lambda word: -word.start):
        left = left[: word.start] + left[word.end :]
    column = model.taxonomy.cause_ids.index(evidence.label)
    whole, without = model.predict_proba([text, left])[:, column]
    assert evidence.probability == pytest.approx(whole)
    assert evidence.without == pytest.approx(without)


def test_an_explanation_that_fails_the_deletion_test_is_not_reliable() -> None:
    word = (Word("停电", 0, 2, 0.5),)
    assert Evidence("dark", 0.9, word, without=0.4, without_others=0.8).reliable
    assert not Evidence("dark", 0.9, word, without=0.85, without_others=0.9).reliable  # it hardly moves
    assert not Evidence("dark", 0.9, word, without=0.5, without_others=0.4).reliable  # any words would do
    assert not Evidence("dark", 0.9, (), without=0.9, without_others=0.9).reliable


@pytest.mark.parametrize("text", ["停电", "又停电", "村里又停电"])
def test_of_a_short_ticket_never_more_than_half_of_the_words_are_taken_out(model: Model, text: str) -> None:
    found = explain(model, text)
    assert len(found.cause.words) <= len(model.segmenter.spans(text)) // 2


def test_a_text_without_a_word_has_nothing_to_show_and_is_not_reliable(model: Model) -> None:
    found = explain(model, "。。。")
    assert found.type.words == found.cause.words == ()
    assert not found.type.reliable


def test_a_long_narrative_is_asked_about_a_bounded_number_of_times(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    original = type(model).predict_proba

    def counted(self: Model, texts: list[str]) -> object:
        nonlocal asked
        asked += len(texts)
        return original(self, texts)

    monkeypatch.setattr(Model, "predict_proba", counted)
    text = "镇上的路修好了，学校也修好了，" * 80 + "昨晚跳闸停电到半夜，" + "孩子们都很高兴。" * 80
    found = explain(model, text)
    assert asked < 250
    assert {"跳闸", "停电"} & {word.text for word in found.cause.words}


def test_the_same_text_is_explained_in_the_same_way(model: Model) -> None:
    text = "空调带不动，我们小区电压不足"
    assert explain(model, text) == explain(model, text)


def test_the_nearest_narratives_are_of_the_same_kind_and_never_the_text_itself(
    model: Model, rows: list[Labelled], tmp_path: Path
) -> None:
    neighbours = Neighbours.load(model, rows, tmp_path)
    asked = rows[0].text
    found = neighbours.nearest(asked)
    assert len(found) == 3
    assert {it.row.cause for it in found} == {rows[0].cause}
    assert asked not in {it.row.text for it in found}
    similarities = [it.similarity for it in found]
    assert similarities == sorted(similarities, reverse=True)
    assert 0 < similarities[-1] <= similarities[0] <= 1 + 1e-6


def test_narratives_are_read_once_per_model_and_corpus(model: Model, rows: list[Labelled], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    first = Neighbours.load(model, rows, tmp_path, lambda *done: told.append(done))
    assert told == [(0, len(rows))]
    again = Neighbours.load(model, rows, tmp_path, lambda *done: told.append(done))
    assert len(told) == 1
    assert (first.vectors != again.vectors).nnz == 0
    Neighbours.load(model, rows[1:], tmp_path, lambda *done: told.append(done))
    assert len(told) == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_vectors_that_were_kept_belong_to_their_rows_in_whatever_order_these_come(
    model: Model, rows: list[Labelled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.classify.neighbours._BATCH", 10)
    first = Neighbours.load(model, rows, tmp_path).nearest("昨晚停电三次")
    assert len(list(tmp_path.iterdir())) == 1
    assert Neighbours.load(model, rows[::-1], tmp_path).nearest("昨晚停电三次") == first


def test_a_narrative_without_any_vector_is_near_to_nothing(model: Model, rows: list[Labelled]) -> None:
    empty = Neighbours(model, rows[:2], csr_array(np.zeros((2, model.classifier.vectors(["停电"]).shape[1]))))
    assert [it.similarity for it in empty.nearest("停电")] == [0.0, 0.0]


def test_an_explanation_fits_into_json(model: Model) -> None:
    assert json.loads(json.dumps(asdict(explain(model, "收费员不耐烦"))))["type"]["label"] == "people"
