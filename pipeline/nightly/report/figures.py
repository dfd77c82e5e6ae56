"""A report as numbers: what the page and the workbook say, before it is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pipeline.nightly.report.agent import Agent, Review
from pipeline.nightly.report.areas import Repeats
from pipeline.nightly.report.compare import Comparison
from pipeline.nightly.report.entries import Run
from pipeline.nightly.report.mix import Mix
from pipeline.nightly.report.places import Places
from pipeline.nightly.report.stages import Stages
from pipeline.nightly.report.voltage import Direction
from pipeline.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Period:
    """The days on which the tickets were accepted; `undated` tickets have no usable time."""

    first: datetime | None
    last: datetime | None
    days: int  # with at least one ticket
    undated: int


@dataclass(frozen=True, slots=True)
class Report:
    """One night, or one month. All shares of complaints are of `mix.complaints`."""

    run: Run  # of a month: the newest closed one of the model
    month: date | None  # None: a night
    taxonomy: Taxonomy
    period: Period
    mix: Mix
    comparisons: tuple[Comparison | None, Comparison | None]  # near, then last year
    voltage: tuple[Direction, ...]
    places: Places
    repeats: Repeats | None  # None: no ticket has a date
    stages: Stages
    agent: Agent
    review: Review
    rejects: Mapping[str, int] | None  # code -> rows; None for a month

    @property
    def name(self) -> str:
        """A name for its folder: the month, or the night's date and run."""
        if self.month is not None:
            return f"{self.month:%Y-%m}"
        return f"{self.run.local_start:%Y-%m-%d}-run{self.run.id}"
