from pathlib import Path

import numpy as np
import pytest

from pipeline.classify.linear import Features, LinearClassifier, vectorizers
from pipeline.text import Lexicon, Segmenter

TEXTS = ["客户反映台区频繁停电", "工作人员态度恶劣", "电压低空调带不动", "报装两个月没人来", "台区频繁停电没人管"]
FEATURES = Features(words=(1, 2), characters=(1, 2), min_df=1)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(Lexicon.load())


@pytest.fixture(scope="module")
def classifier(segmenter: Segmenter) -> LinearClassifier:
    words, characters = vectorizers(FEATURES, segmenter)
    words.fit(TEXTS)
    characters.fit(TEXTS)
    random = np.random.default_rng(5)
    size = len(words.vocabulary_) + len(characters.vocabulary_)
    return LinearClassifier(words, characters, random.normal(size=(size, 3)).astype(np.float32), random.normal(size=3))


def test_a_saved_classifier_scores_as_before(
    classifier: LinearClassifier, segmenter: Segmenter, tmp_path: Path
) -> None:
    for name, data in classifier.to_files(FEATURES).items():
        (tmp_path / name).write_bytes(data)
    loaded = LinearClassifier.load(tmp_path, segmenter)
    unseen = [*TEXTS, "没见过的说法", ""]
    assert np.abs(loaded.predict_proba(unseen) - classifier.predict_proba(unseen)).max() < 1e-3
    assert (loaded.features(TEXTS) != classifier.features(TEXTS)).nnz == 0


def test_probabilities_have_the_promised_shape_and_sum_to_one(classifier: LinearClassifier) -> None:
    chances = classifier.predict_proba(TEXTS)
    assert chances.shape == (5, 3)
    assert chances.sum(axis=1) == pytest.approx(np.ones(5))


def test_words_are_counted_as_the_segmenter_cuts_them(classifier: LinearClassifier) -> None:
    assert "频繁停电" in classifier.words.vocabulary_
    assert "台区 频繁停电" in classifier.words.vocabulary_


def test_one_answer_does_not_depend_on_what_else_is_in_the_batch(classifier: LinearClassifier) -> None:
    together = classifier.scores(TEXTS)
    alone = np.concatenate([classifier.scores([text]) for text in TEXTS])
    assert (together == alone).all()
