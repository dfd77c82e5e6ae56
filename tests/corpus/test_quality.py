"""Shortcuts, repetition and agreement on small collections whose answers are known."""

import random

import pytest

from pipeline.corpus import Labelled
from pipeline.corpus.quality import agreement, distinct_ngrams, shortcut
from pipeline.errors import CorpusError
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative

HAN = [chr(0x4E00 + number) for number in range(3000)]


def _row(number: int, raw: str, kind: str, style: str = "agent") -> Labelled:
    return Labelled(str(number), Narrative(raw), kind, None, style, raw)


def _letters(source: random.Random, length: int) -> str:
    return "".join(source.choices(HAN, k=length))


@pytest.mark.parametrize("giveaway", ["length", "quotes", "line breaks", "voice"])
def test_form_that_tells_the_type_is_found(giveaway: str) -> None:
    source, rows = random.Random(1), []
    for number in range(200):
        one = number % 2 == 0
        raw = _letters(source, 200 if giveaway == "length" and one else 80)
        raw += {"quotes": "“走开”", "line breaks": "\n\n"}.get(giveaway, "") if one else "走开"
        style = "speech" if giveaway == "voice" and one else "agent"
        rows.append(_row(number, raw, "service" if one else "outage", style))
    found = shortcut(rows)
    assert found.accuracy > 0.95
    assert found.largest == 0.5


def test_words_are_not_form() -> None:
    source = random.Random(1)
    rows = [
        _row(number, ("停电" if number % 2 else "骂人") + _letters(source, 80), "outage" if number % 2 else "service")
        for number in range(400)
    ]
    assert shortcut(rows).accuracy < 0.6


def test_a_text_that_repeats_itself_has_few_distinct_ngrams() -> None:
    source = random.Random(2)
    fresh = [_letters(source, 100) for _ in range(20)]
    assert distinct_ngrams(fresh, window=1000) == pytest.approx(997, abs=1)
    assert distinct_ngrams(["一二三四五"] * 400, window=1000) == 5


def test_windows_are_filled_or_refused() -> None:
    with pytest.raises(CorpusError, match="do not fill a window of 1000"):
        distinct_ngrams(["太短"], window=1000)


@pytest.mark.parametrize("types", [["service"] * 20, ["service"] * 20 + ["outage"] * 4, []])
def test_too_few_rows_to_look_for_shortcuts_are_told(types: list[str]) -> None:
    rows = [_row(number, "停电", kind) for number, kind in enumerate(types)]
    with pytest.raises(CorpusError, match="two types or more, each with 5"):
        shortcut(rows)


def test_readers_who_agree_have_kappa_one_and_who_differ_within_a_type_agree_on_types(taxonomy: Taxonomy) -> None:
    first = ["bill", "frequent_outage", "enquiry", "hall_operation"]
    same = agreement(first, first, taxonomy)
    assert (same.n, same.type_kappa, same.cause_kappa, same.same_cause) == (4, 1, 1, 1)
    other = agreement(first, ["tariff", *first[1:]], taxonomy)
    assert (other.type_kappa, other.same_type, other.same_cause) == (1, 1, 0.75)
    assert other.cause_kappa < 1
    # By hand: the two agree on all but one of four rows, by chance on 0.75 * 0.5 + 0.25 * 0.5 of them.
    crossed = agreement(first, ["enquiry", *first[1:]], taxonomy)
    assert crossed.by_type["out_of_scope"] == pytest.approx((0.75 - 0.5) / (1 - 0.5))
