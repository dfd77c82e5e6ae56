"""How well the peers of benchmarks/peers.py and gongdan itself answer labelled narratives."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from peers_work import Kept, Place, Texts, Told

from pipeline.classify.model import Model, read_bert
from pipeline.classify.runtime import EXACT, Runtime
from pipeline.corpus import Labelled
from pipeline.train.evaluate import Evaluation, evaluate, measure

MIN_SUPPORT = 5  # real texts of a type, so that it counts in macro-F1
Set = tuple[Sequence[Labelled], int]  # and how often a type has to occur in it


def accuracies(kept: Kept, place: Place, texts: Texts, model: Model, peers: Sequence[str]) -> dict[str, Told]:
    """Return the macro-F1 of types of peers by name, of their BERT with its linear part ("fp32"), of the model ("")."""
    sets: list[Set] = [(texts.test, 1), *([(texts.real, MIN_SUPPORT)] if texts.real else [])]
    found = {name: kept.of(f"accuracy: {name}", partial(_of_peer, place, sets, model, name)) for name in peers}
    exact = Model.load(place.weights, bert=read_bert(Runtime(arithmetic=EXACT))).reading_everything()
    found["fp32"] = kept.of("accuracy: gongdan in fp32", partial(_of_model, sets, exact))
    found[""] = kept.of("accuracy: gongdan", partial(_of_model, sets, model))
    return found


def _of_peer(place: Place, sets: Sequence[Set], model: Model, name: str) -> Told:
    narratives = [row.text for rows, _ in sets for row in rows]
    chances = place.run(name, narratives, "--probabilities")[1]["probabilities"]
    found, at = [], 0
    for rows, least in sets:
        part = chances[at : at + len(rows)]
        none = np.zeros(len(rows), dtype=bool)  # accepted: a peer has no thresholds
        found.append(measure(part, rows, model.taxonomy, none, min_support=least))
        at += len(rows)
    return _told(found)


def _of_model(sets: Sequence[Set], model: Model) -> Told:
    return _told(evaluate(model, rows, min_support=least) for rows, least in sets)


def _told(found: Iterable[Evaluation]) -> Told:
    return dict(zip(("test", "real"), (it.type_macro_f1 for it in found), strict=False))
