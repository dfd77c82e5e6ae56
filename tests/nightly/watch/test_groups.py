"""Which tickets are unlike anything known, and which belong together: by vectors small enough to check by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from pipeline.nightly.watch import WatchSettings
from pipeline.nightly.watch.groups import Contrast, contrast, cores, members, separate, threshold, typical
from pipeline.nightly.watch.known import Corpus
from pipeline.nightly.watch.settings import ProposalSettings
from pipeline.nightly.watch.telling import telling_words
from pipeline.nightly.watch.vectors import cosines, different, highest, nearness, space
from pipeline.text import Segmenter

from .conftest import Nights


@pytest.fixture
def limits() -> ProposalSettings:
    return WatchSettings.load().proposals.model_copy(update={"nearest": 1, "core": 2})


def test_the_highest_of_each_row_are_averaged_as_if_zeros_followed() -> None:
    values = np.array([[0.2, 0.8, 0.4], [0.0, 0.0, 0.6]], dtype=np.float32)
    assert highest(values, 2) == pytest.approx([0.6, 0.3])
    assert highest(values, 4) == pytest.approx([0.35, 0.15])
    assert highest(values[:, :0], 2) == pytest.approx([0, 0])


def test_a_row_is_not_its_own_neighbour_below_the_ceiling() -> None:
    rows = _unit([[1, 0], [1, 1]])
    assert nearness(rows, rows, 1) == pytest.approx([1, 1])
    assert nearness(rows, rows, 1, 0.999) == pytest.approx([np.sqrt(0.5)] * 2)


def test_of_the_same_narrative_told_again_the_first_is_kept() -> None:
    rows = _unit([[1, 0, 0], [0, 1, 0], [1, 0.1, 0], [0, 0, 1]])
    assert different(cosines(rows, rows), 0.5).tolist() == [0, 1, 3]


def test_manner_of_speaking_weighs_nothing_and_a_new_name_most() -> None:
    known = [f"客户来电反映。{what}" for what in ("停电", "电压", "收费", "抄表")]
    usual = [f"用户诉求。{what}" for what in ("停电", "电压") for _ in range(150)]
    made = space(known, [*usual, "用户诉求。换电柜", "换电柜坏了"], range(300), [], 0.45)
    near = cosines(made.tonight, made.tonight)
    assert near[-2, -1] > 0.5  # 换电柜
    assert near[0, -2] == 0  # 用户诉求, which all that was answered tonight has
    assert cosines(made.tonight, made.known)[0].tolist() == pytest.approx([1.0, 0, 0, 0])


def test_what_one_of_few_answered_tickets_says_still_counts() -> None:
    made = space(["客户反映停电"] * 30, ["换电柜坏了", "换电柜锁死"], [0], [], 0.05)
    assert cosines(made.tonight, made.tonight)[0, 1] > 0.3


def test_the_contrast_is_the_nearness_to_each_other_over_that_to_what_is_known(limits: ProposalSettings) -> None:
    known = _unit([[0, 0, 0, 1]])
    rows = _unit([[1, 0, 0, 0.3], [0.9, 0.8, 0, 0.3], [0, 0.2, 1, 0.6]])
    found = contrast(rows, known, limits.model_copy(update={"same": 0.99}))
    near, to_known = cosines(rows, rows), cosines(rows, known)[:, 0]
    expected = np.array([near[0, 1], near[0, 1], near[2, 1]]) / to_known
    assert found.contrast == pytest.approx(expected / np.median(expected), rel=1e-5)
    assert found.near.diagonal().tolist() == [0, 0, 0]


def test_rows_are_grouped_by_their_distance_in_units_of_what_is_known(limits: ProposalSettings) -> None:
    near = np.zeros((5, 5), dtype=np.float32)
    for one, other, cosine in ((0, 1, 0.4), (2, 3, 0.2), (3, 4, 0.04)):
        near[one, other] = near[other, one] = cosine
    found = Contrast(np.array([10, 11, 12, 13, 14]), np.full(5, 0.2, dtype=np.float32), near, np.full(5, 2.0))
    # 0.2 / 0.4 and 0.2 / 0.2 are within 2, 0.2 / 0.04 is not.
    groups = cores(found, 1.5, limits.model_copy(update={"apart": 2.0}))
    assert sorted(group.tolist() for group in groups) == [[10, 11], [12, 13]]
    assert cores(found, 2.5, limits) == []


def test_a_group_takes_in_what_is_nearer_to_it_than_to_anything_known(limits: ProposalSettings) -> None:
    known, core = _unit([[0, 0, 1]]), _unit([[1, 0, 0], [1, 0.1, 0]])
    rows = _unit([[1, 0, 0.9], [1, 0, 1.2], [0, 1, 0.2]])
    assert members(core, rows, known, limits).tolist() == [0]


def test_of_two_groups_that_share_half_the_first_is_kept() -> None:
    assert separate([np.array([1, 2, 3, 4]), np.array([3, 4, 5, 6]), np.array([4, 7, 8])]) == [0, 2]


def test_the_most_typical_is_the_one_nearest_to_all() -> None:
    assert typical(_unit([[1, 0], [1, 1], [0, 1]]))[0] == 1


def test_the_threshold_is_what_one_in_a_hundred_held_out_narratives_exceeds(limits: ProposalSettings) -> None:
    source = np.random.default_rng(3)
    corpus = csr_array(_unit(source.random((400, 30)) * (source.random((400, 30)) < 0.2)))
    usual = limits.model_copy(update={"nearest": 4, "same": 1.1})
    least = threshold(corpus, 60, usual, 1)
    beyond = [
        contrast(corpus[order[:60]], corpus[order[60:]], usual).contrast > least
        for order in (np.random.default_rng(seed).permutation(400) for seed in range(100, 150))
    ]
    assert 0.005 < np.mean(beyond) < 0.02


def test_words_tell_what_a_group_has_and_the_corpus_has_not(nights: Nights, segmenter: Segmenter) -> None:
    corpus = Corpus.load(nights.corpus, nights.model)
    texts = [
        "客户反映换电柜锁死",
        "换电柜又坏了，客户要退押金",
        "小区换电柜冒烟，客户害怕",
        "换电柜扣了押金",
        "退押金，换电柜没了",
    ]
    words = telling_words(texts, corpus, 3)
    assert words[0] == "换电柜"
    assert "押金" in words
    assert "客户" not in words
    assert telling_words(["客户来电反映停电"] * 5, corpus, 3) == ()


def _unit(rows: object) -> csr_array:
    dense = np.asarray(rows, dtype=np.float32)
    lengths = np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
    return csr_array(dense / lengths)
