"""Accounts: made by an administrator, with a password that only its owner keeps. Every change is in the audit log.

Hashing takes a twentieth of a second and more: it is done between transactions, never inside one that writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipeline.errors import AccessError
from pipeline.review import audit, passwords, sessions
from pipeline.review.access import Role, User
from pipeline.review.clock import now
from pipeline.review.login import NAME, authenticate
from pipeline.review.settings import AccessSettings
from pipeline.store.database import Pool
from pipeline.store.review import users

FIRST_NAME = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as an administrator sees it."""

    id: int
    name: str
    role: Role
    active: bool
    must_change: bool
    locked_until: datetime | None
    created_at: datetime


def accounts(connection: sa.Connection) -> Sequence[Account]:
    """Return all accounts by name."""
    columns = (users.c[field] for field in Account.__dataclass_fields__)
    rows = connection.execute(sa.select(*columns).order_by(users.c.name))
    return [Account(**dict(row._mapping) | {"role": Role(row.role)}) for row in rows]


def named(name: str) -> str:
    """Return the name of an account without the blanks around it; raises AccessError if it cannot be one."""
    if not NAME.fullmatch(name.strip()):
        raise AccessError("name_invalid", "a name has 2 to 50 letters, digits, Chinese characters, dots or dashes")
    return name.strip()


def create(pool: Pool, by: User | None, name: str, role: Role, settings: AccessSettings) -> str:
    """Make an account and return its one-time password; raises AccessError if the name is taken or cannot be one."""
    name, password = named(name), passwords.one_time(settings)
    kept = passwords.hashed(password)

    def work(connection: sa.Connection) -> None:
        audit.take_turn(connection)
        if _count(connection, users.c.name == name):
            raise AccessError("name_taken", "there is an account of this name already")
        _insert(connection, by, name, role, kept)

    pool.write(work)
    return password


def first_administrator(pool: Pool, settings: AccessSettings) -> tuple[str, str] | None:
    """Make the first account where there is none: return its name and one-time password, else None."""
    if pool.read(_count):
        return None
    password = passwords.one_time(settings)
    kept = passwords.hashed(password)

    def work(connection: sa.Connection) -> bool:
        audit.take_turn(connection)
        if _count(connection):  # another server was faster
            return False
        _insert(connection, None, FIRST_NAME, Role.ADMINISTRATOR, kept)
        return True

    return (FIRST_NAME, password) if pool.write(work) else None


def change_password(pool: Pool, user: User, old: str, new: str, settings: AccessSettings, at: datetime) -> None:
    """Replace the own password and end the user's sessions; raises AccessError.

    A wrong old one counts as a failed login: who finds a session open must not guess on.
    """
    passwords.require_good(new, user.name, settings)
    if old == new:
        raise AccessError("password_same", "the new password is the old one")
    if authenticate(pool, user.name, old, settings, at, action="password_confirmed") is None:
        raise AccessError("password_wrong", "the old password is wrong, or the account is locked")
    kept = passwords.hashed(new)

    def work(connection: sa.Connection) -> None:
        audit.take_turn(connection)
        _update(connection, user.id, password_hash=kept, must_change=False)
        sessions.close_all(connection, user.id)
        audit.record(connection, user, "password_changed", user.name)

    pool.write(work)


def reset_password(pool: Pool, by: User, user_id: int, settings: AccessSettings) -> tuple[str, str]:
    """Replace somebody's password, unlock the account and end its sessions; return name and one-time password.

    Raises AccessError if there is no such account.
    """
    return _reset(pool, by, users.c.id == user_id, settings)


def reset_by_name(pool: Pool, name: str, settings: AccessSettings) -> str:
    """Do the same from the command line, where nobody is logged in; return the one-time password."""
    return _reset(pool, None, users.c.name == named(name), settings)[1]


def set_role(pool: Pool, by: User, user_id: int, role: Role) -> None:
    """Give an account another role; raises AccessError if it is the last active administrator's, or not there."""

    def work(connection: sa.Connection) -> None:
        audit.take_turn(connection)
        row = _required(connection, users.c.id == user_id)
        if row.role == role:
            return
        _keep_an_administrator(connection, row)
        _update(connection, user_id, role=role.value)
        audit.record(connection, by, "role_changed", row.name, before=row.role, after=role.value)

    pool.write(work)


def set_active(pool: Pool, by: User, user_id: int, active: bool) -> None:
    """Open or close an account, with its sessions; raises AccessError as `set_role` does."""

    def work(connection: sa.Connection) -> None:
        audit.take_turn(connection)
        row = _required(connection, users.c.id == user_id)
        if row.active == active:
            return
        _keep_an_administrator(connection, row)
        _update(connection, user_id, active=active)
        sessions.close_all(connection, user_id)
        audit.record(connection, by, "user_activated" if active else "user_deactivated", row.name)

    pool.write(work)


def _reset(pool: Pool, by: User | None, whose: sa.ColumnElement[bool], settings: AccessSettings) -> tuple[str, str]:
    password = passwords.one_time(settings)
    kept = passwords.hashed(password)

    def work(connection: sa.Connection) -> str:
        audit.take_turn(connection)
        row = _required(connection, whose)
        _update(connection, row.id, password_hash=kept, must_change=True, failures=0, locked_until=None)
        sessions.close_all(connection, row.id)
        audit.record(connection, by, "password_reset", row.name)
        return str(row.name)

    return pool.write(work), password


def _insert(connection: sa.Connection, by: User | None, name: str, role: Role, kept: str) -> None:
    connection.execute(
        users.insert().values(
            name=name, password_hash=kept, role=role.value, active=True, must_change=True, failures=0, created_at=now()
        )
    )
    audit.record(connection, by, "user_created", name, role=role.value)


def _update(connection: sa.Connection, user_id: int, **values: object) -> None:
    connection.execute(users.update().where(users.c.id == user_id).values(values))


def _count(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(users).where(*conditions)) or 0


def _required(connection: sa.Connection, whose: sa.ColumnElement[bool]) -> sa.Row[Any]:
    row = connection.execute(sa.select(users).where(whose)).one_or_none()
    if row is None:
        raise AccessError("user_unknown", "there is no such account")
    return row


def _keep_an_administrator(connection: sa.Connection, row: sa.Row[Any]) -> None:
    """Refuse what would leave the desk without anybody who can open accounts."""
    if (row.role, row.active) != (Role.ADMINISTRATOR, True):
        return
    if _count(connection, users.c.role == Role.ADMINISTRATOR.value, users.c.active, users.c.id != row.id) == 0:
        raise AccessError("last_administrator", "this is the last active administrator; make another one first")
