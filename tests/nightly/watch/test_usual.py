"""Distances, what chance does, and how far days lie from each other."""

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.nightly.watch import WatchSettings
from pipeline.nightly.watch.history import Totals
from pipeline.nightly.watch.usual import above, beyond_chance, chance_above, chance_distance, day_to_day, distance

MONDAY = date(2026, 11, 2)


def test_the_distance_is_nought_for_the_same_shares_and_one_for_nothing_in_common() -> None:
    one = np.array([0.5, 0.5, 0.0])
    assert distance(one, one) == 0
    assert distance(one, np.array([0.0, 0.0, 1.0])) == pytest.approx(1.0)
    # By hand: m = (0.75, 0.25); half of 1*log2(1/0.75), half of 0.5*log2(0.5/0.75) + 0.5*log2(0.5/0.25); the root.
    assert distance(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(0.5579, abs=1e-4)


def test_ten_points_more_for_the_largest_type_are_about_the_least_difference_worth_a_look() -> None:
    usual = np.array([0.438, 0.226, 0.224, 0.046, 0.036, 0.03])
    more = np.array([0.538, *(usual[1:] * 0.462 / 0.562)])
    assert distance(more, usual) == pytest.approx(WatchSettings.load().floors.mix, abs=0.01)


def test_chance_does_less_the_more_tickets_there_are(watching: WatchSettings) -> None:
    shares = np.array([0.45, 0.25, 0.2, 0.1])
    few, many = (chance_distance(shares, rows, 4 * rows, watching) for rows in (50, 5000))
    assert 0.2 < few < 0.35
    assert few / many == pytest.approx(10, rel=0.2)  # the root of a hundred times as many
    assert chance_distance(shares, 50, np.inf, watching) < few


def test_a_day_is_compared_with_its_weekday_where_there_are_enough() -> None:
    days = {MONDAY + timedelta(days=number): Totals(Counter(a=1)) for number in (0, 1, 7, 14)}
    peers = {}
    day_to_day(days, lambda day, others: float(peers.setdefault(day, len(others))), 3)
    assert peers == {
        MONDAY: 2,
        MONDAY + timedelta(days=1): 3,  # the only Tuesday: compared with all
        MONDAY + timedelta(days=7): 2,
        MONDAY + timedelta(days=14): 2,
    }
    assert day_to_day(days, lambda _, __: 1.0, 5) == []


def test_the_next_day_lies_above_the_bound_once_in_twenty_at_that_level() -> None:
    source = np.random.default_rng(1)
    beyond = 0
    for _ in range(2000):
        *past, new = source.normal(10, 3, 7)
        beyond += new > np.mean(past) + above(past, 0.95)
    assert 0.035 < beyond / 2000 < 0.065


def test_days_that_differ_by_chance_alone_leave_the_bound_of_chance() -> None:
    assert beyond_chance([0.4, 0.5, 0.6], noise=0.2, noise_now=0.1, level=0.975) == pytest.approx(0.196, abs=1e-3)
    # Variance 0.01, of which chance explains none: Student's t with two degrees of freedom, and the mean's own error.
    assert beyond_chance([0.4, 0.5, 0.6], 0, 0, 0.975) == pytest.approx(4.303 * 0.1 * np.sqrt(4 / 3), rel=1e-3)
    assert beyond_chance([0.4, 0.5, 0.6], 0, 0, 0.975) == pytest.approx(above([0.4, 0.5, 0.6], 0.975))


def test_means_of_two_samples_differ_by_chance_as_the_formula_says() -> None:
    source = np.random.default_rng(2)
    bound = chance_above(0.25, 40, 60, 0.95)
    apart = [source.binomial(40, 0.5) / 40 - source.binomial(60, 0.5) / 60 > bound for _ in range(4000)]
    assert 0.03 < np.mean(apart) < 0.07
