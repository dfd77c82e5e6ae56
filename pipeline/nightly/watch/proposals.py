"""Groups of tickets that the taxonomy may lack a cause for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from scipy.sparse import csr_array, vstack

from pipeline.nightly.watch.found import Example, Proposal
from pipeline.nightly.watch.groups import Rows, contrast, cores, members, separate, threshold, typical
from pipeline.nightly.watch.history import Seen
from pipeline.nightly.watch.known import Corpus
from pipeline.nightly.watch.settings import WatchSettings
from pipeline.nightly.watch.telling import telling_words
from pipeline.nightly.watch.vectors import Space, cosines, different, space
from pipeline.taxonomy import OUT_OF_SCOPE

_ITSELF = 0.999  # the cosine of a narrative with itself, but for rounding


@dataclass(frozen=True, slots=True)
class Night:
    """The tickets looked at and what they are compared with."""

    tickets: Sequence[Seen]
    total: int  # tickets of the run
    days: int  # of the run
    before: Mapping[date, Sequence[Seen]]  # some days of the weeks before
    counts: Mapping[date, int]  # how many tickets those days have in all
    same: Sequence[date]  # those of them that have tonight's weekdays


def proposals(night: Night, corpus: Corpus, settings: WatchSettings) -> tuple[Proposal, ...]:
    """Find tickets that are more like each other than like the corpus or what the model answered in the weeks before.

    Groups start among the tickets that the model is unsure of or finds out of scope, then take in what is like them.
    """
    limits = settings.proposals
    unsure = [index for index, seen in enumerate(night.tickets) if not _is_answered(seen)][: limits.candidates]
    if len(unsure) < limits.core or len(corpus.rows) < limits.core:
        return ()
    return _Search(night, corpus, settings).run(np.array(unsure, dtype=np.intp))


@dataclass(slots=True)
class _Search:
    night: Night
    corpus: Corpus
    settings: WatchSettings
    past: list[tuple[date, Seen]] = field(init=False)
    space: Space = field(init=False)
    known: csr_array = field(init=False)

    def __post_init__(self) -> None:
        self.past = [(day, seen) for day, rows in self.night.before.items() for seen in rows]
        self.space = space(
            self.corpus.texts,
            [seen.narrative for seen in self.night.tickets],
            [row for row, seen in enumerate(self.night.tickets) if _is_answered(seen)],
            [seen.narrative for _, seen in self.past],
            self.settings.proposals.common,
        )
        answered = [index for index, (_, seen) in enumerate(self.past) if _is_answered(seen)]
        self.known = csr_array(vstack([self.space.known, self.space.before[answered]], format="csr"))

    def run(self, unsure: Rows) -> tuple[Proposal, ...]:
        limits, tonight = self.settings.proposals, self.space.tonight
        found = contrast(tonight[unsure], self.known, limits)
        least = threshold(self.space.known, len(found.kept), limits, self.settings.seed)
        starts = [unsure[core] for core in cores(found, least, limits)]
        groups = [np.union1d(core, members(tonight[core], tonight, self.known, limits)) for core in starts]
        wide = [index for index, group in enumerate(groups) if self._is_wide(group)]
        chosen = [wide[index] for index in separate([groups[index] for index in wide])]
        offered = [self._proposal(groups[index], tonight[starts[index]]) for index in chosen]
        return tuple(sorted(offered, key=lambda one: (one.usual or 0) - one.tickets)[: limits.most])

    def _is_wide(self, group: Rows) -> bool:
        """Tell whether a group has enough different narratives, areas and customers; unknown ones count as others."""
        limits = self.settings.proposals
        tickets = [self.night.tickets[row] for row in group]
        narratives = different(cosines(self.space.tonight[group], self.space.tonight[group]), limits.same)
        return (
            len(narratives) >= limits.tickets
            and _count([seen.area for seen in tickets]) >= limits.places
            and _count([seen.customer for seen in tickets]) >= limits.places
        )

    def _proposal(self, group: Rows, core: csr_array) -> Proposal:
        limits = self.settings.proposals
        tickets = [self.night.tickets[row] for row in group]
        order = typical(self.space.tonight[group])
        kept = different(cosines(self.space.tonight[group[order]], self.space.tonight[group[order]]), limits.same)
        shown = [tickets[row] for row in order[kept][: limits.examples]]
        share = len(tickets) / len(self.night.tickets)
        return Proposal(
            telling_words([seen.narrative for seen in tickets], self.corpus, limits.words),
            round(share * self.night.total),
            share,
            tuple(Example(seen.id, seen.narrative) for seen in shown),
            self._usual(core),
        )

    def _usual(self, core: csr_array) -> float | None:
        """Return how many tickets like these the same weekdays had, for as many days as the run has."""
        days = {day for day in self.night.same if self.night.before.get(day)}
        if not days:
            return None
        rows = members(core, self.space.before, self.known, self.settings.proposals, itself=_ITSELF)
        alike = [self.past[row][0] for row in rows if self.past[row][0] in days]
        counted = sum(self.night.counts[day] / len(self.night.before[day]) for day in alike)
        return counted / len(days) * self.night.days


def _is_answered(seen: Seen) -> bool:
    """Tell whether the model was sure of a ticket and found it a complaint: then it is of a known cause."""
    return seen.answer != "none" and seen.type != OUT_OF_SCOPE


def _count(values: Sequence[str | None]) -> int:
    return len({value for value in values if value}) + sum(not value for value in values)
