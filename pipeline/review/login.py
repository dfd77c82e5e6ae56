"""Logging in: one answer for every failure, a lock after several, and an entry in the audit log each time."""

import re
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pipeline.review import audit, passwords
from pipeline.review.access import Role, User
from pipeline.review.settings import AccessSettings
from pipeline.store.database import Pool
from pipeline.store.review import users

NAME = re.compile(r"[0-9A-Za-z\u4e00-\u9fff._-]{2,50}")  # also keeps out what a database cannot hold


def authenticate(
    pool: Pool, name: str, password: str, settings: AccessSettings, at: datetime, *, action: str = "login"
) -> User | None:
    """Return whose name and password these are; None otherwise, and nothing tells the reasons apart.

    Several failures in a row lock an account for a while, for the right password too. `action` is what the audit log
    says of a success.
    """
    kept = _kept(pool, name.strip())
    right = passwords.fits(password[: passwords.LONGEST], kept) and len(password) <= passwords.LONGEST
    renewed = passwords.hashed(password) if right and kept and passwords.is_dated(kept) else kept

    def work(connection: sa.Connection) -> User | None:
        audit.take_turn(connection)
        row = None
        if kept is not None:
            row = connection.execute(sa.select(users).where(users.c.name == name.strip())).one_or_none()
        if row is None:  # without the name: people type their password there
            _refused(connection, "", "unknown")
        elif not row.active:
            _refused(connection, row.name, "inactive")
        elif row.locked_until is not None and row.locked_until > at:
            _refused(connection, row.name, "locked")
        elif not right or row.password_hash != kept:  # the latter: changed in the meantime
            _failed(connection, row, settings, at)
        else:
            return _succeeded(connection, row, str(renewed), action)
        return None

    return pool.write(work)


def _kept(pool: Pool, name: str) -> str | None:
    """Return the hash of a name's password."""
    if not NAME.fullmatch(name):
        return None
    return pool.read(lambda connection: connection.scalar(sa.select(users.c.password_hash).where(users.c.name == name)))


def _refused(connection: sa.Connection, subject: str, reason: str) -> None:
    audit.record(connection, None, "login_failed", subject, reason=reason)


def _failed(connection: sa.Connection, row: sa.Row[Any], settings: AccessSettings, at: datetime) -> None:
    failures = row.failures + 1
    locks = failures >= settings.failures
    until = at + timedelta(minutes=settings.lock_minutes) if locks else None
    _update(connection, row, failures=0 if locks else failures, locked_until=until)
    _refused(connection, row.name, "password")
    if until is not None:
        audit.record(connection, None, "user_locked", row.name, until=until.isoformat(timespec="seconds"))


def _succeeded(connection: sa.Connection, row: sa.Row[Any], kept: str, action: str) -> User:
    user = User(row.id, row.name, Role(row.role), row.must_change)
    _update(connection, row, failures=0, locked_until=None, password_hash=kept)
    audit.record(connection, user, action, user.name)
    return user


def _update(connection: sa.Connection, row: sa.Row[Any], **values: object) -> None:
    connection.execute(users.update().where(users.c.id == row.id).values(values))
