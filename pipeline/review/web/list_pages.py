"""The reviewed tickets: lists, what is taken for what, where and when; each as a page and as a workbook."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import HTTPException, Query
from pydantic import BaseModel

from pipeline.errors import FileError, SourceError
from pipeline.nightly import NightlySettings
from pipeline.nightly.report.layout import Table
from pipeline.nightly.report.page import shown
from pipeline.review import audit, overview
from pipeline.review.access import Permission
from pipeline.review.evidence import pieces
from pipeline.review.export import (
    causes_table,
    confusions_table,
    tickets_table,
    to_book,
    units_table,
    weeks_table,
)
from pipeline.review.filters import NO_UNIT, Filter
from pipeline.review.history import Ticket, ticket_of
from pipeline.review.lists import Row, count, rows
from pipeline.review.reasons import ORDER, SPOT_CHECK
from pipeline.review.statistics import SIDES, Side
from pipeline.review.tables import cause_name, type_name
from pipeline.review.unmask import Unmasked, unmask
from pipeline.review.web.fields import FormLine, Line, RowId
from pipeline.review.web.guard import Routes
from pipeline.review.web.visit import Here, Response, Visit
from pipeline.taxonomy import Taxonomy
from pipeline.text.mask import mask

_MOST_EXPORTED = 50_000  # rows of a workbook: more nobody reads, and they would not fit into memory twice
_MOST_PAIRS = 30
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Asked(BaseModel):
    """What the address of a list may say; `pipeline.review.filters.Filter` reads it."""

    q: Line = ""
    side: Line = ""
    from_type: Line = ""
    to_type: Line = ""
    from_cause: Line = ""
    to_cause: Line = ""
    unit: Line = ""
    week_from: Line = ""
    week_to: Line = ""
    reason: Line = ""
    reviewer: Line = ""
    kind: Line = ""
    wrong: Line = ""
    page: Line = ""


Wanted = Annotated[Asked, Query()]


@dataclass(frozen=True, slots=True)
class Lists:
    """What the pages of lists work with."""

    taxonomy: Taxonomy
    nightly: NightlySettings

    def routes(self) -> Routes:
        """Return the routes, each bound to these lists."""
        routes = Routes()
        pages: Mapping[str, Callable[..., Response]] = {
            "/tickets": self.tickets,
            "/tickets.xlsx": self.tickets_book,
            "/tickets/{item_id}": self.ticket,
            "/confusions": self.confusions,
            "/confusions.xlsx": self.confusions_book,
            "/units": self.units,
            "/units.xlsx": self.units_book,
            "/weeks": self.weeks,
            "/weeks.xlsx": self.weeks_book,
        }
        for path, handler in pages.items():
            routes.get(path, needs=Permission.READ)(handler)
        routes.post("/tickets/{item_id}/unmask", needs=Permission.UNMASK)(self.unmask)
        return routes

    def tickets(self, visit: Here, asked: Wanted) -> Response:
        """Show a page of the list."""
        wanted, unknown = self._filter(asked)
        size = visit.settings.page_rows

        def read(connection: sa.Connection) -> tuple[int, list[Row]]:
            return count(connection, wanted), rows(connection, wanted, size, (wanted.page - 1) * size)

        total, found = visit.pool.read(read)
        more = wanted.page * size < total
        return self._page(
            visit, "tickets.html", wanted, unknown, rows=found, total=total, first=(wanted.page - 1) * size + 1,
            previous=_address("/tickets", replace(wanted, page=wanted.page - 1)) if wanted.page > 1 else None,
            next=_address("/tickets", replace(wanted, page=wanted.page + 1)) if more else None,
        )  # fmt: skip

    def tickets_book(self, visit: Here, asked: Wanted) -> Response:
        """Hand the list out as a workbook."""
        wanted, _ = self._filter(asked)
        found = visit.pool.read(lambda connection: rows(connection, wanted, _MOST_EXPORTED, 0))
        return self._book(visit, "tickets", wanted, [tickets_table(found, self.taxonomy, visit.t)], len(found))

    def ticket(self, visit: Here, item_id: RowId) -> Response:
        """Show one reviewed ticket with everything that was decided about it."""
        return self._ticket(visit, self._found(visit, item_id))

    def unmask(self, visit: Here, item_id: RowId, reason: FormLine) -> Response:
        """Show a ticket as it was typed, to a lead who says why."""
        found = self._found(visit, item_id)
        if not reason.strip():
            return self._ticket(visit, found, refused="ticket.unmask.no_reason")
        try:
            plain = unmask(visit.pool, self.nightly, visit.user, found.prediction, reason)
        except (FileError, SourceError):
            plain = None
        return self._ticket(visit, found, plain=plain, refused="" if plain else "ticket.unmask.gone")

    def confusions(self, visit: Here, asked: Wanted) -> Response:
        """Show what is taken for what; every cell leads to its tickets."""
        wanted, unknown = self._filter(asked)
        side = wanted.side or "model"
        matrix, pairs = visit.pool.read(lambda connection: self._confusions(connection, wanted, side))
        base = wanted.without_pair()

        def tickets(level: str, one: str | None, other: str | None) -> str:
            if level == "type":
                return _address("/tickets", replace(base, side=side, page=1, from_type=one, to_type=other))
            return _address("/tickets", replace(base, side=side, page=1, from_cause=one, to_cause=other))

        return self._page(
            visit, "confusions.html", wanted, unknown, matrix=matrix, pairs=pairs, side=side, tickets=tickets,
            most=max((cell for row in matrix.counts for cell in row), default=0),
        )  # fmt: skip

    def confusions_book(self, visit: Here, asked: Wanted) -> Response:
        """Hand it out as a workbook."""
        wanted, _ = self._filter(asked)
        matrix, pairs = visit.pool.read(lambda connection: self._confusions(connection, wanted, wanted.side or "model"))
        tables = [
            confusions_table(matrix, self.taxonomy, visit.t),
            causes_table(pairs, self.taxonomy, visit.t),
        ]
        return self._book(visit, "confusions", wanted, tables, matrix.reviewed)

    def _confusions(
        self, connection: sa.Connection, wanted: Filter, side: Side
    ) -> tuple[overview.Confusion, list[overview.CausePair]]:
        types = self.taxonomy.type_ids
        return (
            overview.confusion(connection, wanted, side, types),
            overview.differing_causes(connection, wanted, side, _MOST_PAIRS),
        )

    def units(self, visit: Here, asked: Wanted) -> Response:
        """Show the reviewed tickets by unit."""
        return self._groups(visit, asked, "units", overview.by_unit)

    def units_book(self, visit: Here, asked: Wanted) -> Response:
        """Hand it out as a workbook."""
        wanted, _ = self._filter(asked)
        groups = visit.pool.read(lambda connection: overview.by_unit(connection, wanted, wanted.side or "model"))
        return self._book(visit, "units", wanted, [units_table(groups, visit.t)], len(groups))

    def weeks(self, visit: Here, asked: Wanted) -> Response:
        """Show the reviewed tickets by week."""
        return self._groups(visit, asked, "weeks", overview.by_week)

    def weeks_book(self, visit: Here, asked: Wanted) -> Response:
        """Hand it out as a workbook."""
        wanted, _ = self._filter(asked)
        groups = visit.pool.read(lambda connection: overview.by_week(connection, wanted, wanted.side or "model"))
        return self._book(visit, "weeks", wanted, [weeks_table(groups, visit.t)], len(groups))

    def _groups(
        self, visit: Visit, asked: Asked, name: str, read: Callable[[sa.Connection, Filter, Side], Any]
    ) -> Response:
        wanted, unknown = self._filter(asked)
        side = wanted.side or "model"
        groups = visit.pool.read(lambda connection: read(connection, wanted, side))

        def tickets(group: str) -> str:
            base = replace(wanted.without_pair(), side=side, page=1, wrong=True)
            if name == "units":
                return _address("/tickets", replace(base, unit=group or NO_UNIT))
            return _address("/tickets", replace(base, week_from=group, week_to=group))

        return self._page(visit, "groups.html", wanted, unknown, groups=groups, name=name, side=side, tickets=tickets)

    def _filter(self, asked: Asked) -> tuple[Filter, list[str]]:
        return Filter.parse(asked.model_dump(), self.taxonomy)

    def _page(self, visit: Visit, template: str, wanted: Filter, unknown: Sequence[str], **more: object) -> Response:
        context: dict[str, Any] = dict(more)
        return visit.render(
            template,
            wanted=wanted,
            unknown=unknown,
            query=urlencode(replace(wanted, page=1).query()),
            taxonomy=self.taxonomy,
            reasons=(*ORDER, SPOT_CHECK),
            sides=SIDES,
            cause_name=lambda cause: cause_name(self.taxonomy, cause),
            type_name=lambda kind: type_name(self.taxonomy, kind),
            shown=shown,
            **context,
        )

    def _found(self, visit: Visit, item_id: int) -> Ticket:
        found = visit.pool.read(lambda connection: ticket_of(connection, item_id))
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return found

    def _ticket(self, visit: Visit, found: Ticket, *, plain: Unmasked | None = None, refused: str = "") -> Response:
        return self._page(
            visit, "reviewed.html", Filter(), (), ticket=found, plain=plain, refused=refused,
            pieces=pieces(found.prediction["narrative"], found.evidence),
        )  # fmt: skip

    def _book(self, visit: Visit, name: str, wanted: Filter, tables: Sequence[Table], lines: int) -> Response:
        asked = {key: mask(value) for key, value in wanted.query().items()}
        visit.pool.write(lambda connection: audit.record(connection, visit.user, "export", name, rows=lines, **asked))
        facts = [
            (visit.t("lists.filter"), visit.t("lists.comma").join(f"{key}={value}" for key, value in asked.items()))
        ]
        content = to_book(visit.t(f"lists.{name}"), visit.t("lists.no_sample"), tables, facts if asked else ())
        return Response(content, media_type=XLSX, headers=attachment(name))


def attachment(name: str) -> dict[str, str]:
    """Return the headers that make a browser keep an answer as a workbook of this name and time."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M")
    return {"Content-Disposition": f'attachment; filename="gongdan-{name}-{stamp}.xlsx"'}


def _address(path: str, wanted: Filter) -> str:
    query = urlencode(wanted.query())
    return f"{path}?{query}" if query else path
