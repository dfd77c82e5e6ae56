"""How often the agent's own classification differs, and how much work review is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.nightly.report.entries import Entry
from pipeline.taxonomy import Taxonomy

_Filed = tuple[str, str]  # agent_type, agent_cause as typed


@dataclass(frozen=True, slots=True)
class Agent:
    """Tickets whose export says how the agent filed them, against the model's answer.

    `matrix` counts (agent's type, model's type); `causes` the commonest differing (agent's cause, model's cause).
    """

    of: int
    with_type: int
    other_type: int
    with_cause: int
    other_cause: int
    unrecognised: int  # tickets with a name that the taxonomy does not know
    matrix: Mapping[tuple[str, str], int]
    causes: tuple[tuple[tuple[str, str], int], ...]


@dataclass(frozen=True, slots=True)
class Review:
    """Tickets by route, by the level that is safe to use, and by reason (a ticket can have several)."""

    of: int
    review: int
    answers: Mapping[str, int]
    reasons: Mapping[str, int]


@dataclass(slots=True)
class AgentTally:
    """Compares tickets with what the agent chose."""

    taxonomy: Taxonomy
    tickets: int = 0
    unrecognised: int = 0
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    known: dict[_Filed, tuple[str | None, str | None]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Compare one ticket."""
        self.tickets += 1
        filed = (entry.fields.get("agent_type", ""), entry.fields.get("agent_cause", ""))
        if filed not in self.known:
            self.known[filed] = self.taxonomy.filed_under(entry.fields)
        kind, cause = self.known[filed]
        if kind is not None:
            self.matrix[kind, entry.type] += 1
        elif any(filed):
            self.unrecognised += 1
        if cause is not None:
            self.causes[cause, entry.cause] += 1

    def result(self) -> Agent:
        """Return what was counted."""
        differing = Counter({pair: count for pair, count in self.causes.items() if pair[0] != pair[1]})
        return Agent(
            of=self.tickets,
            with_type=self.matrix.total(),
            other_type=sum(count for (agent, model), count in self.matrix.items() if agent != model),
            with_cause=self.causes.total(),
            other_cause=differing.total(),
            unrecognised=self.unrecognised,
            matrix=dict(self.matrix),
            causes=tuple(sorted(differing.items(), key=lambda item: (-item[1], item[0]))),
        )


@dataclass(slots=True)
class ReviewTally:
    """Counts routes, answers and reasons."""

    routes: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count one ticket."""
        self.routes[entry.route] += 1
        self.answers[entry.answer] += 1
        self.reasons.update(entry.reasons)

    def result(self) -> Review:
        """Return what was counted."""
        return Review(self.routes.total(), self.routes["review"], dict(self.answers), dict(self.reasons))
