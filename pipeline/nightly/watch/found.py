"""What the watch hands to the report: signals, proposed causes, notes. All texts are Chinese and masked."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signal:
    """One figure of tonight beside what is usual."""

    name: str  # stable, for programs
    title: str
    now: float
    before: float | None  # the same figure of what it is compared with, None where there is none
    threshold: float  # beyond it somebody should look; `basis` says on which side
    alarm: bool
    unit: str
    basis: str  # compared with what: which days, how many tickets


@dataclass(frozen=True, slots=True)
class Example:
    """A ticket that shows what a group is about."""

    ticket_id: str
    narrative: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Tickets that are more like each other than like anything known: perhaps a cause that the taxonomy lacks."""

    words: tuple[str, ...]
    tickets: int
    share: float  # of all tickets of the run, 0 to 1
    examples: tuple[Example, ...]
    usual: float | None  # tickets like these on the same weekdays of the weeks before, for as many days; None: unknown


@dataclass(frozen=True, slots=True)
class Watch:
    """What was seen in one run."""

    signals: tuple[Signal, ...]
    proposals: tuple[Proposal, ...]
    notes: tuple[str, ...]
