"""What is usual: how far days lie from each other, and what chance alone does."""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm, t

from pipeline.classify.base import Floats
from pipeline.nightly.watch.history import Days
from pipeline.nightly.watch.settings import WatchSettings


def distance(one: Floats, other: Floats) -> Floats:
    """Return the Jensen-Shannon distance (base 2: 0 the same, 1 nothing in common) of shares in the last axis."""
    # Rounding can leave a divergence just below 0, of which the square root is no number.
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.asarray(jensenshannon(one, other, base=2, axis=-1), dtype=np.float64))


def chance_distance(shares: Floats, rows: int, others: float, settings: WatchSettings) -> float:
    """Return what the distance of two samples from these shares exceeds once in 1 / (1 - level) draws.

    `rows` and `others` tickets; infinitely many others are the shares themselves.
    """
    source = np.random.default_rng(settings.seed)
    drawn = source.multinomial(rows, shares, settings.draws) / rows
    whole = shares if np.isinf(others) else source.multinomial(int(others), shares, settings.draws) / others
    return float(np.quantile(distance(drawn, whole), settings.level))


def day_to_day(days: Days, figure: Callable[[date, list[date]], float], least: int) -> list[float]:
    """Return a figure of every day beside its peers: the other days of its weekday, or all others where those are few.

    None at all if there are fewer than `least` days.
    """
    if len(days) < least:
        return []
    found = []
    for day in days:
        others = [other for other in days if other != day]
        same = [other for other in others if other.weekday() == day.weekday()]
        found.append(figure(day, same if len(same) >= least - 1 else others))
    return found


def above(values: Sequence[float], level: float) -> float:
    """Return how far above their mean the next value lies at most, at this level (Student's t).

    >>> round(above([1.0, 2.0, 3.0], 0.975), 2)
    4.97
    """
    size = len(values)
    return float(t.ppf(level, size - 1) * np.std(values, ddof=1) * np.sqrt(1 + 1 / size))


def beyond_chance(values: Sequence[float], noise: float, noise_now: float, level: float) -> float:
    """Return how far above the days' mean the next value lies at most, when days are noisier or less so than tonight.

    `noise` is what chance alone spreads the days' values by, `noise_now` tonight's (standard deviations). What days
    differ by beyond that is taken by Student's t, chance by the normal distribution, and both are added in squares.
    """
    size = len(values)
    excess = max(float(np.var(values, ddof=1)) - noise**2, 0.0) * (1 + 1 / size)
    return float(np.hypot(norm.ppf(level) * noise_now, t.ppf(level, size - 1) * np.sqrt(excess)))


def chance_above(variance: float, rows: int, others: int, level: float) -> float:
    """Return how far apart chance alone brings the means of two samples of tickets with this variance."""
    return float(norm.ppf(level) * np.sqrt(variance * (1 / rows + 1 / others)))
