"""Tickets that are unlike anything known: farther from all of it than hardly any ticket with a safe answer is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.nightly.watch.settings import ProposalSettings
from pipeline.nightly.watch.vectors import nearness, space

_USUAL = 1000  # tickets that the limit rests on: ten of them lie beyond one in a hundred
_LEAST = 50  # with fewer, nobody can say what is usual: the corpus has not quite a call centre's words
_ITSELF = 0.999  # the cosine of a narrative with itself, but for rounding


def unlike(
    corpus: Sequence[str], answered: Sequence[str], tickets: Sequence[str], settings: ProposalSettings, seed: int
) -> NDArray[np.float64]:
    """Return how unlike anything known each ticket is (n_tickets,): 0 for the usual, up to 1.

    Known are the corpus and tonight's tickets with a safe answer. The measure is the watch's
    (`pipeline.nightly.watch.vectors`): a ticket is unlike if its mean cosine to its nearest known ones is lower than
    that of all but a share of `unlike` of the answered ones. Of ninety tickets about six things that the taxonomy has
    no cause for (tests/nightly/watch/topics.yaml), 99 % lie beyond it in the demo night.
    """
    if len(answered) < _LEAST or not tickets:
        return np.zeros(len(tickets))
    placed = space([*corpus, *answered], tickets, (), (), settings.common)
    some = len(corpus) + np.random.default_rng(seed).permutation(len(answered))[:_USUAL]
    limit = float(np.quantile(nearness(placed.known[some], placed.known, settings.nearest, _ITSELF), settings.unlike))
    near = nearness(placed.tonight, placed.known, settings.nearest)
    return np.where(near < limit, 1 - near.astype(np.float64), 0.0)
