import threading

import pytest
import sqlalchemy as sa

from pipeline.errors import StoreError
from pipeline.review import audit
from pipeline.review.access import Role
from pipeline.store.database import Pool
from pipeline.store.review import audit as table

from .conftest import add_user


def _unprotect(connection: sa.Connection) -> None:
    """Do what somebody with the database's password can do."""
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("DROP TRIGGER audit_no_update"))
        connection.execute(sa.text("DROP TRIGGER audit_no_delete"))
    else:
        connection.execute(sa.text("DROP TRIGGER audit_append_only ON audit"))


def _fill(pool: Pool, count: int = 5) -> list[int]:
    li = add_user(pool, "小李", Role.LEAD)
    for number in range(count):
        pool.write(lambda connection, n=number: audit.record(connection, li, "looked", f"ticket {n}", n=n, 为="是"))
    return pool.read(lambda connection: list(connection.scalars(sa.select(table.c.id).order_by(table.c.id))))


def test_what_is_recorded_is_read_newest_first_and_is_whole(any_pool: Pool) -> None:
    ids = _fill(any_pool)
    any_pool.write(lambda connection: audit.record(connection, None, "login_failed", "", reason="unknown"))
    found = any_pool.read(lambda connection: audit.entries(connection, limit=3))
    assert [(entry.user, entry.action, entry.subject) for entry in found] == [
        ("", "login_failed", ""), ("小李", "looked", "ticket 4"), ("小李", "looked", "ticket 3"),
    ]  # fmt: skip
    assert found[1].detail == {"n": 4, "为": "是"}
    assert any_pool.read(audit.verify) is None
    assert any_pool.read(audit.actions) == ["login_failed", "looked"]
    older = any_pool.read(lambda connection: audit.entries(connection, limit=9, before=ids[2]))
    assert [entry.id for entry in older] == [ids[1], ids[0]]
    for filters in ({"action": "login_failed"}, {"user": ""}):
        assert len(any_pool.read(lambda connection, f=filters: audit.entries(connection, limit=9, **f))) == 1


def test_an_empty_log_is_whole(any_pool: Pool) -> None:
    assert any_pool.read(audit.verify) is None


def test_the_database_refuses_to_change_or_remove_an_entry(any_pool: Pool) -> None:
    _fill(any_pool)
    for statement in (table.update().values(subject="x"), table.delete()):
        with pytest.raises(StoreError):
            any_pool.write(lambda connection, s=statement: connection.execute(s))
    assert any_pool.read(audit.verify) is None


@pytest.mark.parametrize(
    "change", [{"user": "x"}, {"user_id": None}, {"action": "x"}, {"subject": "x"}, {"detail": "{}"}, {"at": "x"}]
)
def test_an_altered_entry_is_named(any_pool: Pool, change: dict[str, object]) -> None:
    ids = _fill(any_pool)

    def alter(connection: sa.Connection) -> None:
        _unprotect(connection)
        connection.execute(table.update().where(table.c.id == ids[2]).values(change))

    any_pool.write(alter)
    assert any_pool.read(audit.verify) == ids[2]


def test_one_that_was_altered_and_hashed_anew_betrays_itself_by_the_next(any_pool: Pool) -> None:
    ids = _fill(any_pool)

    def alter(connection: sa.Connection) -> None:
        _unprotect(connection)
        row = dict(connection.execute(sa.select(table).where(table.c.id == ids[2])).mappings().one())
        row["subject"] = "another"
        values = {"subject": row["subject"], "sha256": audit._digest(row["previous"], row)}
        connection.execute(table.update().where(table.c.id == ids[2]).values(values))

    any_pool.write(alter)
    assert any_pool.read(audit.verify) == ids[3]


@pytest.mark.parametrize("at", [0, 2])
def test_a_removed_entry_is_found_at_the_next(any_pool: Pool, at: int) -> None:
    ids = _fill(any_pool)

    def remove(connection: sa.Connection) -> None:
        _unprotect(connection)
        connection.execute(table.delete().where(table.c.id == ids[at]))

    any_pool.write(remove)
    assert any_pool.read(audit.verify) == ids[at + 1]


def test_entries_that_changed_places_are_found(any_pool: Pool) -> None:
    ids = _fill(any_pool)

    def swap(connection: sa.Connection) -> None:
        _unprotect(connection)
        for old, new in ((ids[1], 1_000_000), (ids[2], ids[1]), (1_000_000, ids[2])):
            connection.execute(table.update().where(table.c.id == old).values(id=new))

    any_pool.write(swap)
    assert any_pool.read(audit.verify) == ids[1]


def test_many_who_write_at_once_make_one_chain(any_pool: Pool) -> None:
    def write() -> None:
        for _ in range(5):
            any_pool.write(lambda connection: audit.record(connection, None, "looked", ""))

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any_pool.read(audit.verify) is None
    assert len(any_pool.read(lambda connection: audit.entries(connection, limit=99))) == 30


def test_what_is_rolled_back_leaves_no_entry(any_pool: Pool) -> None:
    def fail(connection: sa.Connection) -> None:
        audit.record(connection, None, "looked", "")
        raise LookupError

    _fill(any_pool, 1)
    with pytest.raises(LookupError):
        any_pool.write(fail)
    any_pool.write(lambda connection: audit.record(connection, None, "looked", "again"))
    assert [entry.subject for entry in any_pool.read(lambda c: audit.entries(c, limit=9))] == ["again", "ticket 0"]
    assert any_pool.read(audit.verify) is None
