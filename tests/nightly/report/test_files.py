import errno
import os
from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.nightly.report import files
from pipeline.nightly.report.build import night_report
from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.files import write_report
from pipeline.taxonomy import Taxonomy

from .conftest import Nights, a_ticket


@pytest.fixture
def report(nights: Nights, taxonomy: Taxonomy) -> Report:
    return nights.read(night_report, nights.add([a_ticket("1")]), taxonomy)


def test_both_files_are_written_into_a_new_folder_and_nothing_else(report: Report, tmp_path: Path) -> None:
    written = write_report(report, tmp_path / "deep" / "folder")
    assert list(written) == [tmp_path / "deep" / "folder" / name for name in ("report.html", "report.xlsx")]
    assert sorted(path.name for path in written.page.parent.iterdir()) == ["report.html", "report.xlsx"]


def test_the_same_night_gives_the_same_page(report: Report, tmp_path: Path) -> None:
    pages = [write_report(report, tmp_path / name).page.read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_a_full_disk_leaves_the_files_that_were_there(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [path.read_bytes() for path in write_report(report, tmp_path)]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "secret")

    monkeypatch.setattr(files, "write_book", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        write_report(report, tmp_path)
    assert caught.value.code == "report_unwritten"
    assert "secret" not in str(caught.value)
    assert [path.read_bytes() for path in (tmp_path / "report.html", tmp_path / "report.xlsx")] == before
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_a_folder_that_is_a_file_is_a_clear_error(report: Report, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written"):
        write_report(report, tmp_path / "out")


def test_the_name_says_which_night_or_month(report: Report) -> None:
    assert report.name == "2026-11-02-run1"
    assert report.month is None
    assert date(2026, 10, 1)
