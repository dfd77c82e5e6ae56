"""Accuracy by parts of the rows: where a model is worse than on average, and whether that is more than chance."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from pipeline.corpus import Labelled

RowT = TypeVar("RowT")

_CONFIDENCE = 0.95
_LENGTHS = (50, 100, 200, 400)  # characters: a phone note, a usual ticket, a long one, a letter


@dataclass(frozen=True, slots=True)
class Slice:
    """`right` of `rows` narratives of a part, with the exact interval of the share (Clopper and Pearson 1934)."""

    name: str
    rows: int
    right: int
    low: float
    high: float

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return self.right / self.rows


def slices(
    rows: Sequence[RowT], right: NDArray[np.bool_], part: Callable[[RowT], Hashable], *, least: int = 10
) -> list[Slice]:
    """Count `right` (n_rows,) by what `part` says of each row, the worst first; parts with fewer rows are left out."""
    groups: dict[str, list[bool]] = {}
    for row, is_right in zip(rows, right.tolist(), strict=True):
        groups.setdefault(str(part(row)), []).append(is_right)
    found = [_slice(name, sum(values), len(values)) for name, values in groups.items() if len(values) >= least]
    return sorted(found, key=lambda one: (one.accuracy, one.name))


def by_length(row: Labelled) -> str:
    """Return the class of length of a narrative, in characters.

    >>> from pipeline.text import read_narrative
    >>> by_length(Labelled("1", read_narrative("停电"), "power_quality", None))
    '0-50'
    """
    length = len(row.text)
    above = next((limit for limit in _LENGTHS if length <= limit), None)
    below = max((limit for limit in _LENGTHS if limit < length), default=0)
    return f"{below}-{above}" if above is not None else f"more than {below}"


def by_voice(row: Labelled) -> str:
    """Return in whose words a narrative is told: the corpus's `style`."""
    return row.style or "unknown"


def _slice(name: str, right: int, rows: int) -> Slice:
    low, high = binomtest(right, rows).proportion_ci(_CONFIDENCE, method="exact")
    return Slice(name, rows, right, float(low), float(high))
