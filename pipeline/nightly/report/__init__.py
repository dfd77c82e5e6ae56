"""The report of a night or a month: figures from the nightly database, as a page and a workbook."""

from pipeline.nightly.report.build import month_report, newest_night, night_report
from pipeline.nightly.report.figures import Report
from pipeline.nightly.report.files import REPORTS, Written, write_report
from pipeline.store.database import reading

__all__ = ["REPORTS", "Report", "Written", "month_report", "newest_night", "night_report", "reading", "write_report"]
