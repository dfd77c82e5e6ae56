"""What a mixture leaves to its linear part."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax

from pipeline.classify.cascade import SHORTCUT, Shortcut
from pipeline.classify.mixture import MixtureClassifier
from pipeline.classify.model import Model
from pipeline.settings import load_settings
from pipeline.taxonomy import Taxonomy
from pipeline.train.thresholds import choose_shortcut, upper_bound


def test_the_shortcut_ends_where_too_many_tickets_would_get_another_answer() -> None:
    source = np.random.default_rng(1)
    sure = source.random(4000)
    same = source.random(4000) < np.clip(sure + 0.02, 0, 1)  # the surer, the more often the same
    threshold = choose_shortcut(sure, same, error=0.005, confidence=0.95)
    assert threshold is not None
    assert 0.85 < threshold < 0.97
    different = int(((sure >= threshold) & ~same).sum())
    assert upper_bound(different, 4000, 0.95) <= 0.005
    more = int(((sure >= threshold - 0.005) & ~same).sum())
    assert upper_bound(more, 4000, 0.95) > 0.005


def test_with_few_rows_no_promise_can_be_made() -> None:
    assert choose_shortcut(np.full(500, 0.99), np.full(500, fill_value=True), error=0.005, confidence=0.95) is None
    assert choose_shortcut(np.full(600, 0.99), np.full(600, fill_value=True), error=0.005, confidence=0.95) == 0.005


@pytest.fixture
def shortcut(small_mixture: Path) -> Shortcut:
    return load_settings(small_mixture / SHORTCUT, Shortcut)


def test_a_trained_folder_says_what_it_rests_on(shortcut: Shortcut) -> None:
    assert shortcut.judged_on > 0
    assert shortcut.threshold is None  # two dozen rows promise nothing
    assert "reads every ticket" in shortcut.describe()


def test_the_bert_reads_only_what_the_linear_part_is_not_sure_of(
    small_mixture: Path, small_tree: Path, shortcut: Shortcut
) -> None:
    model = Model.load(small_mixture, Taxonomy.load(small_tree))
    mixed = model.classifier
    assert isinstance(mixed, MixtureClassifier)
    assert mixed.bert is not None
    texts = ["村里停电三次一直没电", "柜台不耐烦态度差", "今天天气", "空调带不动电压低"]
    linear = log_softmax(mixed.linear.scores(texts), axis=1)
    sure = np.exp(log_softmax(shortcut.weight * linear, axis=1)).max(axis=1)
    cut = shortcut.model_copy(update={"threshold": float(np.median(sure))})
    read: list[str] = []
    watched = _Watched(mixed.bert.prepare, read)
    short = MixtureClassifier(replace_prepare(mixed.bert, watched), mixed.linear, mixed.weights, cut)
    scores = short.scores(texts)
    asked = set(read)
    assert asked == {text for text, value in zip(texts, sure, strict=True) if value < np.median(sure)}
    assert len(read) == 2
    whole = mixed.whole().scores(texts)
    for row, (text, value) in enumerate(zip(texts, sure, strict=True)):
        expected = whole[row] if text in asked else shortcut.weight * linear[row]
        assert scores[row] == pytest.approx(expected, abs=0.05), value
    everything = replace(model, classifier=short).reading_everything().classifier
    assert everything.scores(texts) == pytest.approx(whole, abs=0.05)


class _Watched:
    def __init__(self, prepare: Callable[..., Callable[[], np.ndarray]], read: list[str]) -> None:
        self.prepare, self.read = prepare, read

    def __call__(self, texts: list[str]) -> Callable[[], np.ndarray]:
        self.read += texts
        return self.prepare(texts)


def replace_prepare(bert: object, watched: _Watched) -> object:
    """Return the same BERT, which notes what it reads."""
    bert.prepare = watched  # type: ignore[attr-defined]
    return bert
