from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.errors import SourceError
from pipeline.nightly import run_night
from pipeline.nightly.sources import Position
from pipeline.nightly.table import Table, TableSettings
from pipeline.store.patience import RetrySettings
from pipeline.store.schema import positions, predictions, rejects, runs
from pipeline.tickets import Columns

from ..conftest import MakeNight, everything

MakeTable = Callable[..., TableSettings]
RETRY = RetrySettings(attempts=1, first=0.01, longest=0.01)
DAY = datetime(2026, 10, 1, 8)
TEXTS = ["两个月停电五次", "电压低空调带不动", "收费员态度恶劣骂人", "抢修迟迟不到", "电费突然翻倍"]


@pytest.fixture
def tickets(database: str) -> MakeTable:
    """A function that makes a table of tickets beside the night's own tables and says how to read it."""

    def make(time: sa.types.TypeEngine = sa.DateTime(), key: sa.types.TypeEngine = sa.String(20)) -> TableSettings:  # noqa: B008
        made = sa.MetaData()
        sa.Table(
            "complaints",
            made,
            sa.Column("changed_at", time),
            sa.Column("工单编号", key),
            sa.Column("受理内容", sa.Text),
            sa.Column("联系电话", sa.Text),
        )
        engine = sa.create_engine(database, poolclass=sa.NullPool)
        made.create_all(engine)
        return TableSettings(database=database, table="complaints", time="changed_at", id="工单编号", lookback_hours=24)

    return make


def _add(address: str, *rows: tuple[Any, Any, str | None]) -> None:
    table = sa.table("complaints", *map(sa.column, ("changed_at", "工单编号", "受理内容", "联系电话")))
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for time, key, text in rows:
            connection.execute(
                table.insert().values(changed_at=time, 工单编号=key, 受理内容=text, 联系电话="13800138000")
            )


def _ids(settings: TableSettings, size: int = 2) -> list[str]:
    source = Table(settings, Columns.load(), RETRY)
    return [
        ticket.ticket_id
        for part in source.parts()
        for page in source.read(part, Position(), size)
        for ticket in page.chunk.tickets
    ]


def test_every_row_is_read_once_in_pages_whatever_its_time_and_id(tickets: MakeTable) -> None:
    settings = tickets()
    rows = [(DAY + timedelta(hours=number // 3), f"T{number}", TEXTS[0]) for number in range(7)]
    _add(settings.database, *rows, (None, "T8", TEXTS[1]), (None, "T7", TEXTS[1]), (DAY, None, TEXTS[2]))
    for size in (1, 2, 3, 100):
        assert _ids(settings, size) == [f"T{number}" for number in range(9)]


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        (sa.DateTime(timezone=True), sa.Integer(), lambda number: DAY.replace(tzinfo=UTC) + timedelta(minutes=number)),
        (sa.Date(), sa.BigInteger(), lambda number: (DAY + timedelta(days=number // 2)).date()),
        (sa.Text(), sa.Numeric(20), lambda number: (DAY + timedelta(seconds=number)).isoformat(sep=" ")),
    ],
)
def test_times_and_ids_of_any_usual_type_go_through_the_position_and_back(
    tickets: MakeTable,
    make_night: MakeNight,
    kind: sa.types.TypeEngine,
    key: sa.types.TypeEngine,
    value: Callable[[int], Any],
    tmp_path: Path,
) -> None:
    settings = tickets(kind, key)
    score = tmp_path / "score.yaml"
    score.write_text("chunk_rows: 2\nworkers: 1\ntuning: null\nalternatives: 1\nreview_reasons: []\n", encoding="utf-8")
    night = make_night(database=settings.database, source=settings.model_dump(), score=str(score))
    _add(settings.database, *[(value(number), 100 + number, TEXTS[0]) for number in range(5)])
    assert run_night(night).counts.read == 5
    _add(settings.database, (value(200), 200, TEXTS[1]))
    later = run_night(night).counts
    assert later.scored == 1
    assert later.read == later.scored + later.known


def test_the_next_night_begins_a_little_before_the_end_of_the_last(tickets: MakeTable, make_night: MakeNight) -> None:
    settings = tickets()
    night = make_night(database=settings.database, source=settings.model_dump())
    _add(settings.database, *[(DAY + timedelta(days=number), f"T{number}", TEXTS[number]) for number in range(4)])
    assert run_night(night).counts.read == 4
    # One came late, within the time that is looked back; one text changed, with its time; one is new.
    _add(
        settings.database,
        (DAY + timedelta(days=2, hours=2), "late", TEXTS[4]),
        (DAY + timedelta(days=3, hours=1), "T0", TEXTS[4]),
        (DAY + timedelta(days=4), "new", TEXTS[0]),
    )
    counts = run_night(night).counts
    assert (counts.read, counts.scored + counts.review, counts.known) == (5, 3, 2)  # T2 and T3 are looked at again
    kept = sorted((row.ticket_id, row.source) for row in everything(settings.database, predictions))
    assert kept == [(key, "complaints") for key in ("T0", "T0", "T1", "T2", "T3", "late", "new")]
    assert everything(settings.database, runs)[1].settings["since"] is None


def test_since_reads_from_then_and_the_next_night_from_where_it_would_have(
    tickets: MakeTable, make_night: MakeNight
) -> None:
    settings = tickets()
    night = make_night(database=settings.database, source=settings.model_dump())
    _add(settings.database, (DAY, "T0", TEXTS[0]))
    run_night(night)
    _add(
        settings.database,
        (DAY + timedelta(days=5), "T5", TEXTS[1]),
        (DAY + timedelta(days=9), "T9", TEXTS[2]),
    )
    assert run_night(night, since=DAY + timedelta(days=8)).counts.read == 1
    counts = run_night(night).counts
    assert (counts.read, counts.scored + counts.review, counts.known) == (3, 1, 2)


def test_rejected_rows_are_kept_with_their_place_and_tried_again_when_mended(
    tickets: MakeTable, make_night: MakeNight
) -> None:
    settings = tickets()
    night = make_night(database=settings.database, source=settings.model_dump())
    _add(settings.database, (DAY, "T0", TEXTS[0]), (DAY, "T1", ""), (DAY, None, TEXTS[1]), (DAY, "T2", None))
    counts = run_night(night).counts
    assert (counts.read, counts.rejected) == (4, 3)
    found = everything(settings.database, rejects)
    assert sorted((row.code, row.place["id"]) for row in found if row.place["id"]) == [
        ("missing_text", "T1"),
        ("missing_text", "T2"),
    ]
    assert run_night(night).counts.rejected == 3
    assert len(everything(settings.database, rejects)) == 3
    engine = sa.create_engine(settings.database, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE complaints SET 受理内容 = '报装两个月没人来' WHERE 工单编号 = 'T1'"))
    replayed = run_night(night, replay=True).counts
    assert (replayed.scored + replayed.review, replayed.rejected) == (1, 2)
    assert sorted(row.status for row in everything(settings.database, rejects)) == ["open", "open", "resolved"]
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE complaints SET 工单编号 = 'T3' WHERE 工单编号 IS NULL"))
    replayed = run_night(night, replay=True).counts  # the row has an id by now: it is among those of its time
    assert (replayed.scored + replayed.review, replayed.known, replayed.rejected) == (1, 2, 1)
    assert sorted(row.ticket_id for row in everything(settings.database, predictions)) == ["T0", "T1", "T3"]
    assert sorted(row.status for row in everything(settings.database, rejects)) == ["open", "resolved", "resolved"]


def test_a_query_is_read_like_a_table(tickets: MakeTable, make_night: MakeNight) -> None:
    settings = tickets()
    _add(settings.database, (DAY, "T0", TEXTS[0]), (DAY, "X1", TEXTS[1]))
    query = "SELECT * FROM complaints WHERE 工单编号 LIKE 'T%'"
    source = settings.model_dump() | {"table": None, "query": query}
    assert run_night(make_night(database=settings.database, source=source)).counts.read == 1
    assert [row.part for row in everything(settings.database, positions)] == ["query"]


def test_what_runs_are_called_holds_no_password(tickets: MakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETS_PASSWORD", "geheim")
    settings = tickets().model_copy(
        update={"database": "postgresql+psycopg://reader:${TICKETS_PASSWORD}@server/tickets"}
    )
    source = Table(settings, Columns.load(), RETRY)
    assert source.name == "complaints @ postgresql+psycopg://reader:***@server/tickets"
    assert "geheim" not in repr(source.parts())


def test_a_table_that_is_not_there_or_lacks_a_column_is_one_clear_error(
    tickets: MakeTable, make_night: MakeNight
) -> None:
    settings = tickets()
    _add(settings.database, (DAY, "T0", TEXTS[0]))
    for change, code in (
        ({"table": "nowhere"}, "source_unreadable"),
        ({"table": None, "query": "SELECT changed_at, 工单编号 FROM complaints"}, "source_columns"),
        ({"time": "no_time"}, "source_unreadable"),
    ):
        night = make_night(database=settings.database, source=settings.model_dump() | change)
        with pytest.raises(SourceError) as caught:
            run_night(night)
        assert (caught.value.code, caught.value.exit_status) == (code, 6)
