"""The words that tell a group of tickets from everything known."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import chain, pairwise
from typing import TypeVar

from pipeline.nightly.watch.known import Corpus

Term = TypeVar("Term", bound=Hashable)

_SHORTEST = 2  # characters: single ones tell nothing
_LEAST_TICKETS = 3  # a word of fewer tickets is theirs, not the group's
_LEAST_SHARE = 0.2  # of the group
_LEAST_LIFT = 10.0  # times as often as in the corpus
_STICKS = 0.6  # of the tickets with a telling word that have it in the pair


def telling_words(texts: Sequence[str], corpus: Corpus, most: int) -> tuple[str, ...]:
    """Return the words, or joined pairs of words, that a group uses far more often than the corpus.

    Ranked by the tickets with the word times the logarithm of how many times as often it is: the word's part of the
    log-likelihood ratio (Dunning 1993). A pair counts where a telling word hardly ever stands without the other. Of
    words that contain each other only the first is named.
    """
    cut = [[word if word.isalpha() else "" for word in corpus.segmenter.words(text)] for text in texts]
    least = max(_LEAST_TICKETS, math.ceil(_LEAST_SHARE * len(texts)))
    counts = _frequent((set(words) for words in cut), least)
    lifts = {word: _lift(word, counts[word] / len(texts), corpus) for word in counts if word}
    telling = {word for word, lift in lifts.items() if lift >= _LEAST_LIFT}
    pairs = _frequent((set(pairwise(words)) for words in cut), least)
    for (one, other), count in pairs.items():
        if any(word in telling and count >= _STICKS * counts[word] for word in (one, other)) and one and other:
            counts[one + other] = count
            lifts[one + other] = _lift(one + other, count / len(texts), corpus)
            telling.add(one + other)
    ranked = sorted(telling, key=lambda word: (counts[word] * math.log(lifts[word]), len(word), word), reverse=True)
    chosen: list[str] = []
    for word in ranked:
        if len(word) >= _SHORTEST and not any(word in other or other in word for other in chosen):
            chosen.append(word)
    return tuple(chosen[:most])


def _frequent(sets: Iterable[set[Term]], least: int) -> dict[Term, int]:
    """Return in how many sets each term is, for those in `least` or more."""
    counts = Counter(chain.from_iterable(sets))
    return {term: count for term, count in counts.items() if count >= least}


def _lift(word: str, share: float, corpus: Corpus) -> float:
    """Return how many times as often as in the corpus a word occurs; one that it lacks counts as half a narrative's."""
    known = sum(word in text for text in corpus.texts)
    return share * (len(corpus.texts) + 1) / (known + 0.5)
