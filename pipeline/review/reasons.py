"""Why a ticket may be worth a look: what its stored answer, the agent's classification and its text tell."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray

from pipeline.classify.answer import Thresholds
from pipeline.review.settings import Reason
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy

# Of several reasons the first of these is the ticket's own: the rarer and the more telling come first.
ORDER: tuple[Reason, ...] = (
    "unlike",
    "out_of_scope",
    "label_error",
    "model_error",
    "near_threshold",
    "low_confidence",
)
SPOT_CHECK = "spot_check"  # what a drawn ticket without any of them shows as its reason
_LEAST_LABELS = 50  # tickets with an agent's type: with fewer, confident learning has nothing to learn from
_LEAST_OF_TYPE = 5  # and of one type: what a type usually looks like, a ticket or two cannot say


@dataclass(slots=True)
class Looked:
    """A ticket as the queue sees it: its key, its reasons with how strongly each speaks (0 to 1), its place in lists.

    `chances` (n_types,) are what is kept of the type probabilities.
    """

    ticket_id: str
    content_sha256: str
    agent_type: str | None
    agent_cause: str | None
    unit: str
    week: str
    chances: NDArray[np.float32] = field(repr=False)
    found: dict[Reason, float] = field(default_factory=dict)

    @property
    def reasons(self) -> list[Reason]:
        """All its reasons, its own first."""
        return [reason for reason in ORDER if reason in self.found]


@dataclass(frozen=True, slots=True)
class Reading:
    """How stored predictions are read: the tree, the thresholds they were answered with, and the night's day."""

    taxonomy: Taxonomy
    thresholds: Thresholds
    margin: float
    night: date

    def look(self, row: Mapping[str, Any]) -> Looked:
        """Return what one stored prediction tells by itself; label errors and unlike texts take all of them."""
        agent_type, agent_cause = self.taxonomy.filed_under(row["fields"])
        looked = Looked(
            row["ticket_id"],
            row["content_sha256"],
            agent_type,
            agent_cause,
            row["fields"].get("unit", ""),
            week_of(row["accepted_at"], self.night),
            type_chances(row, self.taxonomy),
        )
        if agent_type is not None and agent_type != row["type"]:
            # The more the model thinks of the agent's type, the likelier it is the model that errs.
            looked.found["model_error"] = float(looked.chances[self.taxonomy.type_ids.index(agent_type)])
        if row["type"] == OUT_OF_SCOPE:
            looked.found["out_of_scope"] = 1 - row["type_probability"]
        if row["answer"] == "none":
            looked.found["low_confidence"] = 1 - row["type_probability"]
        if (nearness := self._nearness(row)) > 0:
            looked.found["near_threshold"] = nearness
        return looked

    def _nearness(self, row: Mapping[str, Any]) -> float:
        """Return 1 at a threshold, 0 a margin away from it; a cause's counts only where its type is accepted."""
        levels = [(self.thresholds.type.threshold, row["type_probability"])]
        if row["answer"] != "none":
            levels.append((self.thresholds.cause.threshold, row["cause_probability"]))
        distances = [abs(value - threshold) for threshold, value in levels if threshold is not None]
        return max((1 - distance / self.margin for distance in distances), default=0.0) if self.margin else 0.0


def week_of(accepted_at: datetime | None, night: date) -> str:
    """Return the ISO week of acceptance, or that of the night where it is unknown.

    >>> week_of(datetime(2026, 11, 29, 8), date(2026, 12, 1)), week_of(None, date(2026, 12, 1))
    ('2026-W48', '2026-W49')
    """
    year, week, _ = (accepted_at or night).isocalendar()
    return f"{year}-W{week:02}"


def type_chances(row: Mapping[str, Any], taxonomy: Taxonomy) -> NDArray[np.float32]:
    """Return type probabilities (n_types,) from what is stored: the type's own, and the causes that came next.

    What the stored causes leave over is spread evenly over the types: it is little where the model is sure.
    """
    of_types = dict.fromkeys(taxonomy.type_ids, 0.0)
    for cause, probability in row["alternatives"]:
        of_types[taxonomy.cause(cause).type_id] += probability
    of_types[row["type"]] = row["type_probability"]
    rest = max(1 - sum(of_types.values()), 0.0) / max(len(of_types) - 1, 1)
    chances = [value if kind == row["type"] else value + rest for kind, value in of_types.items()]
    return np.array(chances, dtype=np.float32) / sum(chances)


def add_label_errors(tickets: Sequence[Looked], taxonomy: Taxonomy) -> None:
    """Mark the agents' types that are likely wrong.

    Confident learning (Northcutt et al. 2021, doi 10.1613/jair.1.12125) by cleanlab. The model has never seen these
    tickets, so its probabilities are out of sample, as the method asks.
    """
    counts = Counter(ticket.agent_type for ticket in tickets if ticket.agent_type is not None)
    classes = sorted(kind for kind, number in counts.items() if number >= _LEAST_OF_TYPE)
    labelled = [ticket for ticket in tickets if ticket.agent_type in classes]
    if len(labelled) < _LEAST_LABELS or len(classes) < 2:
        return
    columns = [taxonomy.type_ids.index(kind) for kind in classes]
    chances = np.stack([ticket.chances[columns] for ticket in labelled]).astype(np.float64)
    chances = np.maximum(chances, np.finfo(np.float32).eps)
    chances /= chances.sum(axis=1, keepdims=True)
    labels = np.array([classes.index(str(ticket.agent_type)) for ticket in labelled])
    wrong = find_label_issues(labels, chances, return_indices_ranked_by="self_confidence", n_jobs=1)
    for index in wrong:
        labelled[index].found["label_error"] = 1 - float(chances[index, labels[index]])
        labelled[index].found.pop("model_error", None)  # then it is not the model that errs
