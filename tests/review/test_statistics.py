"""Figures against known values, and a simulation in which the truth is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import hypergeom

from pipeline.review.statistics import (
    FollowThrough,
    Pair,
    Proportion,
    Quality,
    Verdict,
    accuracy,
    agreement,
    agreement_by_readers,
    agreement_by_type,
    follow_through,
    naive,
    quality,
)

TYPES = ("a", "b", "c")


def verdict(kind: str, model: str = "a", agent: str | None = None, *, item: int = 1, user: int = 1) -> Verdict:
    """A verdict in which each type has one cause."""
    return Verdict(item, user, model, f"{model}1", agent, agent and f"{agent}1", kind, f"{kind}1")


def pairs(*kinds: str, users: tuple[int, int] = (1, 2), model: str = "a") -> list[Pair]:
    """Two readings per ticket: `ab` was first found to be a, then b."""
    return [Pair(verdict(one, model, user=users[0]), verdict(two, model, user=users[1])) for one, two in kinds]


@pytest.mark.parametrize(
    ("part", "of", "low", "high"),
    # Of none and of all there is a closed form; the others are the examples of Newcombe (1998).
    [
        (0, 10, 0, 1 - 0.025**0.1),
        (10, 10, 0.025**0.1, 1),
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_interval_of_a_proportion(part: int, of: int, low: float, high: float) -> None:
    assert Proportion(part, of).interval() == pytest.approx((low, high), abs=1e-4)


def test_interval_widens_with_confidence() -> None:
    narrow, wide = Proportion(30, 100).interval(0.8), Proportion(30, 100).interval(0.99)
    assert narrow is not None
    assert wide is not None
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_nothing_says_nothing() -> None:
    assert Proportion(0, 0).share is None
    assert Proportion(0, 0).interval() is None
    assert accuracy([], "model", "type") == naive([], "cause") == Proportion(0, 0)
    assert follow_through([], "type").followed == Proportion(0, 0)
    found = agreement([], "type")
    assert (found.n, found.kappa, found.interval) == (0, None, None)
    assert agreement_by_readers([], "type") == {}


def test_few_readings_are_flagged() -> None:
    assert Proportion(29, 29).few
    assert not Proportion(0, 30).few
    assert agreement(pairs(*["aa"] * 15, *["bb"] * 14), "type").few


def test_quality_per_called_and_per_true_type() -> None:
    blind = [verdict("a"), verdict("a"), verdict("b"), verdict("b", "b"), verdict("a", "b")]
    found = quality(blind, "model", TYPES)
    assert found.type == found.cause == Proportion(3, 5)
    assert found.called == {"a": Proportion(2, 3), "b": Proportion(1, 2), "c": Proportion(0, 0)}
    assert found.found == {"a": Proportion(2, 3), "b": Proportion(1, 2), "c": Proportion(0, 0)}


def test_the_right_type_with_another_cause_is_half_right() -> None:
    blind = [Verdict(1, 1, "a", "a1", "a", None, "a", "a2")]
    assert accuracy(blind, "model", "type") == Proportion(1, 1)
    assert accuracy(blind, "model", "cause") == Proportion(0, 1)
    assert accuracy(blind, "agent", "type") == Proportion(1, 1)
    assert accuracy(blind, "agent", "cause") == Proportion(0, 0)


def test_agents_are_judged_only_where_they_said_something() -> None:
    blind = [verdict("a", agent="a"), verdict("b", agent="a"), verdict("a", agent=None)]
    found = quality(blind, "agent", TYPES)
    assert found.type == Proportion(1, 2)
    assert found.called["a"] == Proportion(1, 2)
    assert found.found == {"a": Proportion(1, 1), "b": Proportion(0, 1), "c": Proportion(0, 0)}


def test_follow_through_counts_wrong_and_right_suggestions_apart() -> None:
    # The model says a. Wrong of b: confirmed twice, corrected once, corrected to yet another type once. Right: 1 of 3.
    found = follow_through(pairs("ba", "ba", "bb", "bc", "aa", "aa", "ab"), "type")
    assert found.followed == Proportion(2, 4)
    assert found.refused == Proportion(1, 3)


def test_follow_through_of_causes_sees_what_types_do_not() -> None:
    first, second = Verdict(1, 1, "a", "a1", None, None, "a", "a2"), Verdict(1, 2, "a", "a1", None, None, "a", "a1")
    assert follow_through([Pair(first, second)], "type").followed == Proportion(0, 0)
    assert follow_through([Pair(first, second)], "cause").followed == Proportion(1, 1)


# The textbook table: both yes 20, both no 15, 5 and 10 apart: observed 0.7, expected 0.5, kappa 0.4.
TEXTBOOK = ["aa"] * 20 + ["ab"] * 5 + ["ba"] * 10 + ["bb"] * 15


def test_kappa_of_the_textbook() -> None:
    found = agreement(pairs(*TEXTBOOK), "type")
    assert found.observed == Proportion(35, 50)
    assert found.kappa == pytest.approx(0.4)
    assert found.interval is not None
    low, high = found.interval
    # The large-sample standard error of Cohen (1960) is sqrt(0.7 * 0.3 / (50 * 0.5 ** 2)) = 0.13.
    assert low == pytest.approx(0.4 - 1.96 * 0.13, abs=0.06)
    assert high == pytest.approx(0.4 + 1.96 * 0.13, abs=0.06)


def test_kappa_intervals_repeat() -> None:
    assert agreement(pairs(*TEXTBOOK), "type") == agreement(pairs(*reversed(TEXTBOOK)), "cause")


def test_kappa_of_three_types_by_hand() -> None:
    # Observed 3/5; margins a 2·2, b 2·1, c 1·2: expected 8/25; kappa (0.6 - 0.32) / 0.68.
    assert agreement(pairs("aa", "ac", "bb", "ba", "cc"), "type").kappa == pytest.approx(0.28 / 0.68)


def test_kappa_by_type_is_of_one_against_the_rest() -> None:
    found = agreement_by_type(pairs("aa", "ac", "bb", "ba", "cc"), (*TYPES, "d"))
    # a: both 1, neither 2, apart 2; observed 0.6, expected (2·2 + 3·3) / 25 = 0.52.
    assert found["a"].kappa == pytest.approx(0.08 / 0.48)
    assert found["b"].observed == Proportion(4, 5)
    assert found["d"].kappa is None
    assert found["d"].observed == Proportion(5, 5)


def test_kappa_by_readers_joins_both_orders() -> None:
    found = agreement_by_readers([*pairs("aa", "ab"), *pairs("ba", users=(2, 1)), *pairs("aa", users=(3, 1))], "type")
    assert {people: one.n for people, one in found.items()} == {(1, 2): 3, (1, 3): 1}
    # 1 said a, a, a; 2 said a, b, b: chance explains it.
    assert found[1, 2].kappa == pytest.approx(0)
    assert found[1, 3].kappa is None


@pytest.mark.parametrize("kinds", [["aa"], ["aa"] * 40, ["ab"]])
def test_kappa_is_left_out_where_it_is_not_defined(kinds: Sequence[str]) -> None:
    found = agreement(pairs(*kinds), "type")
    assert found.kappa is None
    assert found.interval is None


def test_no_disagreement_is_not_called_certain() -> None:
    found = agreement(pairs(*["aa"] * 20, *["bb"] * 20), "type")
    assert found.kappa == 1
    assert found.interval is None


def test_rare_disagreement_gives_an_interval_although_some_draws_have_one_class() -> None:
    found = agreement(pairs(*["aa"] * 40, "ab"), "type")
    assert found.interval is not None
    assert all(math.isfinite(end) for end in found.interval)


def test_the_bootstrap_covers_the_true_kappa() -> None:
    # Each reader errs by himself in 15 of 100; kappa of 20,000 such tickets is the truth.
    def kinds(generator: np.random.Generator, n: int) -> list[str]:
        truth = generator.choice(3, n, p=[0.6, 0.3, 0.1])
        readers = [np.where(generator.random(n) < 0.85, truth, generator.integers(0, 3, n)) for _ in range(2)]
        return ["abc"[one] + "abc"[two] for one, two in zip(*readers, strict=True)]

    truth = agreement(pairs(*kinds(np.random.default_rng(0), 20_000)), "type").kappa
    intervals = [agreement(pairs(*kinds(np.random.default_rng(1 + seed), 150)), "type").interval for seed in range(100)]
    assert sum(one is not None and one[0] <= truth <= one[1] for one in intervals) >= 90


# ---- A desk with known truth -------------------------------------------------------------------------------------

TICKETS, BLIND, QUEUE = 5000, 250, 400
SHARES = np.array([0.42, 0.21, 0.15, 0.09, 0.08, 0.05])  # of the six types
RIGHT = np.array([0.93, 0.86, 0.84, 0.80, 0.72, 0.55])  # of the model, by true type
KINDS = tuple(f"t{kind}" for kind in range(6))
FOLLOWS = 0.30
# In 100 repetitions an exact interval with 96.3 % coverage (below) falls short of 93 by chance one time in thirty, and
# seeds 0 to 99 do, with 92. Five hundred tell chance from fault: 93 % is four standard deviations away.
REPETITIONS = 500


@dataclass(frozen=True)
class Desk:
    """What a desk finds about one night, and how good the model was on its 5,000 tickets."""

    accuracy: float
    blind: Quality
    naive: Proportion
    follow_through: FollowThrough


def a_desk(seed: int) -> Desk:
    generator = np.random.default_rng(seed)
    truth = generator.choice(6, TICKETS, p=SHARES)
    right = generator.random(TICKETS) < RIGHT[truth]
    said = np.where(right, truth, (truth + generator.integers(1, 6, TICKETS)) % 6)
    # Errors are mostly unsure ones: they gather in the queue.
    confidence = np.where(right, generator.beta(6, 1.5, TICKETS), generator.beta(2.5, 2.5, TICKETS))
    with_suggestion = np.where(generator.random(TICKETS) < FOLLOWS, said, truth)
    blind = generator.choice(TICKETS, BLIND, replace=False)  # of all tickets, whatever else was chosen
    least_sure = np.argsort(confidence)
    queue = least_sure[~np.isin(least_sure, blind)][:QUEUE]

    def read(tickets: np.ndarray, answers: np.ndarray, user: int) -> list[Verdict]:
        return [
            Verdict(int(at), user, KINDS[said[at]], f"c{said[at]}", None, None, KINDS[answers[at]], f"c{answers[at]}")
            for at in tickets
        ]

    first, again = read(blind, truth, 1), read(blind, with_suggestion, 2)
    shown = [Pair(one, two) for one, two in zip(first, again, strict=True)]
    return Desk(
        float(right.mean()),
        quality(first, "model", KINDS),
        naive(read(queue, with_suggestion, 2), "type"),
        follow_through(shown, "type"),
    )


@pytest.fixture(scope="module")
def desks() -> list[Desk]:
    return [a_desk(seed) for seed in range(REPETITIONS)]


def covers(proportion: Proportion, truth: float) -> bool:
    interval = proportion.interval()
    return interval is not None and interval[0] <= truth <= interval[1]


def test_the_simulated_model_is_as_good_as_meant(desks: list[Desk]) -> None:
    assert np.mean([desk.accuracy for desk in desks]) == pytest.approx(0.86, abs=0.01)


def test_blind_readings_tell_the_accuracy(desks: list[Desk]) -> None:
    assert sum(covers(desk.blind.type, desk.accuracy) for desk in desks) >= 0.93 * REPETITIONS


def test_the_queue_does_not_tell_the_accuracy(desks: list[Desk]) -> None:
    assert sum(covers(desk.naive, desk.accuracy) for desk in desks) < 0.01 * REPETITIONS
    assert all(desk.naive.share < desk.accuracy for desk in desks)


def test_shown_readings_of_blind_tickets_tell_how_often_a_wrong_suggestion_is_followed(desks: list[Desk]) -> None:
    assert sum(covers(desk.follow_through.followed, FOLLOWS) for desk in desks) >= 0.93 * REPETITIONS
    assert all(desk.follow_through.refused.part == 0 for desk in desks)


@pytest.mark.parametrize(("kind", "right"), list(zip(KINDS, RIGHT, strict=True)))
def test_blind_readings_tell_the_accuracy_per_true_type(desks: list[Desk], kind: str, right: float) -> None:
    assert sum(covers(desk.blind.found[kind], right) for desk in desks) >= 0.93 * REPETITIONS


def test_exact_coverage_of_the_blind_share() -> None:
    """Without any chance: the probability that the interval of 250 of 5,000 tickets holds the share of 4,300."""
    covered = [part for part in range(BLIND + 1) if covers(Proportion(part, BLIND), 0.86)]
    assert hypergeom(TICKETS, 4300, BLIND).pmf(covered).sum() == pytest.approx(0.9605, abs=1e-4)
