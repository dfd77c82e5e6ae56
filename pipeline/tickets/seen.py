"""Which ticket ids a file has shown already, in constant memory."""

import sqlite3
from typing import Self


class SeenIds:
    """Remembers ids in a temporary SQLite database that spills to disk; use as a context manager."""

    def __init__(self) -> None:
        # An empty name is a private on-disk database, deleted on close: SQLite keeps a bounded page cache of it.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA cache_size=-32768")  # 32 MiB
        self._database.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def first_row(self, ticket_id: str, row: int) -> int | None:
        """Return the row on which an id was first seen, or None when this is the first time (and note it)."""
        if self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (ticket_id, row)).rowcount:
            return None
        found: int = self._database.execute("SELECT row FROM seen WHERE id = ?", (ticket_id,)).fetchone()[0]
        return found
