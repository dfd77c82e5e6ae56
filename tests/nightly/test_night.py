import shutil
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.errors import ConfigError, DiskFullError, FileError, ModelError, SourceError, StoreError
from pipeline.nightly import NightlySettings, run_night
from pipeline.nightly.ledger import Counts, Ledger
from pipeline.settings import ROOT
from pipeline.store.schema import positions, predictions, rejects, runs

from ..conftest import ROWS, MakeNight, drop, everything, untuned


def test_a_second_run_adds_nothing_and_says_that_all_is_known(make_night: MakeNight, database: str) -> None:
    night = make_night(database=database)
    drop(night.source.inbox, "a.csv", ROWS)
    first, second = run_night(night), run_night(night)
    assert (first.counts.read, first.counts.scored + first.counts.review, first.counts.rejected) == (4, 3, 1)
    assert second.counts == Counts(read=4, known=3, rejected=1)
    assert first.holdings == second.holdings
    assert sum(first.holdings.types.values()) == 3
    assert len(everything(database, predictions)) == 3
    assert [(row.source, row.row, row.code, row.status) for row in everything(database, rejects)] == [
        ("a.csv", 4, "missing_text", "open")
    ]
    assert [
        (row.status, row.resumed, row.known, row.finished_at is not None) for row in everything(database, runs)
    ] == [
        ("closed", 0, 0, True),
        ("closed", 0, 3, True),
    ]


def test_a_new_file_and_a_changed_text_are_scored_and_the_old_answer_stands(night: NightlySettings) -> None:
    drop(night.source.inbox, "a.csv", ROWS)
    run_night(night)
    changed = ("N1", "2026-10-01 08:00", "近两个月停电五次，补充：冰箱烧坏", "东一台区", "")
    drop(night.source.inbox, "b.csv", [changed, ROWS[1], ("N5", "", "抢修迟迟不到", "", "")])
    again = run_night(night).counts
    assert (again.scored + again.review, again.known) == (2, 4)
    assert sorted(row.ticket_id for row in everything(night.database, predictions)) == ["N1", "N1", "N2", "N4", "N5"]


def test_the_same_ticket_in_two_files_of_one_night_is_scored_once_and_counted_once(night: NightlySettings) -> None:
    drop(night.source.inbox, "a.csv", ROWS)
    drop(night.source.inbox, "b.csv", ROWS)
    counts = run_night(night).counts
    assert (counts.read, counts.scored + counts.review, counts.known, counts.rejected) == (8, 3, 3, 2)
    assert {row.source for row in everything(night.database, predictions)} == {"a.csv"}


def test_what_is_kept_is_masked_and_without_its_topic_and_has_the_other_columns(night: NightlySettings) -> None:
    drop(
        night.source.inbox,
        "a.csv",
        [(*ROWS[0][:2], "【频繁停电】近两个月停电五次，请回13800138000", *ROWS[0][3:]), *ROWS[1:]],
    )
    run_night(night)
    kept = {row.ticket_id: row for row in everything(night.database, predictions)}
    assert (kept["N1"].topic, kept["N1"].fields) == ("频繁停电", {"transformer_area": "东一台区"})
    assert kept["N1"].narrative == "近两个月停电五次，请回<电话>"
    assert kept["N1"].accepted_at == datetime(2026, 10, 1, 8)
    # Two tickets of one caller are told to be so, and by nobody who lacks the key.
    assert kept["N1"].customer == kept["N2"].customer != kept["N4"].customer
    for path in night.source.inbox.parent.iterdir():
        assert path.is_dir() or b"13800138000" not in path.read_bytes()


def test_since_leaves_out_what_was_accepted_before_and_keeps_what_has_no_date(night: NightlySettings) -> None:
    drop(night.source.inbox, "a.csv", ROWS)
    counts = run_night(night, since=datetime(2026, 10, 2)).counts
    assert (counts.read, counts.scored + counts.review, counts.before_since, counts.rejected) == (4, 2, 1, 1)
    assert sorted(row.ticket_id for row in everything(night.database, predictions)) == ["N2", "N4"]


def test_a_file_that_cannot_be_read_does_not_stop_the_others(night: NightlySettings) -> None:
    drop(night.source.inbox, "a.csv", ROWS)
    (night.source.inbox / "b.xlsx").write_bytes(b"no spreadsheet")
    drop(night.source.inbox, "c.csv", [("N9", "", "电费突然翻倍", "", "")])
    (night.source.inbox / "notes.txt").write_text("not an export", encoding="utf-8")
    done = run_night(night)
    assert [(type(error), error.code) for error in done.failures] == [(FileError, "file_damaged")]
    assert (done.parts, done.counts.scored + done.counts.review) == (2, 4)
    assert [problem["code"] for problem in everything(night.database, runs)[0].problems] == ["file_damaged"]


def test_what_lies_in_the_inbox_and_is_no_export_is_passed_over(night: NightlySettings) -> None:
    drop(night.source.inbox, "a.csv", ROWS[:1])
    (night.source.inbox / "old.csv").mkdir()
    for name in ("~$a.xlsx", ".a.csv.part.csv"):  # somebody has it open; somebody is writing it
        (night.source.inbox / name).write_bytes(b"lock")
    (night.source.inbox / "gone.csv").symlink_to("nowhere")
    done = run_night(night)
    assert [error.code for error in done.failures] == ["file_unreadable"]  # the link: it should have been an export
    assert done.counts.read == 1


def test_files_that_cannot_be_written_leave_the_run_closed_and_are_told(make_night: MakeNight, tmp_path: Path) -> None:
    (tmp_path / "nights").write_text("a file where the folder should be", encoding="utf-8")
    night = make_night(outputs={"folder": str(tmp_path / "nights"), "answers": ["csv"], "report": False})
    drop(night.source.inbox, "a.csv", ROWS)
    done = run_night(night)
    assert done.unwritten is not None
    assert [row.status for row in everything(night.database, runs)] == ["closed"]


def test_a_night_leaves_its_report_with_what_the_watch_saw(make_night: MakeNight, tmp_path: Path) -> None:
    night = make_night(outputs={"folder": str(tmp_path / "nights"), "answers": [], "report": True})
    drop(night.source.inbox, "a.csv", ROWS)
    done = run_night(night)
    assert [path.name for path in done.files] == ["report.html", "report.xlsx"]
    assert "3" in done.files[0].read_text(encoding="utf-8")


def test_progress_names_every_file_and_counts_every_row(night: NightlySettings) -> None:
    drop(night.source.inbox, "a.csv", ROWS)
    drop(night.source.inbox, "b.csv", ROWS[:1])
    told: dict[str, list[int | None]] = {}

    def begin(name: str, count):  # noqa: ANN001, ANN202
        told[name] = [count(), 0]

        def advance(rows: int) -> None:
            told[name][1] += rows

        return advance

    run_night(night, begin=begin)
    assert told == {"a.csv": [5, 4], "b.csv": [2, 1]}


def test_an_empty_inbox_is_a_quiet_night_and_a_missing_one_an_error(night: NightlySettings) -> None:
    done = run_night(night)
    assert (done.parts, done.counts, done.holdings.types) == (0, Counts(), {})
    night.source.inbox.rmdir()
    with pytest.raises(SourceError) as caught:
        run_night(night)
    assert (caught.value.code, caught.value.exit_status) == ("inbox_missing", 6)


def _damaged(model: Path, folder: Path) -> Path:
    shutil.copytree(model, folder)
    (folder / "weights.npz").write_bytes((folder / "weights.npz").read_bytes()[:-1])
    return folder


def test_a_damaged_model_is_found_before_the_database_is_touched(
    make_night: MakeNight, tree_model: Path, tmp_path: Path
) -> None:
    night = make_night(model=str(_damaged(tree_model, tmp_path / "model")))
    for fallback in (False, True):  # there is nothing to fall back to either
        with pytest.raises(ModelError, match=r"weights\.npz"):
            run_night(night, fallback=fallback)
    assert not (tmp_path / "night.db").exists()


def test_fallback_goes_on_with_the_last_model_that_closed_a_night_and_says_so(
    make_night: MakeNight, tree_model: Path, tmp_path: Path
) -> None:
    drop(make_night().source.inbox, "a.csv", ROWS[:1])
    closed = run_night(make_night())
    night = make_night(model=str(_damaged(tree_model, tmp_path / "model")))
    drop(night.source.inbox, "b.csv", ROWS[1:2])
    done = run_night(night, fallback=True)
    assert (done.model, done.instead.code) == (closed.model, "model_damaged")
    assert (done.counts.scored + done.counts.review, done.counts.known) == (1, 1)
    assert [problem["code"] for problem in everything(night.database, runs)[1].problems] == ["model_damaged"]


def test_too_little_room_is_an_error_before_the_first_row(make_night: MakeNight) -> None:
    night = make_night(min_free_mb=1 << 30)
    drop(night.source.inbox, "a.csv", ROWS)
    with pytest.raises(DiskFullError) as caught:
        run_night(night)
    assert caught.value.exit_status == 10
    assert everything(night.database, runs) == []


def test_a_configuration_of_another_kind_of_source_is_one_clear_error(make_night: MakeNight) -> None:
    with pytest.raises(ConfigError, match="table"):
        make_night(source={"database": "sqlite:///x.db", "time": "t", "id": "i", "lookback_hours": 1})


def test_an_answer_the_database_lost_does_not_let_the_run_close(
    night: NightlySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(night.source.inbox, "a.csv", ROWS)
    real = Ledger.close

    def lose(ledger: Ledger, problems: list) -> Counts:
        ledger.store.run(lambda connection: connection.execute(sa.delete(predictions).where(predictions.c.row == 2)))
        return real(ledger, problems)

    monkeypatch.setattr(Ledger, "close", lose)
    with pytest.raises(StoreError) as caught:
        run_night(night)
    assert caught.value.code == "accounts_open"
    assert [row.status for row in everything(night.database, runs)] == ["running"]


def test_text_that_no_database_keeps_is_kept_without_it(make_night: MakeNight, database: str) -> None:
    night = make_night(database=database)
    line = '{"ticket_id": "N\\u00007", "text": "停电\\u0000了一天没人管", "unit": "东\\u0000所"}\n'
    (night.source.inbox / "a.jsonl").write_text(line, encoding="utf-8")
    counts = run_night(night).counts
    assert counts.scored + counts.review == 1
    row = everything(database, predictions)[0]
    assert (row.ticket_id, row.fields) == ("N7", {"unit": "东所"})
    assert run_night(night).counts.known == 1


# Replay: what was rejected is tried again.


def test_replayed_rejects_are_scored_when_the_columns_say_so_and_stay_when_not(
    make_night: MakeNight, database: str, tmp_path: Path
) -> None:
    night = make_night(database=database)
    bad = ("N6", "第三天上午", "电压不稳，灯忽明忽暗", "东六台区", "")
    drop(night.source.inbox, "a.csv", [ROWS[0], bad, ROWS[2]])
    run_night(night)
    assert [row.code for row in everything(database, rejects)] == ["bad_date", "missing_text"]

    unchanged = run_night(night, replay=True).counts
    assert unchanged == Counts(read=2, rejected=2)

    columns = (ROOT / "configs" / "columns.yaml").read_text(encoding="utf-8").replace("accepted_at, 受理时间,", "")
    (tmp_path / "columns.yaml").write_text(columns, encoding="utf-8")
    mended = make_night(database=database, columns=str(tmp_path / "columns.yaml"))
    counts = run_night(mended, replay=True).counts
    assert (counts.read, counts.scored + counts.review, counts.rejected) == (2, 1, 1)
    assert [(row.code, row.status) for row in everything(database, rejects)] == [
        ("bad_date", "resolved"),
        ("missing_text", "open"),
    ]
    assert sorted(row.ticket_id for row in everything(database, predictions)) == ["N1", "N6"]
    assert run_night(mended, replay=True).counts == Counts(read=1, rejected=1)


def test_a_mended_file_settles_the_rejects_of_its_earlier_contents(night: NightlySettings) -> None:
    drop(night.source.inbox, "a.csv", ROWS)
    run_night(night)
    drop(night.source.inbox, "a.csv", [*ROWS[:2], ("N3", "2026-10-03 08:00", "营业厅排队两小时", "", ""), ROWS[3]])
    done = run_night(night)
    assert [row.status for row in everything(night.database, rejects)] == ["superseded"]
    assert done.holdings.rejects == {}


def test_rejects_whose_file_is_gone_stay_open_and_are_named(night: NightlySettings) -> None:
    path = drop(night.source.inbox, "a.csv", ROWS)
    run_night(night)
    path.unlink()
    done = run_night(night, replay=True)
    assert [error.code for error in done.failures] == ["file_gone"]
    assert [row.status for row in everything(night.database, rejects)] == ["open"]


# Killed runs: the real thing is in test_crash.py; here each step is looked at.


class _PowerCutError(Exception):
    pass


def _cut_after(batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = Ledger.write, []

    def write(ledger: Ledger, batch) -> None:  # noqa: ANN001
        if len(written) == batches:
            raise _PowerCutError
        written.append(batch)
        real(ledger, batch)

    monkeypatch.setattr(Ledger, "write", write)


def _small_chunks(tmp_path: Path) -> dict[str, str]:
    return {"score": untuned(tmp_path, chunk_rows=2, workers=1)}


def test_a_run_that_was_cut_off_goes_on_where_it_stopped(
    make_night: MakeNight, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = make_night(database=database, **_small_chunks(tmp_path))
    drop(night.source.inbox, "a.csv", ROWS)
    drop(night.source.inbox, "b.csv", [("N7", "", "停电三天", "", ""), ("N8", "", "电表箱门坏了", "", "")])
    with monkeypatch.context() as patch:
        _cut_after(2, patch)
        with pytest.raises(_PowerCutError):
            run_night(night)
    cut = everything(database, runs)[0]
    assert (cut.status, cut.read, cut.scored + cut.review + cut.rejected) == ("running", 4, 4)
    assert [(row.part, row.rows, row.done) for row in everything(database, positions)] == [("a.csv", 4, True)]
    done = run_night(night)
    assert (done.run_id, done.resumed, done.counts.read, done.counts.known) == (cut.id, 1, 6, 0)
    assert [(row.status, row.resumed) for row in everything(database, runs)] == [("closed", 1)]
    assert len(everything(database, predictions)) == 5


def test_a_run_that_was_cut_off_is_given_up_when_another_model_takes_over(
    make_night: MakeNight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = make_night(**_small_chunks(tmp_path))
    drop(night.source.inbox, "a.csv", ROWS)
    with monkeypatch.context() as patch:
        _cut_after(1, patch)
        with pytest.raises(_PowerCutError):
            run_night(night)
    done = run_night(night.model_copy(update={"model": ROOT / "models" / "default"}))
    assert (done.resumed, done.counts.read) == (0, 4)
    first, second = everything(night.database, runs)
    assert (first.status, first.read, second.status) == ("abandoned", 2, "closed")
    assert len(everything(night.database, predictions)) == 2 + 3
