"""What reviewers do to the queue: take a ticket, decide, skip, take back. Each is one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pipeline.review import audit, clock
from pipeline.review.access import User
from pipeline.review.former import agent_now, ticket_now
from pipeline.store.database import Pool
from pipeline.store.review import (
    CONFIRM,
    CORRECT,
    DONE,
    OPEN,
    SHOWN,
    TAKEN,
    WAITING,
    WITHDRAW,
    decisions,
    readings,
    review_items,
    skips,
)
from pipeline.store.schema import predictions, runs
from pipeline.taxonomy import Taxonomy
from pipeline.text.mask import mask

_MOST_NOTE = 2000  # characters of a note or a clause


@dataclass(frozen=True, slots=True)
class Given:
    """A reading that somebody has, with its ticket. `ticket` holds the columns of `predictions`, all masked."""

    reading_id: int
    item_id: int
    kind: str
    reasons: tuple[str, ...]
    agent_type: str | None
    agent_cause: str | None
    evidence: Mapping[str, Any] | None
    model: str
    ticket: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reviewer sends: ids from the taxonomy, the clause, the reason in words, and the form's own number."""

    cause: str
    second_cause: str | None
    rule: str
    note: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A decision that is in the database."""

    id: int
    ticket_id: str
    type: str
    cause: str
    kind: str
    action: str


class RefusedError(Exception):
    """A decision that cannot be kept; `key` says why in the catalogue."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class Desk:
    """The queue of one database. `now` tells the time in UTC."""

    pool: Pool
    taxonomy: Taxonomy
    lease: timedelta
    now: Callable[[], datetime] = clock.now

    def take(self, user: User) -> Given | None:
        """Give a user the ticket he has already, or the next one; None if there is none for him. Raises StoreError.

        Nobody gets a ticket that somebody else has, nor one he has read himself.
        """
        return self.pool.write(lambda connection: self._take(connection, user))

    def _take(self, connection: sa.Connection, user: User) -> Given | None:
        now = self.now()
        number = connection.scalar(_OWN, {"reader": user.id})
        if number is None:
            number = connection.scalar(_NEXT, self._who(user))
            if number is None:
                return None
            values = {"status": TAKEN, "user_id": user.id, "taken_at": now, "taken_until": now + self.lease}
        else:
            values = {"taken_until": now + self.lease}
        connection.execute(_READING, {"reading": number} | values)
        return self._given(connection, number)

    def decide(self, user: User, reading_id: int, verdict: Verdict) -> Saved:
        """Keep a decision and finish its reading; sent twice, it is kept once.

        Raises RefusedError if the reading is no longer the user's or something is missing, StoreError otherwise.
        """
        return self.pool.write(lambda connection: self._decide(connection, user, reading_id, verdict))

    def _decide(self, connection: sa.Connection, user: User, reading_id: int, verdict: Verdict) -> Saved:
        kept = connection.execute(_SAVED, {"form": verdict.nonce}).one_or_none()
        if kept is not None:
            return _saved_of(kept, user, reading_id)
        now = self.now()
        given = self._given(connection, reading_id)
        if given is None:
            raise RefusedError("desk.refused.gone")
        self._require_complete(given, verdict)
        finished = connection.execute(_FINISH, {"reading": reading_id, "reader": user.id}).one_or_none()
        if finished is None:
            raise RefusedError("desk.refused.gone")
        seconds = (now - finished.taken_at).total_seconds() if finished.taken_at else 0.0
        row = self._row(given, user, verdict, now, seconds)
        row["supersedes"] = connection.scalar(_BEFORE, {"reading": reading_id})
        made: int = connection.execute(_KEEP, row).scalar_one()
        connection.execute(_WAKE, {"item": given.item_id})
        ticket_id = given.ticket["ticket_id"]
        audit.record(connection, user, "decision", ticket_id, decision=made, kind=row["action"])
        return Saved(made, ticket_id, row["type"], row["cause"], row["kind"], row["action"])

    def _require_complete(self, given: Given, verdict: Verdict) -> None:
        causes = [cause for cause in (verdict.cause, verdict.second_cause) if cause]
        if not verdict.cause or any(cause not in self.taxonomy.cause_ids for cause in causes):
            raise RefusedError("desk.refused.cause")
        if verdict.second_cause == verdict.cause:
            raise RefusedError("desk.refused.second")
        corrects = given.kind == SHOWN and verdict.cause != given.ticket["cause"]
        if corrects and not (verdict.rule.strip() and verdict.note.strip()):
            raise RefusedError("desk.refused.reason")

    def _row(self, given: Given, user: User, verdict: Verdict, now: datetime, seconds: float) -> dict[str, Any]:
        ticket = given.ticket
        return {
            "reading_id": given.reading_id,
            "item_id": given.item_id,
            "user_id": user.id,
            "decided_at": now,
            "seconds": seconds,
            "kind": given.kind,
            "action": CONFIRM if verdict.cause == ticket["cause"] else CORRECT,
            "agent_type": given.agent_type,
            "agent_cause": given.agent_cause,
            "model": given.model,
            "model_type": ticket["type"],
            "model_cause": ticket["cause"],
            "type": self.taxonomy.cause(verdict.cause).type_id,
            "cause": verdict.cause,
            "second_cause": verdict.second_cause,
            "rule": _clean(verdict.rule),
            "note": _clean(verdict.note),
            "nonce": verdict.nonce,
        }

    def skip(self, user: User, reading_id: int) -> None:
        """Leave a ticket to others; it comes back to the user later. Raises StoreError."""

        def work(connection: sa.Connection) -> None:
            mine = sa.and_(readings.c.id == reading_id, readings.c.status == TAKEN, readings.c.user_id == user.id)
            values = {"status": OPEN, "user_id": None, "taken_at": None, "taken_until": None}
            if connection.execute(readings.update().where(mine).values(values)).rowcount != 1:
                return  # it is not his any more, or it was sent twice
            key = sa.and_(skips.c.reading_id == reading_id, skips.c.user_id == user.id)
            connection.execute(skips.delete().where(key))
            connection.execute(skips.insert().values(reading_id=reading_id, user_id=user.id, at=self.now()))

        self.pool.write(work)

    def undo(self, user: User) -> Given | None:
        """Withdraw the user's last decision and give him its ticket again; None if there is none. Raises StoreError."""
        return self.pool.write(lambda connection: self._undo(connection, user))

    def _undo(self, connection: sa.Connection, user: User) -> Given | None:
        last = sa.select(decisions).where(decisions.c.user_id == user.id, _stands()).order_by(decisions.c.id.desc())
        before = connection.execute(last.limit(1)).one_or_none()
        if before is None:
            return None
        now = self.now()
        row = before._asdict() | {
            "action": WITHDRAW, "decided_at": now, "seconds": 0.0, "supersedes": before.id,
            "nonce": f"withdraw-{before.id}", "rule": "", "note": "",
        } | dict.fromkeys(("type", "cause", "second_cause"))  # fmt: skip
        del row["id"]
        connection.execute(decisions.insert().values(row))
        _release(connection, user)
        values = {"status": TAKEN, "user_id": user.id, "taken_at": now, "taken_until": now + self.lease}
        connection.execute(readings.update().where(readings.c.id == before.reading_id).values(values))
        given = self._given(connection, before.reading_id)
        assert given is not None  # noqa: S101 - it was there to be decided about
        audit.record(connection, user, "decision_withdrawn", given.ticket["ticket_id"], decision=before.id)
        return given

    def _given(self, connection: sa.Connection, reading_id: int) -> Given | None:
        """Return a reading with its ticket as the present tree reads it."""
        given, lineage = _given(connection, reading_id), self.taxonomy.lineage
        if given is None:
            return None
        kind, cause = agent_now(given.agent_type, given.agent_cause, lineage)
        return replace(given, agent_type=kind, agent_cause=cause, ticket=ticket_now(given.ticket, lineage))

    def left(self, user: User) -> int:
        """Return how many tickets the user could still get."""
        return self.pool.read(lambda connection: self.left_in(connection, user))

    def left_in(self, connection: sa.Connection, user: User) -> int:
        """Return the same within a transaction."""
        return connection.scalar(_LEFT, self._who(user)) or 0

    def _who(self, user: User) -> Mapping[str, Any]:
        """Return what `_available` has to know."""
        now = self.now()
        return {"reader": user.id, "time": now, "skipped_since": now - self.lease}


def _release(connection: sa.Connection, user: User) -> None:
    mine = sa.and_(readings.c.status == TAKEN, readings.c.user_id == user.id)
    values = {"status": OPEN, "user_id": None, "taken_at": None, "taken_until": None}
    connection.execute(readings.update().where(mine).values(values))


def _available() -> sa.Select[Any]:
    """Select the readings that the `reader` could get at the `time`, but for those he skipped since `skipped_since`."""
    other = readings.alias()
    reader = sa.bindparam("reader", type_=sa.Integer)
    his = sa.exists().where(
        other.c.item_id == readings.c.item_id, other.c.user_id == reader, other.c.status.in_((TAKEN, DONE))
    )
    skipped = sa.exists().where(
        skips.c.reading_id == readings.c.id,
        skips.c.user_id == reader,
        skips.c.at > sa.bindparam("skipped_since", type_=sa.DateTime),
    )
    expired = readings.c.taken_until < sa.bindparam("time", type_=sa.DateTime)
    free = sa.or_(readings.c.status == OPEN, sa.and_(readings.c.status == TAKEN, expired))
    return sa.select(readings.c.id).where(free, ~his, ~skipped)


# Made once: to put one of these together takes longer than the database takes to answer it.
_LEFT = sa.select(sa.func.count()).select_from(_available().subquery())
_NEXT = (
    _available()
    .order_by(readings.c.run_id.desc(), readings.c.position)
    .limit(1)
    # On PostgreSQL two who ask at once do not wait for each other, but get different rows.
    .with_for_update(skip_locked=True, of=readings)
)


_READER, _THIS = sa.bindparam("reader", type_=sa.Integer), sa.bindparam("reading", type_=sa.Integer)
_OWN = (
    sa.select(readings.c.id)
    .where(readings.c.status == TAKEN, readings.c.user_id == _READER)
    .order_by(readings.c.taken_at.desc())
    .limit(1)
)
_READING = readings.update().where(readings.c.id == _THIS)
_FINISH = (
    readings.update()
    .where(readings.c.id == _THIS, readings.c.status == TAKEN, readings.c.user_id == _READER)
    .values(status=DONE, taken_until=None)
    .returning(readings.c.taken_at)
)
_KEEP = decisions.insert().returning(decisions.c.id)
_BEFORE = sa.select(sa.func.max(decisions.c.id)).where(decisions.c.reading_id == _THIS)
_WAKE = (
    readings.update()
    .where(readings.c.item_id == sa.bindparam("item", type_=sa.Integer), readings.c.status == WAITING)
    .values(status=OPEN)
)


def _ticket() -> sa.Select[Any]:
    item, ticket = review_items.c, predictions.c
    same = [item[column.name] == column for column in predictions.primary_key.columns]
    return (
        sa.select(predictions, item.id.label("item"), item.reasons.label("why"), item.agent_type, item.agent_cause,
                  item.evidence, readings.c.kind.label("how"), runs.c.model.label("by"))
        .select_from(readings)
        .join(review_items, item.id == readings.c.item_id)
        .join(predictions, sa.and_(*same))
        .join(runs, runs.c.id == ticket.run_id)
        .where(readings.c.id == _THIS)
    )  # fmt: skip


_TICKET = _ticket()


def _given(connection: sa.Connection, reading_id: int) -> Given | None:
    row = connection.execute(_TICKET, {"reading": reading_id}).one_or_none()
    if row is None:
        return None
    names = predictions.c.keys()
    return Given(
        reading_id,
        row.item,
        row.how,
        tuple(row.why),
        row.agent_type,
        row.agent_cause,
        row.evidence,
        row.by,
        {name: value for name, value in row._asdict().items() if name in names},
    )


def _stands() -> sa.ColumnElement[bool]:
    """Return the condition for decisions that nothing supersedes and that withdraw nothing."""
    later = decisions.alias()
    return sa.and_(decisions.c.action != WITHDRAW, ~sa.exists().where(later.c.supersedes == decisions.c.id))


_SAVED = (
    sa.select(decisions, review_items.c.ticket_id)
    .join(review_items, review_items.c.id == decisions.c.item_id)
    .where(decisions.c.nonce == sa.bindparam("form"))
)


def _saved_of(row: sa.Row[Any], user: User, reading_id: int) -> Saved:
    if (row.user_id, row.reading_id) != (user.id, reading_id):
        raise RefusedError("desk.refused.gone")
    return Saved(row.id, row.ticket_id, row.type, row.cause, row.kind, row.action)


def _clean(text: str) -> str:
    """Return what a reviewer typed as it may be kept: masked, on one line, not endless."""
    return mask(" ".join(text.split()))[:_MOST_NOTE]
