"""The nightly database: its address, its schema, its lock, and transactions that survive a lost line."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipeline.errors import BusyError, DiskFullError, StoreError
from pipeline.store.address import line_options, url_of
from pipeline.store.lock import FileLock, lock_server
from pipeline.store.patience import RetrySettings, full, is_lost, patiently, reason_of

Result = TypeVar("Result")

BACKENDS = ("sqlite", "postgresql")
_MIGRATIONS = Path(__file__).with_name("migrations")
_BEFORE_MIGRATIONS = "0001"  # the schema of databases that were made before there were migrations
logging.getLogger("alembic").setLevel(logging.WARNING)  # how it goes about its work is not the night's news
_BUSY_SECONDS = 30  # how long SQLite waits for another writer, the review desk for example
_DISK_FULL_STATE = "53100"
_SINGLE: Mapping[str, Any] = {"poolclass": sa.NullPool}
# As many connections as the web server has threads at work; one that was lost is found out before it is used.
_POOLED: Mapping[str, Any] = {"poolclass": sa.QueuePool, "pool_size": 20, "max_overflow": 20, "pool_pre_ping": True}


class Store:
    """One database. Only one process at a time may hold it exclusively; others read."""

    def __init__(self, address: str, retry: RetrySettings, *, exclusive: bool) -> None:
        self.url = _url(address)
        self._exclusive = exclusive
        self._retry = retry
        self._file_lock: FileLock | None = None
        self._connection: sa.Connection | None = None
        self._had_lock = False
        self.engine = _engine(self.url, "BEGIN IMMEDIATE" if exclusive else "BEGIN")

    @classmethod
    def exclusive(cls, address: str, retry: RetrySettings) -> Self:
        """Open a database for a run: make or upgrade it, and keep every other run out until `close`.

        Raises BusyError, DiskFullError or StoreError.
        """
        store = cls(address, retry, exclusive=True)
        try:
            if store.path is not None:
                store.path.parent.mkdir(parents=True, exist_ok=True)
                store._file_lock = FileLock(store.path)
            store.run(upgrade)
        except OSError as error:
            store.close()
            raise full(error) or StoreError("store_unusable", f"the database cannot be opened: {error}") from error
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def reading(cls, address: str, retry: RetrySettings) -> Self:
        """Open a database that is there already, to read it beside a run; raises StoreError."""
        store = cls(address, retry, exclusive=False)
        if store.path is not None and not store.path.exists():
            raise StoreError("store_missing", f"there is no database {store.path} yet; run `gongdan nightly` first")
        store.run(_require_present_schema)
        return store

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(self.url.database) if self.url.get_backend_name() == "sqlite" and self.url.database else None

    def free_bytes(self) -> int | None:
        """Return the room left where the database lives, where that is on this machine."""
        return shutil.disk_usage(self.path.parent).free if self.path is not None else None

    def close(self) -> None:
        """Give the connection and the lock back."""
        self._drop()
        self.engine.dispose()
        if self._file_lock is not None:
            self._file_lock.release()
            self._file_lock = None

    def run(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Do work in one transaction and return its result.

        When the connection is lost, it is made anew and the work is done again: it must find out by itself whether the
        lost transaction was kept. Raises StoreError, without the statement's values (they hold narratives).
        """
        try:
            return patiently(self._retry, self._is_worth_a_wait, lambda: self._attempt(work))
        except sa.exc.SQLAlchemyError as error:
            raise _translated(error) from None

    def _attempt(self, work: Callable[[sa.Connection], Result]) -> Result:
        try:
            connection = self._connected()
            with connection.begin():
                return work(connection)
        except (sa.exc.DBAPIError, BusyError):
            self._drop()  # whatever state it is in, a fresh one is better
            raise

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self.engine.connect()
            if self._exclusive and self.url.get_backend_name() == "postgresql":
                # The lock lives and dies with the connection that writes: who lost the one cannot go on with the other.
                with self._connection.begin():
                    lock_server(self._connection)
                self._had_lock = True
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _is_worth_a_wait(self, error: BaseException) -> bool:
        # After a lost line the server may hold our own old lock for a moment longer.
        return self._had_lock if isinstance(error, BusyError) else is_lost(error)


class Pool:
    """One database for many at once: each piece of work has a connection of its own. Safe between threads."""

    def __init__(self, address: str, retry: RetrySettings) -> None:
        """Open a database that is there already; raises StoreError if it is missing or of another version."""
        with closing(Store.reading(address, retry)) as store:
            self.url = store.url
        self._retry = retry
        self._readers = _engine(self.url, "BEGIN", _POOLED)
        # SQLite: who is going to write says so at once, and then waits for its turn instead of failing in the middle.
        self._writers = _engine(self.url, "BEGIN IMMEDIATE", _POOLED) if self._is_sqlite else self._readers

    @property
    def _is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    def read(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Do work that only reads, in one transaction; raises StoreError."""
        return self._run(self._readers, work)

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Do work in one transaction, again if the line was lost; raises StoreError.

        Done again, the work must find out by itself whether the lost transaction was kept.
        """
        return self._run(self._writers, work)

    def close(self) -> None:
        """Give all connections back."""
        self._readers.dispose()
        self._writers.dispose()

    def _run(self, engine: sa.Engine, work: Callable[[sa.Connection], Result]) -> Result:
        def attempt() -> Result:
            with engine.begin() as connection:
                return work(connection)

        try:
            return patiently(self._retry, is_lost, attempt)
        except sa.exc.SQLAlchemyError as error:
            raise _translated(error) from None


def upgrade(connection: sa.Connection) -> None:
    """Bring the schema to its present revision; raises StoreError if it is newer than this program."""
    config = _config(connection)
    if _revision(connection, config) is None and sa.inspect(connection).has_table("runs"):
        command.stamp(config, _BEFORE_MIGRATIONS)
    command.upgrade(config, "head")


def _require_present_schema(connection: sa.Connection) -> None:
    config = _config(connection)
    if _revision(connection, config) != ScriptDirectory.from_config(config).get_current_head():
        raise StoreError("store_older", "the database is of an older version; the next `gongdan nightly` upgrades it")


def _revision(connection: sa.Connection, config: Config) -> str | None:
    """Return the revision of a database; raises StoreError if this program does not know it."""
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError("store_newer", f"the database has revision {found}, newer than this gongdan; update gongdan")
    return found


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _url(address: str) -> sa.URL:
    try:
        url = url_of(address)
    except sa.exc.ArgumentError:
        raise StoreError("store_address", "`database` is no database address; see configs/nightly.yaml") from None
    if url.get_backend_name() not in BACKENDS:
        raise StoreError("store_kind", f"{url.get_backend_name()} is not supported; use {' or '.join(BACKENDS)}")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreError("store_address", "a database in memory would forget the night; name a file")
    return url


def _engine(url: sa.URL, begin: str, pool: Mapping[str, Any] = _SINGLE) -> sa.Engine:
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, **pool, connect_args=dict(line_options(url)))
    engine = sa.create_engine(url, **pool, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})

    # sqlite3 would begin transactions by itself, too late and not for changes of the schema.
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for the run, nor the run for them

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _translated(error: sa.exc.SQLAlchemyError) -> StoreError:
    reason = reason_of(error)
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else None
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or (
        getattr(cause, "sqlstate", None) == _DISK_FULL_STATE
    ):
        return DiskFullError("disk_full", f"the disk of the database is full: {reason}; make room and run again")
    if is_lost(error):
        return StoreError("store_lost", f"the database cannot be reached: {reason}")
    return StoreError("store_failed", f"the database failed: {reason}")


def reading(address: str, retry: RetrySettings, work: Callable[[sa.Connection], Result]) -> Result:
    """Do work that only reads, in one transaction beside a run; raises StoreError."""
    with closing(Store.reading(address, retry)) as store:
        return store.run(work)
