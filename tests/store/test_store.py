import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from pipeline.errors import BusyError, DiskFullError, StoreError
from pipeline.store.database import Store
from pipeline.store.patience import RetrySettings
from pipeline.store.review import metadata
from pipeline.store.schema import COUNTS, runs

RETRY = RetrySettings(attempts=4, first=0.05, longest=0.2)
RUN = {
    "started_at": sa.func.current_timestamp(), "status": "running", "resumed": 0, "purpose": "night", "host": "h",
    "source": "s", "model": "m", "model_digest": "d", "taxonomy_version": "1", "lexicon_sha256": "l", "settings": {},
    "problems": [],
} | dict.fromkeys(COUNTS, 0)  # fmt: skip


def _insert(connection: sa.Connection) -> None:
    connection.execute(runs.insert().values(RUN))


def _count(connection: sa.Connection) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(runs))


def test_the_migrations_make_what_the_schema_says(database: str) -> None:
    store = Store.exclusive(database, RETRY)
    with store.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        checks = sa.inspect(connection).get_check_constraints("runs")
    store.close()
    # SQLite cannot name a column's index in a table that was made anew; all else has to agree.
    assert [entry for entry in differences if "index" not in str(entry[0])] == []
    assert [check["name"] for check in checks] == ["runs_balance"]


def test_a_run_that_does_not_balance_is_refused_by_the_database_itself(database: str) -> None:
    store = Store.exclusive(database, RETRY)
    with pytest.raises(StoreError, match="runs_balance"):
        store.run(lambda connection: connection.execute(runs.insert().values(RUN | {"read": 3, "scored": 2})))
    store.run(lambda connection: connection.execute(runs.insert().values(RUN | {"read": 3, "scored": 2, "known": 1})))
    store.close()


_OLD = """
CREATE TABLE runs (id INTEGER PRIMARY KEY, started_at DATETIME NOT NULL, finished_at DATETIME,
 host VARCHAR(200) NOT NULL, model VARCHAR(100) NOT NULL, model_digest VARCHAR(64) NOT NULL,
 taxonomy_version VARCHAR(50) NOT NULL,
 lexicon_sha256 VARCHAR(64) NOT NULL, read INTEGER NOT NULL, scored INTEGER NOT NULL, known INTEGER NOT NULL,
 rejected INTEGER NOT NULL, before_since INTEGER NOT NULL);
CREATE TABLE predictions (ticket_id VARCHAR(200), content_sha256 VARCHAR(64), model_digest VARCHAR(64),
 taxonomy_version VARCHAR(50), run_id INTEGER NOT NULL REFERENCES runs (id), source VARCHAR(500) NOT NULL,
 "row" INTEGER NOT NULL, accepted_at DATETIME, fields JSON NOT NULL, topic TEXT NOT NULL, narrative TEXT NOT NULL,
 type VARCHAR(100) NOT NULL, cause VARCHAR(100) NOT NULL, type_probability FLOAT NOT NULL,
 cause_probability FLOAT NOT NULL, answer VARCHAR(10) NOT NULL, route VARCHAR(10) NOT NULL, reasons JSON NOT NULL,
 alternatives JSON NOT NULL, PRIMARY KEY (ticket_id, content_sha256, model_digest, taxonomy_version));
CREATE INDEX ix_predictions_run_id ON predictions (run_id);
CREATE INDEX ix_predictions_accepted_at ON predictions (accepted_at);
CREATE INDEX ix_predictions_type ON predictions (type);
CREATE INDEX ix_predictions_route ON predictions (route);
CREATE TABLE rejects (source_sha256 VARCHAR(64), "row" INTEGER, source VARCHAR(500) NOT NULL,
 run_id INTEGER NOT NULL REFERENCES runs (id), code VARCHAR(50) NOT NULL, message TEXT NOT NULL,
 PRIMARY KEY (source_sha256, "row"));
INSERT INTO runs VALUES (1, '2026-11-01 02:00:00', '2026-11-01 02:05:00', 'h', 'm', 'd', '1', 'l', 3, 2, 0, 1, 0),
 (2, '2026-11-02 02:00:00', NULL, 'h', 'm', 'd', '1', 'l', 0, 0, 0, 0, 0);
INSERT INTO predictions SELECT 'T' || value, 'c', 'd', '1', value / 2, 'a.csv', value, NULL, '{}', '', 'n', 't', 'c',
 0.9, 0.8, 'type', CASE value WHEN 3 THEN 'review' ELSE 'auto' END, '[]', '[]'
 FROM (SELECT 2 AS value UNION SELECT 3 UNION SELECT 4);
INSERT INTO rejects VALUES ('s', 4, 'a.csv', 1, 'bad_date', 'm');
"""


def test_a_database_from_before_the_migrations_is_upgraded_with_what_it_holds(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.executescript(_OLD)
    old.close()
    address = f"sqlite:///{tmp_path}/old.db"
    with pytest.raises(StoreError) as caught:
        Store.reading(address, RETRY)
    assert caught.value.code == "store_older"
    Store.exclusive(address, RETRY).close()
    store = Store.reading(address, RETRY)
    found = store.run(lambda connection: connection.execute(sa.select(runs).order_by(runs.c.id)).all())
    store.close()
    assert [(row.status, row.read, row.scored, row.review, row.rejected) for row in found] == [
        ("closed", 3, 1, 1, 1),
        ("abandoned", 1, 1, 0, 0),
    ]
    with sqlite3.connect(tmp_path / "old.db") as kept:
        assert kept.execute("SELECT count(*) FROM predictions").fetchone() == (3,)
        assert kept.execute("SELECT status, settled_by FROM rejects").fetchall() == [("open", None)]
    kept.close()


def test_an_upgrade_that_is_cut_off_leaves_the_old_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.executescript(
            _OLD + "UPDATE predictions SET run_id = 1; DROP INDEX ix_predictions_route;"
        )  # spoils the end
    old.close()
    before = _dump(tmp_path / "old.db")
    with pytest.raises(StoreError, match="ix_predictions_route"):
        Store.exclusive(f"sqlite:///{tmp_path}/old.db", RETRY)
    assert _dump(tmp_path / "old.db") == before


def _dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as database:
        lines = list(database.iterdump())
    database.close()
    return lines


def test_a_newer_database_is_refused(database: str) -> None:
    store = Store.exclusive(database, RETRY)
    store.run(lambda connection: connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    store.close()
    for opening in (Store.exclusive, Store.reading):
        with pytest.raises(StoreError) as caught:
            opening(database, RETRY)
        assert (caught.value.code, caught.value.exit_status) == ("store_newer", 5)


def test_two_runs_at_once_cannot_happen_and_the_lock_goes_with_its_holder(database: str) -> None:
    store = Store.exclusive(database, RETRY)
    with pytest.raises(BusyError) as caught:
        Store.exclusive(database, RETRY)
    assert (caught.value.code, caught.value.exit_status) == ("run_in_progress", 7)
    Store.reading(database, RETRY).close()  # readers are welcome
    store.close()
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, database],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BusyError):
        Store.exclusive(database, RETRY)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    _soon(lambda: Store.exclusive(database, RETRY)).close()


_HOLD = """
import sys, time
from pipeline.store.patience import RetrySettings
from pipeline.store.database import Store
store = Store.exclusive(sys.argv[1], RetrySettings(attempts=1, first=0.1, longest=1))
print("held", flush=True)
time.sleep(60)
"""


def _soon(work):  # noqa: ANN001, ANN202 - the server needs a moment to see that a process died
    for _ in range(50):
        try:
            return work()
        except BusyError:
            time.sleep(0.1)
    return work()


def _terminate_others(address: str) -> None:
    engine = sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_lost_connection_is_made_anew_with_its_lock_and_the_work_done_again(postgres: Callable[[], str]) -> None:
    address = postgres()
    store = Store.exclusive(address, RETRY)
    attempts = []

    def work(connection: sa.Connection) -> int:
        attempts.append(1)
        _insert(connection)
        if len(attempts) == 1:
            _terminate_others(address)
        return _count(connection)

    assert store.run(work) == 1  # the first attempt was taken back with its connection
    assert len(attempts) == 2
    with pytest.raises(BusyError):
        Store.exclusive(address, RETRY)
    store.close()


def test_who_lost_the_lock_to_another_run_does_not_write(postgres: Callable[[], str]) -> None:
    address = postgres()
    store = Store.exclusive(address, RETRY)
    _terminate_others(address)
    other = Store.exclusive(address, RETRY)
    with pytest.raises(BusyError):
        store.run(_insert)
    assert other.run(_count) == 0
    store.close()
    other.close()


def test_a_database_that_stays_away_is_a_clean_error_after_some_patience(
    postgres: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = sa.make_url(postgres())
    store = Store.exclusive(url.render_as_string(hide_password=False), RETRY)
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)

    def lose(connection: sa.Connection) -> None:
        raise sa.exc.OperationalError("INSERT 张三 13800138000", {}, ConnectionError("line is dead"))

    with pytest.raises(StoreError) as caught:
        store.run(lose)
    assert (caught.value.code, str(caught.value.message)) == (
        "store_lost",
        "the database cannot be reached: line is dead",
    )
    assert waits == [0.05, 0.1, 0.2]
    store.close()


def test_another_writer_of_sqlite_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.store.database._BUSY_SECONDS", 0.05)
    store = Store.exclusive(f"sqlite:///{tmp_path}/night.db", RETRY)
    other = sqlite3.connect(tmp_path / "night.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    release.start()
    store.run(_insert)
    release.join()
    other.close()
    assert store.run(_count) == 1
    store.close()


def test_a_full_disk_is_an_error_of_its_own_and_takes_the_batch_back(tmp_path: Path) -> None:
    store = Store.exclusive(f"sqlite:///{tmp_path}/night.db", RETRY)

    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite's own limit answers as a full disk does
        for _ in range(5000):
            _insert(connection)

    with pytest.raises(DiskFullError) as caught:
        store.run(fill)
    assert (caught.value.code, caught.value.exit_status) == ("disk_full", 10)
    assert store.run(_count) == 0
    store.close()


def test_what_fails_in_the_database_names_no_value_of_the_row(database: str) -> None:
    store = Store.exclusive(database, RETRY)
    with pytest.raises(StoreError) as caught:
        store.run(
            lambda connection: connection.execute(runs.insert().values(RUN | {"host": None, "source": "13800138000"}))
        )
    assert caught.value.code == "store_failed"
    assert "13800138000" not in str(caught.value)
    store.close()


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("mysql://localhost/x", "store_kind"),
        ("no address", "store_address"),
        ("sqlite://", "store_address"),
        ("sqlite:////proc/no/db", "store_unusable"),
        ("postgresql://127.0.0.1:1/nobody", "store_lost"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_clear_error(address: str, code: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store.exclusive(address, RetrySettings(attempts=1, first=0.1, longest=1))
    assert caught.value.code == code


def test_a_database_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Store.reading(f"sqlite:///{tmp_path}/none.db", RETRY)
    assert caught.value.code == "store_missing"
    assert list(tmp_path.iterdir()) == []
