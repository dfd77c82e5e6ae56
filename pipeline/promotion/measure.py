"""One model over the rows: what the checks need of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from pipeline.classify.answer import best_paths
from pipeline.classify.base import Floats
from pipeline.classify.model import Model
from pipeline.promotion.compared import Ints, Recent, Rows, Side
from pipeline.promotion.settings import SpeedSettings

Advance = Callable[[str, int, int | None], None]  # is told a step's name, how much of it is done, and of how much
_BATCH = 500
_WARM = 20  # narratives before the clock starts: the first ones load what the rest uses
_PER_MB = 1e6


def side(
    model: Model,
    folder: Path,
    rows: Rows,
    recent: Sequence[Recent],
    speed: SpeedSettings,
    learned: int | None,
    advance: Advance = lambda *_: None,
) -> Side:
    """Answer the rows and the recent tickets, and measure speed and size."""
    texts = [row.text for row in rows.all]
    of_causes = _answered(model, texts, f"{model.name}: labelled rows", advance)
    of_types = model.taxonomy.type_probabilities(of_causes)
    types, causes = best_paths(of_causes, of_types, model.taxonomy)
    later = [ticket.narrative for ticket in recent]
    of_recent = model.taxonomy.type_probabilities(_answered(model, later, f"{model.name}: recent tickets", advance))
    return Side(
        name=model.name,
        digest=model.digest,
        manifest=model.manifest,
        types=_column(types),
        causes=_column(causes),
        confidence=of_types[np.arange(len(texts)), types],
        recent=of_recent.argmax(axis=1),
        learned=learned,
        per_second=per_second(model, later or texts, speed),
        megabytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / _PER_MB,
    )


def per_second(model: Model, texts: Sequence[str], speed: SpeedSettings) -> float:
    """Return how many narratives a second one process answers, warm, in the best of some rounds."""
    sample = list(texts[: speed.rows])
    model.predict_proba(sample[:_WARM])
    seconds = []
    for _ in range(speed.rounds):
        began = perf_counter()
        model.predict_proba(sample)
        seconds.append(perf_counter() - began)
    return len(sample) / min(seconds)


def _answered(model: Model, texts: Sequence[str], name: str, advance: Advance) -> Floats:
    parts = [np.zeros((0, len(model.taxonomy.cause_ids)))]
    for at in range(0, len(texts), _BATCH):
        advance(name, at, len(texts))
        parts.append(model.predict_proba(texts[at : at + _BATCH]))
    return np.concatenate(parts)


def _column(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)
