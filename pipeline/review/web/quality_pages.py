"""The honest figures, for leads: how good the model is, how far people follow it, how far they agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import Query

from pipeline.nightly.report.page import shown
from pipeline.review import audit
from pipeline.review.access import Permission
from pipeline.review.export import quality_tables, to_book
from pipeline.review.figures import Figures, read_figures
from pipeline.review.verdicts import Span
from pipeline.review.web.fields import Line
from pipeline.review.web.guard import Routes
from pipeline.review.web.list_pages import XLSX, attachment
from pipeline.review.web.visit import Here, Response, Visit
from pipeline.store.review import review_nights
from pipeline.taxonomy import Taxonomy

Week = Annotated[Line, Query(pattern=r"^([0-9]{4}-W[0-9]{2})?$")]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the figures rest on: nights looked through, their tickets, and the tickets drawn from them."""

    nights: int
    tickets: int
    blind: int


@dataclass(frozen=True, slots=True)
class QualityPages:
    """What the page works with."""

    taxonomy: Taxonomy

    def routes(self) -> Routes:
        """Return the routes, bound to this taxonomy."""
        routes = Routes()
        routes.get("/quality", needs=Permission.QUALITY)(self.page)
        routes.get("/quality.xlsx", needs=Permission.QUALITY)(self.book)
        return routes

    def page(self, visit: Here, week_from: Week = "", week_to: Week = "") -> Response:
        """Show the figures of all weeks, or of some."""
        weeks = {"week_from": week_from, "week_to": week_to}
        figures, drawn = visit.pool.read(lambda connection: self._read(connection, weeks))
        return visit.render(
            "quality.html",
            figures=figures,
            drawn=drawn,
            tables=quality_tables(figures, self.taxonomy, visit.t),
            shown=shown,
            query=urlencode({key: value for key, value in weeks.items() if value}),
            week_from=week_from,
            week_to=week_to,
        )

    def book(self, visit: Here, week_from: Week = "", week_to: Week = "") -> Response:
        """Hand them out as a workbook."""
        weeks = {"week_from": week_from, "week_to": week_to}
        figures, drawn = visit.pool.read(lambda connection: self._read(connection, weeks))
        self._note(visit, weeks)
        facts = [(visit.t("quality.drawn"), visit.t("quality.drawn_from", **_values(drawn)))]
        facts += [(visit.t(f"filter.{key}"), value) for key, value in weeks.items() if value]
        tables = quality_tables(figures, self.taxonomy, visit.t)
        content = to_book(visit.t("quality.title"), visit.t("quality.accuracy_note"), tables, facts)
        return Response(content, media_type=XLSX, headers=attachment("quality"))

    def _note(self, visit: Visit, weeks: Mapping[str, str]) -> None:
        visit.pool.write(lambda connection: audit.record(connection, visit.user, "export", "quality", **weeks))

    def _read(self, connection: sa.Connection, weeks: Mapping[str, str]) -> tuple[Figures, Drawn]:
        span = Span(week_from=weeks["week_from"] or None, week_to=weeks["week_to"] or None)
        nights = review_nights.c
        sums = sa.select(
            sa.func.count(), *(sa.func.coalesce(sa.func.sum(nights[name]), 0) for name in ("tickets", "blind"))
        )
        drawn = Drawn(*connection.execute(sums).one())
        return read_figures(connection, span, self.taxonomy.type_ids), drawn


def _values(drawn: Drawn) -> dict[str, int]:
    return {"nights": drawn.nights, "tickets": drawn.tickets, "blind": drawn.blind}
