"""A desk filled by hand: tickets with their predictions, items, readings and decisions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

import sqlalchemy as sa

from pipeline.store.database import Store
from pipeline.store.patience import RetrySettings
from pipeline.store.review import (
    BLIND,
    CONFIRM,
    CORRECT,
    DONE,
    OPEN,
    SHOWN,
    WITHDRAW,
    decisions,
    readings,
    review_items,
    users,
)
from pipeline.store.schema import predictions, runs

RETRY = RetrySettings(attempts=1, first=0.01, longest=0.01)
NOON = datetime(2026, 11, 25, 4, 0)  # in China
TYPES = {"frequent_outage": "power_quality", "voltage_abnormal": "power_quality", "bill": "business"}
NAMES = ("陈一", "李二", "王三")  # users 1, 2 and 3
Found = TypeVar("Found")


class Filled:
    """A database with three users; each `item` is a ticket of the queue and returns its id."""

    def __init__(self, address: str) -> None:
        Store.exclusive(address, RETRY).close()
        self.engine = sa.create_engine(address, poolclass=sa.NullPool)
        self._numbers = count(1)
        self._runs: set[int] = set()
        with self.engine.begin() as connection:
            person = {"password_hash": "", "role": "reviewer", "active": True, "must_change": False, "failures": 0}
            connection.execute(
                users.insert(),
                [person | {"id": at, "name": name, "created_at": NOON} for at, name in enumerate(NAMES, 1)],
            )

    def read(self, work: Callable[..., Found], *arguments: object) -> Found:
        """Call a function with a connection and what else it needs."""
        with self.engine.connect() as connection:
            return work(connection, *arguments)

    def item(
        self, model: str = "frequent_outage", agent: str | None = None, *, blind: bool = False, **values: object
    ) -> int:
        """Put a ticket into the queue; `model` and `agent` are causes, `values` columns of predictions or items."""
        number = next(self._numbers)
        run = values.pop("run_id", 1)
        key = {"ticket_id": f"T{number}", "content_sha256": "c", "model_digest": "m", "taxonomy_version": "1"}
        ticket = key | {
            "run_id": run, "source": "a.csv", "row": number, "accepted_at": NOON, "fields": {}, "topic": "",
            "narrative": "停电", "type": _type(model), "cause": model, "type_probability": 0.9,
            "cause_probability": 0.8, "answer": "cause", "route": "review", "reasons": [], "alternatives": [],
        }  # fmt: skip
        reasons = values.pop("reasons", ["spot_check" if blind else "low_confidence"])
        item = {
            "id": number, "run_id": run, "blind": blind, "reason": reasons[0], "reasons": reasons, "agent_cause": agent,
            "agent_type": agent and _type(agent), "unit": "城关供电所", "week": "2026-W48",
        }  # fmt: skip
        ticket |= {name: value for name, value in values.items() if name in predictions.c}
        item |= {name: ticket[name] for name in key}
        item |= {name: value for name, value in values.items() if name in review_items.c}
        with self.engine.begin() as connection:
            self._need_run(connection, run)
            connection.execute(predictions.insert().values(ticket))
            connection.execute(review_items.insert().values(item))
        return number

    def _need_run(self, connection: sa.Connection, run: int) -> None:
        if run in self._runs:
            return
        self._runs.add(run)
        connection.execute(
            runs.insert().values(
                id=run, started_at=NOON, status="closed", resumed=0, purpose="night", host="h", source="inbox",
                model="linear-m", model_digest="m", taxonomy_version="1", lexicon_sha256="l", settings={}, problems=[],
                read=0, scored=0, review=0, known=0, rejected=0, before_since=0,
            )
        )  # fmt: skip

    def reading(self, item: int, kind: str, number: int = 1) -> int:
        """Add a reading that nobody has yet and return its id."""
        with self.engine.begin() as connection:
            values = {"item_id": item, "number": number, "kind": kind, "run_id": 1, "position": 0.5, "status": OPEN}
            return int(connection.execute(readings.insert().values(values)).inserted_primary_key[0])

    def decide(self, reading: int, cause: str | None, user: int = 1, **values: object) -> int:
        """Add a decision on top of what was decided of a reading, None for a withdrawal, and return its id."""
        number = next(self._numbers)
        with self.engine.begin() as connection:
            look = connection.execute(sa.select(readings).where(readings.c.id == reading)).one()
            item = connection.execute(sa.select(review_items).where(review_items.c.id == look.item_id)).one()
            said = connection.execute(
                sa.select(predictions.c.type, predictions.c.cause).where(predictions.c.ticket_id == item.ticket_id)
            ).one()
            before = connection.scalar(sa.select(sa.func.max(decisions.c.id)).where(decisions.c.reading_id == reading))
            action = WITHDRAW if cause is None else CONFIRM if cause == said.cause else CORRECT
            row = {
                "reading_id": reading, "item_id": item.id, "user_id": user, "seconds": 9.0, "kind": look.kind,
                "decided_at": NOON + timedelta(minutes=number), "action": action, "agent_type": item.agent_type,
                "agent_cause": item.agent_cause, "model": "linear-m", "model_type": said.type,
                "model_cause": said.cause, "type": cause and _type(cause), "cause": cause, "rule": "", "note": "",
                "supersedes": before, "nonce": str(number),
            }  # fmt: skip
            status = {"status": OPEN if cause is None else DONE, "user_id": None if cause is None else user}
            connection.execute(readings.update().where(readings.c.id == reading).values(status))
            return int(connection.execute(decisions.insert().values(row | values)).inserted_primary_key[0])

    def shown(self, cause: str, model: str = "frequent_outage", agent: str | None = None, **values: object) -> int:
        """Add a ticket of the queue that user 1 decided about, and return its item."""
        item = self.item(model, agent, **values)
        self.decide(self.reading(item, SHOWN), cause)
        return item

    def blind(self, cause: str, model: str = "frequent_outage", agent: str | None = None, **values: object) -> int:
        """Add a drawn ticket that user 1 decided about without a suggestion, and return its item."""
        item = self.item(model, agent, blind=True, **values)
        self.decide(self.reading(item, BLIND), cause)
        return item


def _type(cause: str) -> str:
    return TYPES.get(cause, "out_of_scope")
