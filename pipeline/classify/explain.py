"""Why a ticket got its answer: the words that carried it at each level, tested by taking them out."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from pipeline.classify.answer import best_paths
from pipeline.classify.base import Floats
from pipeline.classify.model import Model

Span = tuple[int, int]

_PARTS = 48  # left out one after the other in a round: a second of work for a usual ticket
_SHARE, _FEWEST, _MOST = 8, 3, 10  # one word in eight is shown, but not fewer or more than so many
_DRAWS = 3  # of other words that are taken out for comparison
MOVED = 0.1  # of probability: what taking the words out must cost at least
_TINY = 1e-12  # keeps logits finite


@dataclass(frozen=True, slots=True)
class Word:
    """A word that spoke for the answer; without it alone the answer's log-odds are lower by `effect`."""

    text: str
    start: int
    end: int
    effect: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What carried the answer at one level, the strongest word first.

    `without` is the answer's probability when all the words are taken out together, `without_others` when as many of
    the other words are (mean of three draws). The explanation is `reliable` if the first costs a tenth of probability
    at least, and more than the second.
    """

    label: str
    probability: float
    words: tuple[Word, ...]
    without: float
    without_others: float

    @property
    def reliable(self) -> bool:
        """Tell whether the words passed the deletion test."""
        return self.probability - self.without >= MOVED and self.without < self.without_others


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prepared narrative with what carried its type and its cause."""

    text: str
    type: Evidence
    cause: Evidence


def explain(model: Model, text: str) -> Explanation:
    """Explain the answer to a prepared narrative by occlusion: each word is left out in turn and the model asked again.

    Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2, with jieba words for
    patches. Of a long narrative stretches of words are left out first, and then the words of those that weigh most.
    The deletion test is that of DeYoung et al. 2020, "ERASER", section 4.2 (comprehensiveness).
    """
    chances = model.predict_proba([text])
    (kind,), (cause,) = best_paths(chances, model.taxonomy.type_probabilities(chances), model.taxonomy)
    asked = _Asked(model, text, kind, cause, chances)
    spans = model.segmenter.spans(text)
    effects = _effects(asked, spans)
    of_type, of_cause = (_evidence(asked, spans, effects, level) for level in (0, 1))
    return Explanation(
        text,
        Evidence(model.taxonomy.type_ids[kind], *of_type),
        Evidence(model.taxonomy.cause_ids[cause], *of_cause),
    )


class _Asked:
    """A model asked about one narrative without some of its words: the probabilities of one type and one cause."""

    def __init__(self, model: Model, text: str, kind: int, cause: int, chances: Floats) -> None:
        self.model, self.text, self.kind, self.cause = model, text, kind, cause
        self.whole = self._of(chances)[0]

    def __call__(self, left_out: Sequence[Sequence[Span]]) -> Floats:
        """Return (n, 2): type and cause, for each set of spans that is left out."""
        return self._of(self.model.predict_proba([_without(self.text, spans) for spans in left_out]))

    def _of(self, chances: Floats) -> Floats:
        of_types = self.model.taxonomy.type_probabilities(chances)
        return np.stack([of_types[:, self.kind], chances[:, self.cause]], axis=1)


def _without(text: str, spans: Sequence[Span]) -> str:
    kept, at = [], 0
    for start, end in sorted(spans):
        kept.append(text[at:start])
        at = end
    return "".join([*kept, text[at:]])


def _effects(asked: _Asked, spans: Sequence[Span]) -> dict[Span, Floats]:
    """Return what each word that was tried alone weighs in log-odds (2,): for the type, for the cause."""
    stretches: list[Sequence[Span]] = [[span] for span in spans]
    while len(stretches) > _PARTS:
        words = [span for stretch in stretches for span in stretch]
        size = -(-len(words) // _PARTS)
        stretches = [words[at : at + size] for at in range(0, len(words), size)]
        weights = _weights(asked, stretches).max(axis=1)
        heaviest = sorted(np.argsort(-weights, kind="stable")[: _PARTS // 4])  # each round holds fewer words
        stretches = [[span] for index in heaviest for span in stretches[index]]
    if not stretches:
        return {}
    return dict(zip((span for (span,) in stretches), _weights(asked, stretches), strict=True))


def _weights(asked: _Asked, stretches: Sequence[Sequence[Span]]) -> Floats:
    return _log_odds(asked.whole) - _log_odds(asked(stretches))


def _log_odds(probability: Floats) -> Floats:
    odds: Floats = logit(np.clip(probability, _TINY, 1 - _TINY))
    return odds


def _evidence(
    asked: _Asked, spans: Sequence[Span], effects: dict[Span, Floats], level: int
) -> tuple[float, tuple[Word, ...], float, float]:
    whole = float(asked.whole[level])
    ranked = sorted((span for span in effects if effects[span][level] > 0), key=lambda span: -effects[span][level])
    # Never more than half of the words, so that as many others are there to compare with.
    chosen = ranked[: min(max(len(spans) // _SHARE, _FEWEST), _MOST, len(spans) // 2)]
    if not chosen:
        return whole, (), whole, whole
    others = sorted(set(spans).difference(chosen))
    source = random.Random(asked.text)  # noqa: S311 - the same draws for the same text
    draws = [source.sample(others, len(chosen)) for _ in range(_DRAWS)]
    without, *by_chance = asked([chosen, *draws])[:, level]
    words = tuple(Word(asked.text[start:end], start, end, float(effects[start, end][level])) for start, end in chosen)
    return whole, words, float(without), float(np.mean(by_chance))
