"""What the readings say about the model, the agents and the reviewers themselves. Pure: no database.

Accuracy is counted on blind readings alone: a simple random sample of all tickets, judged without a suggestion. What is
decided in the queue cannot tell it: its tickets were picked for being suspicious, and a shown suggestion is followed.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

Side = Literal["model", "agent"]
Level = Literal["type", "cause"]
SIDES: tuple[Side, ...] = ("model", "agent")
LEVELS: tuple[Level, ...] = ("type", "cause")
CONFIDENCE = 0.95
FEW = 30  # a figure that rests on fewer readings is said with a warning
_DRAWS, _SEED = 1000, 1960  # of the bootstrap: the same readings give the same interval

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Proportion:
    """So many of so many.

    >>> Proportion(9, 10).share, Proportion(0, 0).share
    (0.9, None)
    """

    part: int
    of: int

    @property
    def share(self) -> float | None:
        """The part from 0 to 1; None of nothing."""
        return self.part / self.of if self.of else None

    @property
    def few(self) -> bool:
        """Whether it rests on too few readings to be quoted without a warning."""
        return self.of < FEW

    def interval(self, confidence: float = CONFIDENCE) -> Interval | None:
        """Return the exact interval of the share (Clopper and Pearson 1934), from 0 to 1; None of nothing."""
        if not self.of:
            return None
        found = binomtest(self.part, self.of).proportion_ci(confidence_level=confidence, method="exact")
        return float(found.low), float(found.high)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one person decided about one ticket, and what agent and model had said of it. Types and causes are ids."""

    item: int
    user: int
    model_type: str
    model_cause: str
    agent_type: str | None
    agent_cause: str | None
    type: str
    cause: str

    def said(self, side: Side, level: Level) -> str | None:
        """Return what the model or the agent said; None where the agent said nothing that the tree knows."""
        if side == "model":
            return self.model_type if level == "type" else self.model_cause
        return self.agent_type if level == "type" else self.agent_cause

    def decided(self, level: Level) -> str:
        """Return what the person decided."""
        return self.type if level == "type" else self.cause


@dataclass(frozen=True, slots=True)
class Pair:
    """Two readings of one ticket by two people; the first is blind."""

    first: Verdict
    second: Verdict


@dataclass(frozen=True, slots=True)
class Quality:
    """How often the model or the agents are right, of the tickets read blind about which they said something.

    `called`: of those called a type, how many are of it (precision). `found`: of those of a type, how many were called
    it (recall).
    """

    type: Proportion
    cause: Proportion
    called: Mapping[str, Proportion]
    found: Mapping[str, Proportion]


@dataclass(frozen=True, slots=True)
class FollowThrough:
    """What a shown suggestion does to readers.

    `followed`: of the wrong suggestions, how many were confirmed (over-trust). `refused`: of the right ones, how many
    were changed.
    """

    followed: Proportion
    refused: Proportion


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two blind readings per ticket: how many are alike, and Cohen's kappa (None where it is not defined)."""

    observed: Proportion
    kappa: float | None
    interval: Interval | None

    @property
    def n(self) -> int:
        """The number of tickets read twice."""
        return self.observed.of

    @property
    def few(self) -> bool:
        """Whether it rests on too few tickets to be quoted without a warning."""
        return self.observed.few


def accuracy(verdicts: Sequence[Verdict], side: Side, level: Level) -> Proportion:
    """Count how often a side said what was decided, of the verdicts about which it said something."""
    said = [verdict for verdict in verdicts if verdict.said(side, level) is not None]
    return Proportion(sum(verdict.said(side, level) == verdict.decided(level) for verdict in said), len(said))


def quality(blind: Sequence[Verdict], side: Side, types: Sequence[str]) -> Quality:
    """Return how good a side is, from the first blind readings; `types` are the ids to give figures for."""
    return Quality(
        accuracy(blind, side, "type"),
        accuracy(blind, side, "cause"),
        {kind: accuracy([one for one in blind if one.said(side, "type") == kind], side, "type") for kind in types},
        {kind: accuracy([one for one in blind if one.type == kind], side, "type") for kind in types},
    )


def naive(queue: Sequence[Verdict], level: Level) -> Proportion:
    """Count how often decisions in the queue are what the model had suggested.

    Not an accuracy, and only here to be shown beside one: the tickets were picked because the model may be wrong about
    them, and their readers saw its suggestion.
    """
    return accuracy(queue, "model", level)


def follow_through(pairs: Sequence[Pair], level: Level) -> FollowThrough:
    """Return how often a shown suggestion of the model was taken over; whether it is right, the blind reading says."""
    taken: dict[bool, list[bool]] = {True: [], False: []}  # by whether the suggestion is right
    for pair in pairs:
        suggestion = pair.first.said("model", level)
        taken[suggestion == pair.first.decided(level)].append(suggestion == pair.second.decided(level))
    right, wrong = taken[True], taken[False]
    return FollowThrough(Proportion(sum(wrong), len(wrong)), Proportion(len(right) - sum(right), len(right)))


def agreement(pairs: Sequence[Pair], level: Level) -> Agreement:
    """Return how far two blind readers agree on the type or the cause."""
    return _agreement([(pair.first.decided(level), pair.second.decided(level)) for pair in pairs])


def agreement_by_type(pairs: Sequence[Pair], types: Sequence[str]) -> dict[str, Agreement]:
    """Return, for each type, how far two readers agree on whether a ticket is of it or of any other."""
    return {
        kind: _agreement([(str(pair.first.type == kind), str(pair.second.type == kind)) for pair in pairs])
        for kind in types
    }


def agreement_by_readers(pairs: Sequence[Pair], level: Level) -> dict[tuple[int, int], Agreement]:
    """Return the agreement of each two people, by their user ids, the lower first."""
    found = defaultdict(list)
    for pair in pairs:
        low, high = sorted((pair.first, pair.second), key=lambda verdict: verdict.user)
        found[low.user, high.user].append((low.decided(level), high.decided(level)))
    return {people: _agreement(labels) for people, labels in sorted(found.items())}


def _agreement(labels: Sequence[tuple[str, str]]) -> Agreement:
    observed = Proportion(sum(first == second for first, second in labels), len(labels))
    if observed.of < 2 or len({label for both in labels for label in both}) < 2:  # chance alone would agree as well
        return Agreement(observed, None, None)
    kappa = float(cohen_kappa_score(*zip(*labels, strict=True)))
    # Where nobody ever differed, every draw is alike: the bootstrap would call the figure certain.
    return Agreement(observed, kappa, _kappa_interval(labels) if observed.part < observed.of else None)


def _kappa_interval(labels: Sequence[tuple[str, str]]) -> Interval | None:
    """Percentile bootstrap over tickets (Efron 1979) of kappa = (observed - expected) / (1 - expected) (Cohen 1960)."""
    cells = sorted(Counter(labels).items())
    names = sorted({label for both in labels for label in both})
    counts = np.array([count for _, count in cells])
    # Drawing tickets with replacement is one multinomial draw of the (cells,) counts.
    draws = np.random.default_rng(_SEED).multinomial(len(labels), counts / len(labels), size=_DRAWS)
    first, second = (
        np.array([[cell[reader] == name for name in names] for cell, _ in cells], dtype=np.int64) for reader in (0, 1)
    )
    observed = draws @ np.array([cell[0] == cell[1] for cell, _ in cells]) / len(labels)
    expected = ((draws @ first) * (draws @ second)).sum(axis=1) / len(labels) ** 2
    defined = expected < 1  # elsewhere one class alone was drawn
    if not defined.any():
        return None
    kappas = (observed[defined] - expected[defined]) / (1 - expected[defined])
    low, high = np.quantile(kappas, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
