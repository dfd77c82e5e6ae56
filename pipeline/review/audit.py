"""The audit log: who did what and when, each entry chained to the one before by its hash.

What the chain can tell and what it cannot: `pipeline.store.chain`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from pipeline.review.access import User
from pipeline.store.chain import START, link
from pipeline.store.review import audit

_LOCK = 955_982  # any number that nothing else in the database locks with
_AT_ONCE = 1000  # entries in memory while the chain is walked
_LAST = sa.select(audit.c.sha256).order_by(audit.c.id.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log; `user` is the name then, "" where nobody was logged in."""

    id: int
    at: datetime
    user: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def take_turn(connection: sa.Connection) -> None:
    """Wait until no other transaction is adding to the log; held until this one ends.

    SQLite's writers have taken theirs already, with BEGIN IMMEDIATE.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def record(connection: sa.Connection, who: User | None, action: str, subject: str, **detail: object) -> None:
    """Append an entry in the caller's transaction; `detail` is JSON and holds nothing personal.

    Everyone who writes waits from here until the transaction ends: let it be the last thing that a transaction does,
    or call `take_turn` as its first.
    """
    take_turn(connection)
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "user_id": who.id if who else None,
        "user": who.name if who else "",
        "action": action,
        "subject": subject,
        "detail": json.dumps(detail, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
    }
    last = connection.scalar(_LAST) or START
    connection.execute(audit.insert(), entry | {"previous": last, "sha256": _digest(last, entry)})


def verify(connection: sa.Connection) -> int | None:
    """Return the id of the first entry that does not fit, None if the chain is whole."""
    expected = START
    query = sa.select(audit).order_by(audit.c.id)
    with connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as rows:
        for row in rows.mappings():
            if row["previous"] != expected or row["sha256"] != _digest(expected, row):
                return int(row["id"])
            expected = row["sha256"]
    return None


def entries(
    connection: sa.Connection, *, limit: int, before: int | None = None, action: str | None = None,
    user: str | None = None,
) -> Sequence[Entry]:  # fmt: skip
    """Return entries, newest first: those with an id below `before`, of one action, of one user by name."""
    query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    if action is not None:
        query = query.where(audit.c.action == action)
    if user is not None:
        query = query.where(audit.c.user == user)
    return [_entry(row) for row in connection.execute(query)]


def actions(connection: sa.Connection) -> Sequence[str]:
    """Return the actions that occur in the log."""
    return connection.scalars(sa.select(audit.c.action).distinct().order_by(audit.c.action)).all()


def _digest(previous: str, entry: Mapping[Any, Any]) -> str:
    return link(previous, (entry[name] for name in ("at", "user_id", "user", "action", "subject", "detail")))


def _entry(row: sa.Row[Any]) -> Entry:
    at = datetime.fromisoformat(row.at).astimezone(UTC).replace(tzinfo=None)
    return Entry(row.id, at, row.user, row.action, row.subject, json.loads(row.detail))
