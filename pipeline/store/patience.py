"""Errors of databases and disks: what may go away by itself is waited for, a little longer each time."""

import errno
import logging
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
import tenacity
from pydantic import Field

from pipeline.errors import DiskFullError
from pipeline.settings import Settings

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

# What PostgreSQL says when the line or the server went away: connection exceptions, and operator intervention.
_LOST_STATES = ("08", "57P")


class RetrySettings(Settings):
    """How long a lost database is waited for: the pauses double from `first` seconds, up to `longest`."""

    attempts: int = Field(ge=1)
    first: float = Field(gt=0)
    longest: float = Field(gt=0)


def patiently(settings: RetrySettings, worth: Callable[[BaseException], bool], work: Callable[[], Result]) -> Result:
    """Do work, again and again while its error is worth the wait; raises the last error."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(worth),
        stop=tenacity.stop_after_attempt(settings.attempts),
        wait=tenacity.wait_exponential(multiplier=settings.first, max=settings.longest),
        before_sleep=_tell,
        reraise=True,
    )
    return retrying(work)


def is_lost(error: BaseException) -> bool:
    """Tell whether an error may go away by itself: a lost line, a server that restarts, another writer."""
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return error.connection_invalidated or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
    return bool(state.startswith(_LOST_STATES))


def full(error: OSError) -> DiskFullError | None:
    """Return the error that a full disk or an exhausted quota is, None for any other."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return DiskFullError(
        "disk_full", f"there is no room left for {error.filename or 'a file'}; make room and run again"
    )


def _tell(state: tenacity.RetryCallState) -> None:
    error: Any = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    logger.warning(
        "database lost, trying again",
        extra={"attempt": state.attempt_number, "wait_s": round(wait, 1), "reason": reason_of(error)},
    )


def reason_of(error: BaseException) -> str:
    """Return what the driver said, on one line, without the statement, its values, or the row it complains of."""
    text = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error)
    return text.strip().partition("\n")[0]
