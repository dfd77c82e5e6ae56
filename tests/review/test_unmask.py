"""A ticket as it was typed: from its source, for a reason, and on record before anybody sees it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.nightly import NightlySettings, run_night
from pipeline.review import audit
from pipeline.review.access import Role, User
from pipeline.review.unmask import unmask
from pipeline.store.database import Pool
from pipeline.store.schema import predictions

from ..conftest import MakeNight, ask, drop, everything
from .filled import RETRY

LEAD = User(1, "陈一", Role.LEAD, must_change=False)
TYPED = "客户王小明来电，电话13812345678，家里电压低空调带不动"
ROW = ("U1", "2026-10-01 08:00", TYPED, "东一台区", "13812345678")


@pytest.fixture
def night(make_night: MakeNight, tmp_path: Path) -> NightlySettings:
    settings = make_night()
    drop(tmp_path / "inbox", "a.csv", [("U0", "2026-10-01 08:00", "频繁停电五次", "", ""), ROW])
    run_night(settings)
    return settings


@pytest.fixture
def pool(night: NightlySettings) -> Iterator[Pool]:
    made = Pool(night.database, RETRY)
    made.write(lambda connection: connection.execute(sa.text(
        "INSERT INTO users VALUES (1, '陈一', '', 'lead', 1, 0, 0, NULL, '2026-11-29 00:00:00')"
    )))  # fmt: skip
    yield made
    made.close()


def the_ticket(night: NightlySettings) -> dict[str, object]:
    (row,) = (row for row in everything(night.database, predictions) if row.ticket_id == "U1")
    return row._asdict()


def test_the_database_holds_it_masked_and_the_source_as_typed(pool: Pool, night: NightlySettings) -> None:
    ticket = the_ticket(night)
    assert "13812345678" not in str(ticket)
    plain = unmask(pool, night, LEAD, ticket, "回访客户，电话13900001111")
    assert plain is not None
    assert plain.text == TYPED
    assert "13812345678" in plain.personal
    (entry,) = pool.read(lambda connection: audit.entries(connection, limit=9))
    assert (entry.action, entry.user, entry.subject) == ("unmask", "陈一", "U1")
    assert entry.detail == {"reason": "回访客户，电话<电话>"}
    assert "13812345678" not in str(everything(night.database, predictions))


def test_what_is_gone_or_was_changed_is_not_shown_but_asking_is_on_record(
    pool: Pool, night: NightlySettings, tmp_path: Path
) -> None:
    ticket = the_ticket(night)
    export = tmp_path / "inbox" / "a.csv"
    drop(tmp_path / "inbox", "a.csv", [("U0", "", "频繁停电五次", "", ""), (*ROW[:2], TYPED + "了", *ROW[3:])])
    assert unmask(pool, night, LEAD, ticket, "核对") is None
    export.unlink()
    assert unmask(pool, night, LEAD, ticket, "核对") is None
    assert len(pool.read(lambda connection: audit.entries(connection, limit=9))) == 2


def test_a_table_is_asked_by_the_id(make_night: MakeNight, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path}/source.db"
    ask(source, "CREATE TABLE complaints (ticket_id INTEGER, changed_at TEXT, content TEXT)")
    ask(source, f"INSERT INTO complaints VALUES (77, '2026-10-01 08:00:00', '{TYPED}')")
    table = {"database": source, "table": "complaints", "time": "changed_at", "id": "ticket_id", "lookback_hours": 1}
    night = make_night(source=table)
    run_night(night)
    pool = Pool(night.database, RETRY)
    (row,) = everything(night.database, predictions)
    plain = unmask(pool, night, LEAD, row._asdict(), "核对")
    pool.close()
    assert plain is not None
    assert plain.text == TYPED
