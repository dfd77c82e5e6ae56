"""From probabilities to an answer at the level that is safe, and to the question whether a person has to look."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from pipeline.classify.base import Floats
from pipeline.settings import CONFIGS, Settings, load_settings
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy

DEFAULT_PATH = CONFIGS / "score.yaml"
REASONS = ("low_confidence", "cause_uncertain", "out_of_scope", "disagrees_with_agent", "truncated")


class ScoreSettings(Settings):
    """configs/score.yaml."""

    chunk_rows: int = Field(ge=1)
    workers: int = Field(ge=0)
    alternatives: int = Field(ge=0)
    tuning: Path | None
    review_reasons: tuple[str, ...]

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> "ScoreSettings":
        """Read the settings; raises ConfigError, also for a reason that does not exist."""
        return load_settings(path, cls)

    @field_validator("review_reasons")
    @classmethod
    def _known(cls, reasons: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(reasons).difference(REASONS):
            raise ValueError(f"{', '.join(sorted(unknown))}: no such reason; known are {', '.join(REASONS)}")
        return reasons


class Level(Settings):
    """When an answer at one level is accepted, and what that rests on.

    At least `threshold` of probability; None if no threshold keeps the promise that at most `error` of the accepted
    answers are wrong, with `confidence`. Of `judged_on` rows `rows` are accepted, `wrong` of them wrongly: they support
    the promise.
    """

    threshold: float | None
    error: float
    confidence: float
    rows: int
    wrong: int
    judged_on: int

    def accepts(self, probability: float) -> bool:
        """Tell whether an answer of this probability is safe to use at this level."""
        return self.threshold is not None and probability >= self.threshold

    @property
    def rows_needed(self) -> int:
        """The fewest accepted rows that can support the promise: so many without any error.

        The exact bound of n rows without an error is 1 - (1 - confidence) ** (1 / n).
        """
        return math.ceil(math.log(1 - self.confidence) / math.log(1 - self.error))

    def describe(self) -> str:
        """Say from which probability on an answer is accepted and what that rests on, or why none is."""
        promise = f"at most {self.error:.0%} wrong with {self.confidence:.0%} confidence"
        if self.threshold is not None:
            return f"accepted from probability {self.threshold:.3f} on: {promise} ({self.wrong} wrong of {self.rows})"
        if self.judged_on < self.rows_needed:
            few = f"{self.judged_on} held-out narratives are too few to promise {promise}"
            return f"never accepted: {few}; it takes {self.rows_needed} or more"
        return f"never accepted: no threshold keeps the promise of {promise}; more narratives or a better model may"


class Thresholds(Settings):
    """The two levels at which an answer can be safe."""

    type: Level
    cause: Level


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said about one ticket. `alternatives` are (cause id, probability), the likeliest first."""

    type: str
    cause: str
    type_probability: float
    cause_probability: float
    answer: str  # cause | type | none
    route: str  # auto | review
    reasons: tuple[str, ...]
    alternatives: tuple[tuple[str, float], ...]


def decide(
    probabilities: Floats,
    agent_types: Sequence[str | None],
    taxonomy: Taxonomy,
    thresholds: Thresholds,
    settings: ScoreSettings,
) -> list[Answer]:
    """Answer every row of `probabilities` (n, n_causes), the columns in the order of the taxonomy.

    `agent_types` holds the type id the agent chose, or None where the export has none.
    """
    type_probabilities = taxonomy.type_probabilities(probabilities)
    types, causes = best_paths(probabilities, type_probabilities, taxonomy)
    shown = min(settings.alternatives + 1, probabilities.shape[1])
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :shown]
    answers: list[Answer] = []
    for row, (kind, cause) in enumerate(zip(types, causes, strict=True)):
        of_type, of_cause = float(type_probabilities[row, kind]), float(probabilities[row, cause])
        level = _level(of_type, of_cause, thresholds)
        type_id = taxonomy.type_ids[kind]
        reasons = _reasons(level, type_id, agent_types[row])
        others = [index for index in ranked[row] if index != cause][: settings.alternatives]
        answers.append(
            Answer(
                type_id,
                taxonomy.cause_ids[cause],
                of_type,
                of_cause,
                level,
                "review" if any(reason in settings.review_reasons for reason in reasons) else "auto",
                reasons,
                tuple((taxonomy.cause_ids[index], float(probabilities[row, index])) for index in others),
            )
        )
    return answers


def best_paths(probabilities: Floats, type_probabilities: Floats, taxonomy: Taxonomy) -> tuple[list[int], list[int]]:
    """Return for every row the column of its most probable type and of the most probable cause below that type."""
    types = type_probabilities.argmax(axis=1)
    below = taxonomy.membership.T[types] > 0  # (n, n_causes)
    causes = np.where(below, probabilities, -1.0).argmax(axis=1)
    return types.tolist(), causes.tolist()


def _level(of_type: float, of_cause: float, thresholds: Thresholds) -> str:
    if not thresholds.type.accepts(of_type):
        return "none"
    return "cause" if thresholds.cause.accepts(of_cause) else "type"


def _reasons(level: str, type_id: str, agent_type: str | None) -> tuple[str, ...]:
    found = {
        "low_confidence": level == "none",
        "cause_uncertain": level == "type",
        "out_of_scope": type_id == OUT_OF_SCOPE,
        "disagrees_with_agent": agent_type is not None and agent_type != type_id,
    }
    return tuple(reason for reason, holds in found.items() if holds)
