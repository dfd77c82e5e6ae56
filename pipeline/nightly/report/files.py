"""Page and workbook on disk: both whole, or the ones before stay."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import StoreError
from pipeline.nightly.report.book import write_book
from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.page import render
from pipeline.nightly.report.sections import document
from pipeline.settings import ROOT

if TYPE_CHECKING:
    from pipeline.nightly.watch import Watch

REPORTS = ROOT / "var" / "reports"  # a folder for each report in here


class Written(NamedTuple):
    """Where a report lies."""

    page: Path
    book: Path


def write_report(report: Report, folder: Path, watch: "Watch | None" = None) -> Written:
    """Write report.html and report.xlsx into a folder, made if need be; raises StoreError if that fails."""
    found = document(report, watch)
    written = Written(folder / "report.html", folder / "report.xlsx")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _replacing(written.page) as page, _replacing(written.book) as book:
            page.write_text(render(found), encoding="utf-8")
            write_book(found, book)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreError("report_unwritten", f"the report cannot be written to {folder}: {reason}") from error
    return written


@contextmanager
def _replacing(final: Path) -> Iterator[Path]:
    """Yield a path to write to, which takes the place of `final` when the block ends without an error."""
    partial = final.with_name(f".{final.name}.partial")
    try:
        yield partial
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)
