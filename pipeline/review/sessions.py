"""Sessions: who is logged in, until when. The browser has the token, the database only its hash."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pipeline.review import audit
from pipeline.review.access import Role, User
from pipeline.review.settings import AccessSettings
from pipeline.store.database import Pool
from pipeline.store.review import sessions, users

_SEEN_EVERY = timedelta(minutes=1)  # a click more or less does not matter, a write on every click does


@dataclass(frozen=True, slots=True)
class Session:
    """An open session; `csrf` is what its forms send along."""

    user: User
    csrf: str
    token_sha256: str


def open_session(pool: Pool, user: User, settings: AccessSettings, at: datetime) -> str:
    """Open a session, remove those that have expired, and return the token for the browser."""
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)

    def work(connection: sa.Connection) -> None:
        purge(connection, settings, at)
        values = {"token_sha256": _sha256(token), "user_id": user.id, "csrf": csrf, "created_at": at, "seen_at": at}
        connection.execute(sessions.insert().values(values))

    pool.write(work)
    return token


def find(pool: Pool, token: str, settings: AccessSettings, at: datetime) -> Session | None:
    """Return the session of a token and note its use; None if it is unknown, expired or of a closed account."""
    row = pool.read(lambda connection: _row(connection, _sha256(token)))
    if row is None or row.seen_at <= _idle_since(settings, at) or row.created_at <= _opened_since(settings, at):
        return None
    if at - row.seen_at >= _SEEN_EVERY:
        pool.write(lambda connection: _seen(connection, row.token_sha256, at))
    return Session(User(row.id, row.name, Role(row.role), row.must_change), row.csrf, row.token_sha256)


def close(pool: Pool, session: Session) -> None:
    """End a session because its user leaves."""

    def work(connection: sa.Connection) -> None:
        connection.execute(sessions.delete().where(sessions.c.token_sha256 == session.token_sha256))
        audit.record(connection, session.user, "logout", session.user.name)

    pool.write(work)


def close_all(connection: sa.Connection, user_id: int) -> None:
    """End all sessions of a user, in the caller's transaction."""
    connection.execute(sessions.delete().where(sessions.c.user_id == user_id))


def purge(connection: sa.Connection, settings: AccessSettings, at: datetime) -> int:
    """Remove the sessions that have expired and return how many those were."""
    idle = sessions.c.seen_at <= _idle_since(settings, at)
    old = sessions.c.created_at <= _opened_since(settings, at)
    return connection.execute(sessions.delete().where(idle | old)).rowcount


_OPEN = (  # made once, as every request asks it
    sa.select(sessions, users.c.id, users.c.name, users.c.role, users.c.must_change)
    .join(users, users.c.id == sessions.c.user_id)
    .where(sessions.c.token_sha256 == sa.bindparam("digest"), users.c.active)
)


def _row(connection: sa.Connection, digest: str) -> sa.Row[Any] | None:
    return connection.execute(_OPEN, {"digest": digest}).one_or_none()


def _seen(connection: sa.Connection, digest: str, at: datetime) -> None:
    connection.execute(sessions.update().where(sessions.c.token_sha256 == digest).values(seen_at=at))


def _idle_since(settings: AccessSettings, at: datetime) -> datetime:
    return at - timedelta(minutes=settings.idle_minutes)


def _opened_since(settings: AccessSettings, at: datetime) -> datetime:
    return at - timedelta(hours=settings.session_hours)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
