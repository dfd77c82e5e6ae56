import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from pipeline.errors import ConfigError, FileError, ModelError
from pipeline.nightly import NightlySettings, run_night
from pipeline.nightly.store import predictions, rejects, runs
from pipeline.settings import CONFIGS, DEFAULT_MODEL, load_settings

HEADER = ("工单编号", "受理时间", "受理内容", "台区")
ROWS = [
    ("N1", "2026-10-01 08:00", "【频繁停电】近两个月停电五次", "东一台区"),
    ("N2", "2026-10-02 08:00", "电压低空调带不动", "东二台区"),
    ("N3", "2026-10-03 08:00", "", "东三台区"),
    ("N4", "", "收费员态度恶劣", ""),
]


@pytest.fixture
def night(tmp_path: Path) -> NightlySettings:
    """The shipped configuration over an inbox and a database of the test's own."""
    (tmp_path / "inbox").mkdir()
    content = yaml.safe_load((CONFIGS / "nightly.yaml").read_text(encoding="utf-8"))
    content |= {"inbox": str(tmp_path / "inbox"), "database": f"sqlite:///{tmp_path}/night.db"}
    path = tmp_path / "nightly.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_settings(path, NightlySettings)


def _drop(night: NightlySettings, name: str, rows: Sequence[Sequence[str]]) -> Path:
    path = night.inbox / name
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def _all(night: NightlySettings, table: sa.Table) -> list[sa.Row]:
    engine = sa.create_engine(night.database)
    with engine.connect() as connection:
        found = list(connection.execute(sa.select(table)))
    engine.dispose()
    return found


def test_a_second_run_adds_nothing_and_says_that_all_is_known(night: NightlySettings) -> None:
    _drop(night, "a.csv", ROWS)
    first, second = run_night(night), run_night(night)
    assert (first.read, first.scored, first.known, first.rejected) == (4, 3, 0, 1)
    assert (second.read, second.scored, second.known, second.rejected) == (4, 0, 3, 1)
    assert first.holdings == second.holdings
    assert len(_all(night, predictions)) == 3
    assert [(row.source, row.row, row.code) for row in _all(night, rejects)] == [("a.csv", 4, "missing_text")]
    assert [(row.scored, row.known, row.finished_at is not None) for row in _all(night, runs)] == [
        (3, 0, True),
        (0, 3, True),
    ]


def test_a_new_file_and_a_changed_text_are_scored_and_the_old_answer_stands(night: NightlySettings) -> None:
    _drop(night, "a.csv", ROWS)
    run_night(night)
    changed = ("N1", "2026-10-01 08:00", "近两个月停电五次，补充：冰箱烧坏", "东一台区")
    _drop(night, "b.csv", [changed, ROWS[1], ("N5", "", "抢修迟迟不到", "")])
    again = run_night(night)
    assert (again.scored, again.known) == (2, 4)
    assert sorted(row.ticket_id for row in _all(night, predictions)) == ["N1", "N1", "N2", "N4", "N5"]


def test_what_is_kept_is_masked_and_without_its_topic_and_has_the_other_columns(night: NightlySettings) -> None:
    _drop(night, "a.csv", ROWS)
    run_night(night)
    kept = {row.ticket_id: row for row in _all(night, predictions)}["N1"]
    assert (kept.topic, kept.narrative, kept.fields) == (
        "频繁停电",
        "近两个月停电五次",
        {"transformer_area": "东一台区"},
    )
    assert kept.accepted_at == datetime(2026, 10, 1, 8)
    assert kept.type == "power_quality"


def test_since_leaves_out_what_was_accepted_before_and_keeps_what_has_no_date(night: NightlySettings) -> None:
    _drop(night, "a.csv", ROWS)
    done = run_night(night, since=datetime(2026, 10, 2))
    assert (done.read, done.scored, done.before_since, done.rejected) == (4, 2, 1, 1)
    assert sorted(row.ticket_id for row in _all(night, predictions)) == ["N2", "N4"]


def test_a_file_that_cannot_be_read_does_not_stop_the_others(night: NightlySettings) -> None:
    _drop(night, "a.csv", ROWS)
    (night.inbox / "b.xlsx").write_bytes(b"no spreadsheet")
    _drop(night, "c.csv", [("N9", "", "电费突然翻倍", "")])
    (night.inbox / "notes.txt").write_text("not an export", encoding="utf-8")
    done = run_night(night)
    assert [(type(error), error.code) for error in done.failures] == [(FileError, "file_damaged")]
    assert (done.files, done.scored) == (2, 4)


def test_progress_names_every_file_and_counts_every_row(night: NightlySettings) -> None:
    _drop(night, "a.csv", ROWS)
    _drop(night, "b.csv", ROWS[:1])
    told: dict[str, int] = {}

    def begin(path: Path):  # noqa: ANN202
        told[path.name] = 0

        def advance(rows: int) -> None:
            told[path.name] += rows

        return advance

    run_night(night, begin_file=begin)
    assert told == {"a.csv": 4, "b.csv": 1}


def test_an_empty_inbox_is_a_quiet_night_and_a_missing_one_an_error(night: NightlySettings) -> None:
    done = run_night(night)
    assert (done.files, done.read, done.holdings.types) == (0, 0, {})
    night.inbox.rmdir()
    with pytest.raises(ConfigError) as caught:
        run_night(night)
    assert caught.value.code == "inbox_missing"


def test_a_damaged_model_is_found_before_the_database_is_touched(night: NightlySettings, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in DEFAULT_MODEL.iterdir():
        (folder / path.name).write_bytes(path.read_bytes()[:-1] if path.name == "weights.npz" else path.read_bytes())
    with pytest.raises(ModelError, match=r"weights\.npz"):
        run_night(night.model_copy(update={"model": folder}))
    assert not (tmp_path / "night.db").exists()
