"""How often the watch is wrong, in short; docs/watch.md has the figures of longer runs."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from pipeline.nightly.watch import WatchSettings
from pipeline.nightly.watch.history import Totals, same_weekdays
from pipeline.nightly.watch.known import Corpus
from pipeline.nightly.watch.mix import Compared, confidence, mix_by_corpus, mix_by_weeks, review
from pipeline.taxonomy import OUT_OF_SCOPE

from .conftest import TONIGHT, Nights, Ticket

# Shares of types as one province published them for a month, and what a call centre gets beside complaints.
SHARES = {
    "power_quality": 0.44, "business": 0.22, "service": 0.22, "outage": 0.05, "grid_construction": 0.04,
    OUT_OF_SCOPE: 0.03,
}  # fmt: skip
SETS, NIGHTS = 10, 10  # of weeks, and of nights after each
ROWS = 300


@pytest.mark.parametrize("concentration", [None, 100], ids=["the same mix each day", "a mix of its own each day"])
def test_quiet_nights_hardly_ever_alarm(
    nights: Nights, fresh: Sequence[Ticket], watching: WatchSettings, concentration: int | None
) -> None:
    """A Dirichlet mix of concentration 100 gives the largest type 44 % of a day's tickets, plus or minus 5 points."""
    corpus, source = Corpus.load(nights.corpus, nights.model), np.random.default_rng(7)
    alarmed = 0
    for _ in range(SETS):
        days = {
            TONIGHT - timedelta(days=number): _drawn(fresh, source, concentration, SHARES) for number in range(1, 29)
        }
        for _ in range(NIGHTS):
            alarmed += bool(_alarms(_drawn(fresh, source, concentration, SHARES), days, corpus, watching))
    assert alarmed <= 0.03 * SETS * NIGHTS


def test_fifteen_points_from_one_type_to_a_small_one_are_noticed(
    nights: Nights, fresh: Sequence[Ticket], watching: WatchSettings
) -> None:
    corpus, source = Corpus.load(nights.corpus, nights.model), np.random.default_rng(7)
    shifted = SHARES | {"power_quality": 0.29, "outage": 0.20}
    days = {TONIGHT - timedelta(days=number): _drawn(fresh, source, None, SHARES) for number in range(1, 29)}
    found = [_alarms(_drawn(fresh, source, None, shifted), days, corpus, watching) for _ in range(NIGHTS)]
    assert sum("mix_weeks" in names for names in found) >= 0.8 * NIGHTS


def _alarms(now: Totals, days: dict, corpus: Corpus, settings: WatchSettings) -> set[str]:
    chosen, _ = same_weekdays(days, frozenset({TONIGHT.weekday()}), settings)
    compared = Compared(now, days, chosen, "")
    found = (
        mix_by_weeks(compared, settings),
        mix_by_corpus(now, compared, corpus, settings),
        confidence(compared, settings),
        review(compared, settings),
    )
    return {signal.name for signal in found if signal.alarm}


def _drawn(
    tickets: Sequence[Ticket], source: np.random.Generator, concentration: int | None, shares: dict[str, float]
) -> Totals:
    """Draw a day's tickets by type, between 210 and 390 of them."""
    mix = np.array(list(shares.values()))
    if concentration is not None:
        mix = source.dirichlet(mix * concentration)
    counts = source.multinomial(int(ROWS * source.uniform(0.7, 1.3)), mix)
    drawn: list[Ticket] = []
    for kind, count in zip(shares, counts, strict=True):
        own = [ticket for ticket in tickets if ticket.type == kind]
        drawn += [own[index] for index in source.integers(0, len(own), count)]
    review = sum(ticket.answer == "none" or ticket.type == OUT_OF_SCOPE for ticket in drawn)
    chances = [ticket.probability for ticket in drawn]
    return Totals(Counter(ticket.type for ticket in drawn), sum(chances), sum(chance**2 for chance in chances), review)
