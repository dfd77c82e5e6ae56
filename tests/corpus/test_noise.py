import random
from dataclasses import replace

import pytest

from pipeline.corpus.noise import Noise, add_noise, homophones
from pipeline.text import normalize, split_topic

TEXT = "客户来电反映，台区近两个月停电5次，户号<户号>，要求尽快处理。"
NONE = Noise(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def _noisy(noise: Noise, text: str = TEXT, seed: int = 1) -> str:
    return add_noise(text, random.Random(seed), noise)


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    texts = [TEXT * 3] * 20
    first, again, other = ([add_noise(text, source) for text in texts] for source in map(random.Random, (1, 1, 2)))
    assert first == again != other


def test_without_noise_nothing_changes() -> None:
    assert _noisy(NONE) == TEXT


@pytest.mark.parametrize("kind", ["blanks", "full_width"])
def test_blanks_and_width_are_undone_by_normalising(kind: str) -> None:
    noisy = _noisy(replace(NONE, **{kind: 1.0}))
    assert noisy != TEXT
    assert normalize(noisy) == normalize(TEXT)


def test_traditional_script_is_undone_by_normalising() -> None:
    noisy = _noisy(replace(NONE, traditional=1.0))
    assert "電" in noisy
    assert normalize(noisy) == normalize(TEXT)


def test_a_topic_whole_or_broken_is_cut_off_again() -> None:
    for broken in (0.0, 1.0):
        noisy = _noisy(replace(NONE, topic=1.0, broken_topic=broken))
        topic, narrative = split_topic(normalize(noisy))
        assert topic
        assert narrative == normalize(TEXT)


def test_heads_and_tails_are_added_around_the_narrative() -> None:
    noisy = _noisy(replace(NONE, head=1.0, tail=1.0))
    assert TEXT in noisy
    assert not noisy.startswith(TEXT)
    assert not noisy.endswith(TEXT)


def test_characters_are_dropped_and_doubled() -> None:
    assert _noisy(replace(NONE, dropped=1.0)) == ""
    assert _noisy(replace(NONE, doubled=1.0), "停电") == "停停电电"


def test_slips_sound_alike() -> None:
    assert "戴" in homophones("待")
    assert homophones("停").find("停") == -1
    noisy = _noisy(replace(NONE, slip=1.0), "待在台区")
    assert len(noisy) == 4
    assert all(new in homophones(old) for old, new in zip("待在台区", noisy, strict=True))
