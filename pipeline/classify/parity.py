"""Whether two ways of computing one model say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.classify.answer import Answer, ScoreSettings, Thresholds, decide
from pipeline.classify.base import Floats
from pipeline.taxonomy import Taxonomy

WHAT = ("cause", "type", "route")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of how many rows another way says the same cause, type and route, and how far its probabilities of types go off.

    The agreements are shares of `rows`; the gaps are absolute, of the type whose probability moved most in each row.
    """

    rows: int
    cause: float
    type: float
    route: float
    largest_gap: float
    mean_gap: float

    @classmethod
    def of(
        cls, exact: Floats, other: Floats, taxonomy: Taxonomy, thresholds: Thresholds, settings: ScoreSettings
    ) -> "Agreement":
        """Compare the probabilities (n, n_causes) of two ways on the same narratives."""
        before, after = (decide(part, [None] * len(part), taxonomy, thresholds, settings) for part in (exact, other))
        cause, kind, route = (_same(before, after, what) for what in WHAT)
        gaps = abs(taxonomy.type_probabilities(exact - other)).max(axis=1)
        return cls(len(exact), cause, kind, route, float(gaps.max()), float(gaps.mean()))

    def failures(self, least: Mapping[str, float]) -> list[str]:
        """Say in which of `least` (shares by name) too many rows differ: more than one, and more than the share."""
        return [
            f"{what}s agree in {getattr(self, what):.2%} of {self.rows} rows ({share:.1%} are asked)"
            for what, share in least.items()
            if round((1 - getattr(self, what)) * self.rows) > max(1, (1 - share) * self.rows)
        ]

    def describe(self) -> str:
        """Say it in a line."""
        alike = ", ".join(f"{what}s {getattr(self, what):.1%}" for what in WHAT)
        gaps = f"{self.mean_gap:.4f}, at most {self.largest_gap:.3f}"
        return f"{alike} alike of {self.rows}; probabilities off by {gaps}"


def _same(one: Sequence[Answer], other: Sequence[Answer], what: str) -> float:
    return float(np.mean([getattr(it, what) == getattr(that, what) for it, that in zip(one, other, strict=True)]))
