"""All parts of the desk, in one list."""

from collections.abc import Sequence

from pipeline.nightly import NightlySettings
from pipeline.review.desk import Desk
from pipeline.review.search import Search
from pipeline.review.web import access_pages, audit_pages, user_pages
from pipeline.review.web.guard import Routes
from pipeline.review.web.list_pages import Lists
from pipeline.review.web.quality_pages import QualityPages
from pipeline.review.web.queue_pages import Queue


def parts(desk: Desk, search: Search, nightly: NightlySettings) -> Sequence[Routes]:
    """Return the routes of all parts."""
    return [
        access_pages.routes,
        Queue(desk, search).routes(),
        Lists(desk.taxonomy, nightly).routes(),
        QualityPages(desk.taxonomy).routes(),
        audit_pages.routes,
        user_pages.routes,
    ]
