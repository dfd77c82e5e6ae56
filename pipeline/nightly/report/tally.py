"""All figures that one pass over the tickets gives."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from pipeline.nightly.report.agent import AgentTally, ReviewTally
from pipeline.nightly.report.areas import Repeats
from pipeline.nightly.report.compare import Comparison
from pipeline.nightly.report.entries import Entry, Run
from pipeline.nightly.report.figures import Period, Report
from pipeline.nightly.report.mix import MixTally
from pipeline.nightly.report.places import PlaceTally
from pipeline.nightly.report.stages import StageTally
from pipeline.nightly.report.voltage import VoltageTally
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy


class Tally:
    """Counts tickets one by one; memory grows with places, customers and days, not with tickets."""

    def __init__(self, taxonomy: Taxonomy, clock: datetime | None) -> None:
        """Take the time at which the data end, None if there is no one time."""
        self.taxonomy = taxonomy
        self.mix = MixTally(taxonomy)
        self.stages = StageTally(clock)
        self.agent = AgentTally(taxonomy)
        self.review = ReviewTally()
        self.places = PlaceTally()
        self.voltage = VoltageTally()
        self.days: Counter[date] = Counter()
        self.first: datetime | None = None
        self.last: datetime | None = None

    def count(self, entries: Iterable[Entry]) -> None:
        """Count tickets; what is no complaint has a type, stages, an agent and a route, but no place."""
        for entry in entries:
            for tally in (self.mix, self.stages, self.agent, self.review):
                tally.add(entry)
            if entry.type != OUT_OF_SCOPE:
                self.places.add(entry)
                self.voltage.add(entry)
            if entry.accepted_at is not None:
                self.days[entry.accepted_at.date()] += 1
                self.first = min(self.first or entry.accepted_at, entry.accepted_at)
                self.last = max(self.last or entry.accepted_at, entry.accepted_at)

    def causes(self) -> Counter[str]:
        """Return the tickets by cause."""
        found: Counter[str] = Counter()
        for (_, cause), count in self.mix.tickets.items():
            found[cause] += count
        return found

    def report(
        self,
        run: Run,
        comparisons: tuple[Comparison | None, Comparison | None],
        repeats: Repeats | None,
        *,
        month: date | None = None,
        rejects: dict[str, int] | None = None,
    ) -> Report:
        """Put what was counted together with what the database had to be asked for."""
        mix = self.mix.result()
        return Report(
            run=run,
            month=month,
            taxonomy=self.taxonomy,
            period=Period(self.first, self.last, len(self.days), mix.tickets - self.days.total()),
            mix=mix,
            comparisons=comparisons,
            voltage=self.voltage.result(),
            places=self.places.result(),
            repeats=repeats,
            stages=self.stages.result(),
            agent=self.agent.result(),
            review=self.review.result(),
            rejects=rejects,
        )
