"""Two runs at once cannot happen: a lock that the operating system or the server takes back when its holder dies."""

import fcntl
import os
import zlib
from pathlib import Path

import sqlalchemy as sa

from pipeline.errors import BusyError

_NAMESPACE = 0x676F6E67  # "gong": keeps our advisory locks apart from other programs' in the same database


def lock_server(connection: sa.Connection) -> None:
    """Take PostgreSQL's advisory lock for this schema, held as long as the connection lives; raises BusyError."""
    schema = connection.scalar(sa.text("SELECT current_schema()"))
    key = zlib.crc32(str(schema).encode()) - (1 << 31)  # a signed 32-bit number is asked for
    query = sa.text("SELECT pg_try_advisory_lock(:namespace, :key)")
    if not connection.scalar(query, {"namespace": _NAMESPACE, "key": key}):
        raise _busy("on this database")


class FileLock:
    """A lock on a file beside an SQLite database, held as long as this process keeps it."""

    def __init__(self, database: Path) -> None:
        """Take it; raises BusyError if another process has it."""
        path = database.with_name(database.name + ".lock")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode(errors="replace").strip()
            os.close(self._file)
            raise _busy(f"as process {holder}" if holder else "on this database") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give it back. The file stays: removing it would let two processes lock two files of one name."""
        os.close(self._file)


def _busy(where: str) -> BusyError:
    return BusyError("run_in_progress", f"another nightly run is at work {where}; wait for its end")
