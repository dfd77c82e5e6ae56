"""The audit log, for leads."""

from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import Query

from pipeline.review import audit
from pipeline.review.access import Permission
from pipeline.review.web.fields import Before, QueryLine
from pipeline.review.web.guard import Routes
from pipeline.review.web.visit import Here, Response

routes = Routes()


@routes.get("/audit", needs=Permission.AUDIT)
def audit_page(
    visit: Here,
    action: QueryLine = "",
    user: QueryLine = "",
    before: Before = None,
    verify: Annotated[bool, Query()] = False,
) -> Response:
    """Show the log, newest first; walk its chain only when asked to, as that reads all of it."""
    rows = visit.settings.page_rows

    def look(connection: sa.Connection) -> dict[str, Any]:
        found = audit.entries(connection, limit=rows + 1, before=before, action=action or None, user=user or None)
        older = found[rows - 1].id if len(found) > rows else None
        return {
            "entries": found[:rows],
            "older": _address(action=action, user=user, before=older) if older else None,
            "actions": audit.actions(connection),
            "broken": audit.verify(connection) if verify else None,
        }

    newest = _address(action=action, user=user) if before else None
    return visit.render("audit.html", **visit.pool.read(look), action=action, user=user, newest=newest, verified=verify)


def _address(**values: object) -> str:
    return "/audit?" + urlencode({name: value for name, value in values.items() if value})
