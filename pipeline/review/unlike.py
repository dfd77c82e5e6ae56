"""Tickets that are unlike anything known: nearer to no labelled narrative than hardly any of those is to the others."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.nightly.watch.settings import ProposalSettings
from pipeline.nightly.watch.vectors import nearness, space

_HELD_OUT = 1000  # labelled narratives that the limit rests on: ten of them lie beyond one in a hundred
_ITSELF = 0.999  # the cosine of a narrative with itself, but for rounding


def unlike(
    known: Sequence[str], tickets: Sequence[str], answered: Sequence[int], settings: ProposalSettings, seed: int
) -> NDArray[np.float64]:
    """Return how unlike the known narratives each ticket is (n_tickets,): 0 for the usual, up to 1.

    The measure is the watch's (`pipeline.nightly.watch.vectors`): a ticket is unlike if its mean cosine to its nearest
    known narratives is less than that of all but a share of `unlike` of the known ones. `answered` are the tickets
    whose manner of speaking is a call centre's own and should not count.
    """
    if not known or not tickets:
        return np.zeros(len(tickets))
    placed = space(known, tickets, answered, (), settings.common)
    held_out = np.random.default_rng(seed).permutation(len(known))[:_HELD_OUT]
    usual = nearness(placed.known[held_out], placed.known, settings.nearest, _ITSELF)
    limit = float(np.quantile(usual, settings.unlike))
    near = nearness(placed.tonight, placed.known, settings.nearest)
    return np.where(near < limit, 1 - near.astype(np.float64), 0.0)
