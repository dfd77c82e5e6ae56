"""Exact duplicates are read once: urged and forwarded tickets often come with the same words."""

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.classify.base import Floats
from pipeline.classify.model import Model


def prepare_once(model: Model, texts: Sequence[str]) -> Callable[[], Floats]:
    """Prepare the different ones of narratives; what is returned gives the probabilities (n_texts, n_causes) of all.

    Nothing is remembered from call to call: which texts go through a network together moves the last digits of what it
    says, and a run that was killed has to give, chunk by chunk, what it would have given.
    """
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    if not places:
        return lambda: np.empty((0, len(model.taxonomy.cause_ids)))
    score = model.prepare(list(places))
    return lambda: score()[[places[text] for text in texts]]
