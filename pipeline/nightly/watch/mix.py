"""Signals from the answers: the mix of types, the model's confidence, the share that goes to review."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipeline.classify.base import Floats
from pipeline.nightly.watch.found import Signal
from pipeline.nightly.watch.history import Days, Totals, add
from pipeline.nightly.watch.known import Corpus
from pipeline.nightly.watch.settings import WatchSettings
from pipeline.nightly.watch.usual import above, chance_above, chance_distance, day_to_day, distance

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Compared:
    """Tonight's answers, all days they can be compared with, and those of them that they are compared with."""

    now: Totals
    days: Days
    chosen: Days
    basis: str  # the chosen days in words

    def peers(self, days: list[date]) -> Totals:
        """Add some of the days up."""
        return add(self.days[day] for day in days)


def mix_by_weeks(compared: Compared, settings: WatchSettings) -> Signal:
    """Compare the mix of types with that of the weeks before."""
    past = add(compared.chosen.values())
    names = _names(compared.now.types, past.types)
    now = float(distance(_shares(compared.now.types, names), _shares(past.types, names)))
    days = day_to_day(compared.days, lambda day, peers: _apart(compared, day, peers), settings.least_days)
    threshold = max(
        settings.floors.mix,
        chance_distance(_shares(compared.now.types + past.types, names), compared.now.rows, past.rows, settings),
        float(np.mean(days)) + above(days, settings.level),
    )
    return Signal(
        "mix_weeks",
        "类型构成（与前几周比）",
        now,
        float(np.mean(days)),
        threshold,
        now > threshold,
        "JS 距离",
        f"本次 {compared.now.rows} 件，对照{compared.basis}；对照值为平日各日之间的距离，高于界限报警",
    )


def mix_by_corpus(now: Totals, compared: Compared | None, corpus: Corpus, settings: WatchSettings) -> Signal:
    """Compare the mix of types with the corpus's: it is never life's, so a change of the distance is what counts."""
    names = _names(now.types, corpus.types, *(day.types for day in compared.days.values()) if compared else ())
    learned = _shares(corpus.types, names)

    def away(totals: Totals) -> float:
        return float(distance(_shares(totals.types, names), learned))

    if compared is None:
        usual, basis = None, "此前无可比的几周，界限为公开月度构成与语料的距离"
        threshold = max(settings.floors.mix_corpus, chance_distance(learned, now.rows, np.inf, settings))
    else:
        days = day_to_day(compared.days, lambda day, _: away(compared.days[day]), settings.least_days)
        usual, basis = away(add(compared.chosen.values())), f"对照{compared.basis}与语料的距离"
        chance = max(above(days, settings.level), _chance_away(now, compared, learned, names, settings))
        threshold = usual + max(settings.floors.mix, chance)
    distant = away(now)
    return Signal(
        "mix_corpus",
        "类型构成（与训练语料比）",
        distant,
        usual,
        threshold,
        distant > threshold,
        "JS 距离",
        f"本次 {now.rows} 件，语料 {len(corpus.rows)} 条；{basis}，高于界限报警",
    )


def confidence(compared: Compared, settings: WatchSettings) -> Signal:
    """Compare the mean type probability with that of the weeks before; only a fall alarms."""
    past = add(compared.chosen.values())
    usual = _probability(past)
    variance = max(past.squares / past.rows - usual**2, 0.0)
    now = _probability(compared.now)
    threshold = usual - _margin(compared, _probability, variance, settings.floors.confidence, settings)
    basis = f"本次 {compared.now.rows} 件，对照{compared.basis}；低于界限报警"
    return _percent("confidence", "平均把握（类型概率）", now, usual, threshold, now < threshold, basis)


def review(compared: Compared, settings: WatchSettings) -> Signal:
    """Compare the share that goes to review with that of the weeks before; only a rise alarms."""
    usual = _reviewed(add(compared.chosen.values()))
    now = _reviewed(compared.now)
    threshold = usual + _margin(compared, _reviewed, usual * (1 - usual), settings.floors.review, settings)
    basis = f"本次 {compared.now.rows} 件，对照{compared.basis}；高于界限报警"
    return _percent("review", "转人工比例", now, usual, threshold, now > threshold, basis)


def _margin(
    compared: Compared,
    figure: Callable[[Totals], float],
    variance: float,
    floor: float,
    settings: WatchSettings,
) -> float:
    """Return by how much a mean may differ from the usual one: by chance, from day to day, or too little to matter."""
    past = add(compared.chosen.values())
    days = day_to_day(
        compared.days,
        lambda day, peers: figure(compared.days[day]) - figure(compared.peers(peers)),
        settings.least_days,
    )
    chance = chance_above(variance, compared.now.rows, past.rows, settings.level)
    return max(floor, chance, above(days, settings.level))


def _apart(compared: Compared, day: date, peers: list[date]) -> float:
    one, other = compared.days[day].types, compared.peers(peers).types
    names = _names(one, other)
    return float(distance(_shares(one, names), _shares(other, names)))


def _chance_away(now: Totals, compared: Compared, learned: Floats, names: list[str], settings: WatchSettings) -> float:
    """Return how much further from the corpus than the weeks before chance alone brings so many tickets."""
    usual = _shares(add(compared.chosen.values()).types, names)
    drawn = np.random.default_rng(settings.seed).multinomial(now.rows, usual, settings.draws) / now.rows
    return float(np.quantile(distance(drawn, learned), settings.level) - distance(usual, learned))


def _names(*types: Mapping[str, int]) -> list[str]:
    return sorted(set().union(*types))


def _shares(types: Counter[str], names: list[str]) -> Floats:
    return np.array([types[name] for name in names], dtype=np.float64) / types.total()


def _probability(totals: Totals) -> float:
    return totals.probability / totals.rows


def _reviewed(totals: Totals) -> float:
    return totals.review / totals.rows


def _percent(name: str, title: str, now: float, usual: float, threshold: float, alarm: bool, basis: str) -> Signal:
    return Signal(name, title, _PERCENT * now, _PERCENT * usual, _PERCENT * threshold, alarm, "%", basis)
