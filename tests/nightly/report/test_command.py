"""`gongdan report` over a database that a real night made."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.nightly import NightlySettings, run_night
from pipeline.nightly import report as reports

from ...conftest import ROWS, MakeNight, drop


def _report(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", "--config", str(folder / "nightly.yaml"), *arguments])


@pytest.fixture
def one_night(make_night: MakeNight, database: str) -> NightlySettings:
    """One night over SQLite and over PostgreSQL in turn."""
    night = make_night(database=database)
    drop(night.source.inbox, "a.csv", ROWS)
    run_night(night)
    return night


def test_the_newest_night_into_a_folder(one_night: NightlySettings, tmp_path: Path) -> None:
    done = _report(tmp_path, "-o", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert done.output.split() == [str(tmp_path / "out" / name) for name in ("report.html", "report.xlsx")]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "投诉工单夜报" in page
    assert "未采用 1 / 4 行（25.00%）" in page
    for personal in ("13800138000", "13900139000"):
        assert personal not in page


def test_a_month_and_the_folder_it_gets_by_itself(
    one_night: NightlySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "REPORTS", tmp_path / "reports")
    done = _report(tmp_path, "--month", "2026-10")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "reports" / "2026-10" / "report.html").read_text(encoding="utf-8")
    assert "月报　2026 年 10 月" in page


@pytest.mark.parametrize(
    ("arguments", "said", "status"),
    [
        (["--run", "7"], "run_missing", 5),
        (["--month", "2026-01"], "month_empty", 5),
        (["--month", "2026-10", "--run", "1"], "either --run or --month", 2),
        (["--month", "October"], "October", 2),
    ],
)
def test_what_is_not_there_is_one_clear_line(
    make_night: MakeNight, tmp_path: Path, arguments: list[str], said: str, status: int
) -> None:
    night = make_night()
    drop(night.source.inbox, "a.csv", ROWS)
    run_night(night)
    done = _report(tmp_path, *arguments)
    assert (done.exit_code, said in done.output) == (status, True), done.output


def test_without_a_database_it_says_what_to_run_first(make_night: MakeNight, tmp_path: Path) -> None:
    make_night()
    done = _report(tmp_path)
    assert done.exit_code == 5
    assert "store_missing" in done.output
    assert not (tmp_path / "night.db").exists()
