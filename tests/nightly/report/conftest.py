"""Small nights made by hand, and the month whose figures are published."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from pipeline.nightly.report.entries import Entry
from pipeline.store.schema import metadata, predictions, rejects, runs
from pipeline.taxonomy import Taxonomy

LOCAL = timedelta(hours=8)
COLUMNS = frozenset(predictions.columns.keys())
Row = dict[str, Any]
AGAIN, UNNAMED = 279, 281  # tickets of the published month: the same customer as before, and an unknown one
Found = TypeVar("Found")


class Nights:
    """A database of nights; every `add` is one closed run and returns its number."""

    def __init__(self, address: str) -> None:
        self.engine = sa.create_engine(address, poolclass=sa.NullPool)
        metadata.create_all(self.engine)

    def add(
        self,
        tickets: Sequence[Row] = (),
        *,
        started: str = "2026-11-02 02:00",
        model: str = "m1",
        rejected: Sequence[str] = (),
        rejected_before: int = 0,
        **values: object,
    ) -> int:
        """Write one night that began at a local time; `rejected` holds the codes of its newly rejected rows."""
        refused = len(rejected) + rejected_before
        review = sum(ticket["route"] == "review" for ticket in tickets)
        counts = {
            "read": len(tickets) + refused, "scored": len(tickets) - review, "review": review, "known": 0,
            "rejected": refused, "before_since": 0,
        }  # fmt: skip
        begun = datetime.fromisoformat(started) - LOCAL
        run = {
            "started_at": begun, "finished_at": begun, "status": "closed", "resumed": 0, "purpose": "night",
            "host": "h", "source": "inbox", "model": f"linear-{model}", "model_digest": model,
            "taxonomy_version": "2026.11", "lexicon_sha256": "l", "settings": {}, "problems": [],
        }  # fmt: skip
        with self.engine.begin() as connection:
            run_id = int(connection.execute(runs.insert().values(run | counts | values)).inserted_primary_key[0])
            if tickets:
                key = {"run_id": run_id, "model_digest": model}
                connection.execute(predictions.insert(), [ticket | key for ticket in tickets])
            for row, code in enumerate(rejected):
                connection.execute(
                    rejects.insert().values(
                        source_sha256=f"s{run_id}", row=row, source="a.csv", run_id=run_id, code=code, message="…",
                        status="open",
                    )
                )  # fmt: skip
        return run_id

    def read(self, work: Callable[..., Found], *arguments: object) -> Found:
        """Call a function with a connection and what else it needs."""
        with self.engine.connect() as connection:
            return work(connection, *arguments)


def a_ticket(ticket_id: str, accepted: str | None = "2026-10-31 08:30", **values: object) -> Row:
    """Return a prediction; what is no column of the table is a field of the export."""
    row: Row = {
        "ticket_id": ticket_id, "content_sha256": "c", "taxonomy_version": "2026.11", "source": "a.csv", "row": 2,
        "accepted_at": datetime.fromisoformat(accepted) if accepted else None, "customer": None, "topic": "",
        "narrative": "停电", "type": "power_quality", "cause": "frequent_outage", "type_probability": 0.9,
        "cause_probability": 0.8, "answer": "cause", "route": "auto", "reasons": [], "alternatives": [],
    }  # fmt: skip
    fields = {name: value for name, value in values.items() if name not in COLUMNS}
    return row | {name: value for name, value in values.items() if name in COLUMNS} | {"fields": fields}


def an_entry(ticket_id: str = "1", accepted: str | None = "2026-10-31 08:30", **values: object) -> Entry:
    """Return a ticket as a report reads it."""
    row = a_ticket(ticket_id, accepted, **values)
    names = Entry.__dataclass_fields__
    return Entry(**{name: row[name] for name in names if name != "reasons"}, reasons=tuple(row["reasons"]))


def a_published_month(taxonomy: Taxonomy) -> list[Row]:
    """Return 1,245 tickets of October 2026 with the counts that one province's published month must have had.

    562 / 290 / 287 / 59 / 47 by type, 486 of frequent outages, 215 of misconduct, 75 of voltage (31 customers over, 27
    under, 17 without a direction); most calls at 19, 11 and 17 o'clock; 39 transformer areas with several complainants.
    """
    misconduct = [cause.id for cause in taxonomy.causes if cause.level2_id == "service_behavior"]
    counts = {
        "frequent_outage": 486, "voltage_abnormal": 75, "frequency_abnormal": 1, "bill": 150, "meter_test": 140,
        "hall_operation": 40, "e_channel_service": 20, "promotion_service": 12, "outage_notice_missing": 30,
        "repair_staff_attitude": 29, "facility_safety": 25, "works_staff_conduct": 22,
    }  # fmt: skip
    counts |= {cause: 17 + (number < 11) for number, cause in enumerate(misconduct)}
    causes = [cause for cause, number in counts.items() for _ in range(number)]
    words = iter(["实测夜间电压高达251伏"] * 31 + ["电压低，空调带不动"] * 27 + ["电压忽高忽低"] * 17)
    hours = _hours()
    areas = _areas()
    return [
        a_ticket(
            f"T{number:04d}",
            f"2026-10-{1 + number % 31:02d} {next(hours):02d}:{number % 60:02d}:01",
            cause=cause,
            type=taxonomy.cause(cause).type_id,
            narrative=next(words) if cause == "voltage_abnormal" else "停电",
            customer=None if number == UNNAMED else f"customer-{number - (number == AGAIN)}",
            transformer_area=next(areas, ""),
            unit="城关供电所",
        )
        for number, cause in enumerate(causes)
    ]


def _hours() -> Iterator[int]:
    """Yield 150 calls at 19, 140 at 11, 130 at 17 and the other 825 evenly at the other hours."""
    for hour, calls in ((19, 150), (11, 140), (17, 130)):
        yield from [hour] * calls
    others = [hour for hour in range(24) if hour not in (11, 17, 19)]
    yield from (others[number % len(others)] for number in count())


def _areas() -> Iterator[str]:
    """Yield 39 areas twice, 200 once, and two areas with two tickets of one known customer."""
    yield from (f"{number}号公变" for number in range(39) for _ in range(2))
    yield from (f"{number}号公变" for number in range(100, 300))
    yield from ("一人两次公变", "一人两次公变", "一人不详公变", "一人不详公变")


@pytest.fixture
def published_month(taxonomy: Taxonomy) -> list[Row]:
    return a_published_month(taxonomy)


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    """An empty SQLite database."""
    made = Nights(f"sqlite:///{tmp_path}/nights.db")
    yield made
    made.engine.dispose()


@pytest.fixture
def any_nights(database: str) -> Iterator[Nights]:
    """An empty database of each kind in turn."""
    made = Nights(database)
    yield made
    made.engine.dispose()
