"""Workbooks of what was reviewed. They hold no formula, whatever a ticket says."""

from collections.abc import Sequence

from pipeline.nightly.report.book import book_of
from pipeline.nightly.report.layout import Table
from pipeline.review.quality_tables import quality_tables
from pipeline.review.tables import causes_table, confusions_table, tickets_table, units_table, weeks_table

__all__ = [
    "causes_table",
    "confusions_table",
    "quality_tables",
    "tickets_table",
    "to_book",
    "units_table",
    "weeks_table",
]


def to_book(title: str, subtitle: str, tables: Sequence[Table], facts: Sequence[tuple[str, str]]) -> bytes:
    """Return an XLSX file: a sheet with the facts, then one per table.

    Texts are cut where Excel can hold no more, and lose the characters that it cannot hold.
    """
    return book_of(title, subtitle, facts, tables)
