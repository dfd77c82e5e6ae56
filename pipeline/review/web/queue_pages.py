"""The queue: one ticket after the other, decided by keyboard."""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Annotated

import sqlalchemy as sa
from fastapi import Form, HTTPException, Query
from markupsafe import Markup
from pydantic import StringConstraints

from pipeline.review.access import Permission
from pipeline.review.desk import Desk, Given, RefusedError, Saved, Verdict
from pipeline.review.nearest import Near, Nearest
from pipeline.review.screen import clause_of, screen
from pipeline.review.search import Search
from pipeline.review.web.fields import FormLine, QueryLine, RowId
from pipeline.review.web.guard import Routes
from pipeline.review.web.visit import Here, Response, Visit
from pipeline.store.review import SHOWN
from pipeline.taxonomy import Cause, Taxonomy

_LONGEST = 2000  # characters of a clause or a note
Text = Annotated[str, StringConstraints(max_length=_LONGEST, pattern=r"^[^\x00]*$"), Form()]
Nonce = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{32}$"), Form()]
_ID = re.compile(r"[a-z0-9_]+")
_TRIES = 5  # for words that are still being looked for; a page left open should not ask for ever

KEYS = (
    ("1–9", "desk.keys.numbers"),
    ("Enter", "desk.keys.enter"),
    ("/", "desk.keys.search"),
    ("u", "desk.keys.undo"),
    ("s", "desk.keys.skip"),
    ("Esc", "desk.keys.escape"),
    ("?", "desk.keys.help"),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """What the pages of the queue work with."""

    desk: Desk
    search: Search
    nearest: Nearest = field(default_factory=Nearest)
    options: Markup = field(init=False)  # all causes: made each time, they would be a fifth of the work for a page

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", _options(self.desk.taxonomy))

    def routes(self) -> Routes:
        """Return the routes, each bound to this queue."""
        routes = Routes()
        routes.get("/queue", needs=Permission.REVIEW)(self.page)
        routes.get("/causes", needs=Permission.REVIEW)(self.causes)
        routes.get("/readings/{reading_id}/narrative", needs=Permission.REVIEW)(self.narrative)
        routes.post("/readings/{reading_id}/decision", needs=Permission.REVIEW)(self.decide)
        routes.post("/readings/{reading_id}/skip", needs=Permission.REVIEW)(self.skip)
        routes.post("/undo", needs=Permission.REVIEW)(self.undo)
        return routes

    def page(self, visit: Here) -> Response:
        """Show the ticket that the reader has, or give him the next one."""
        return self._show(visit, "queue.html", self.desk.take(visit.user))

    def causes(self, visit: Here, q: QueryLine = "", type: QueryLine = "") -> Response:  # noqa: A002 - in addresses
        """Show the causes that fit what was typed, or those of a type."""
        known = type in self.desk.taxonomy.type_ids
        most = len(self.desk.taxonomy.causes) if known else 9
        found = self.search.find(q, type if known else "", most)
        return visit.render("found.html", causes=found, type_name=self._type_name, clause=self._clause)

    def narrative(
        self, visit: Here, reading_id: RowId, tries: Annotated[int, Query(ge=1, le=_TRIES)] = _TRIES
    ) -> Response:
        """Show the narrative again: its words may have been found by now."""
        given = self.desk.take(visit.user)
        if given is None or given.reading_id != reading_id:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        shown = screen(given, self.desk.taxonomy, ())
        return visit.render("narrative.html", screen=shown, look_again=_look_again(given, tries - 1))

    def decide(
        self,
        visit: Here,
        reading_id: RowId,
        nonce: Nonce,
        cause: FormLine = "",
        second_cause: FormLine = "",
        rule: Text = "",
        note: Text = "",
    ) -> Response:
        """Keep a decision and show the next ticket; if it cannot be kept, say why and keep nothing."""
        verdict = Verdict(cause, second_cause or None, rule, note, nonce)
        try:
            saved = self.desk.decide(visit.user, reading_id, verdict)
        except RefusedError as error:
            return self._show(visit, "ticket.html", self.desk.take(visit.user), refused=error.key)
        return self._show(visit, "ticket.html", self.desk.take(visit.user), saved=saved)

    def skip(self, visit: Here, reading_id: RowId) -> Response:
        """Leave a ticket to others and show the next one."""
        self.desk.skip(visit.user, reading_id)
        return self._show(visit, "ticket.html", self.desk.take(visit.user))

    def undo(self, visit: Here) -> Response:
        """Withdraw the last decision and show its ticket again."""
        given = self.desk.undo(visit.user)
        if given is None:
            return self._show(visit, "ticket.html", self.desk.take(visit.user), refused="desk.nothing_to_undo")
        return self._show(visit, "ticket.html", given, refused="desk.withdrawn")

    def _show(
        self, visit: Visit, template: str, given: Given | None, *, saved: Saved | None = None, refused: str = ""
    ) -> Response:
        taxonomy = self.desk.taxonomy
        near, left = visit.pool.read(lambda connection: self._beside(connection, visit, given)) if given else ([], 0)
        return visit.render(
            template,
            status=HTTPStatus.CONFLICT if refused.startswith("desk.refused") else HTTPStatus.OK,
            screen=screen(given, taxonomy, near) if given else None,
            saved=saved,
            saved_cause=self._cause_name(saved.cause) if saved else "",
            refused=refused,
            left=left,
            nonce=token_urlsafe(24),
            look_again=_look_again(given, _TRIES),
            keys=KEYS,
            types=taxonomy.types,
            options=self.options,
            cause_name=self._cause_name,
            type_name=self._type_name,
            named=self._named,
            clause=self._clause,
        )

    def _beside(self, connection: sa.Connection, visit: Visit, given: Given) -> tuple[list[Near], int]:
        """Return the tickets most like one, which is none if it is read blind, and how many are left."""
        near = []
        if given.kind == SHOWN:
            near = self.nearest.to(connection, given.ticket["narrative"], given.item_id)
        return near, self.desk.left_in(connection, visit.user)

    def _cause_name(self, cause_id: str) -> str:
        return self.desk.taxonomy.name_of(cause_id)

    def _named(self, text: str) -> str:
        """Return a rule's text with the names of the causes that it calls by their ids."""
        known = self.desk.taxonomy.cause_ids
        return _ID.sub(lambda found: self._cause_name(found[0]) if found[0] in known else found[0], text)

    def _clause(self, cause: Cause) -> str:
        return clause_of(cause, self.desk.taxonomy)

    def _type_name(self, type_id: str) -> str:
        return self.desk.taxonomy.type(type_id).name


def _options(taxonomy: Taxonomy) -> Markup:
    option, group = Markup('<option value="{}">{}</option>'), Markup('<optgroup label="{}">{}</optgroup>')
    return Markup().join(
        group.format(kind.name, Markup().join(option.format(it.id, it.name) for it in taxonomy.causes_of(kind.id)))
        for kind in taxonomy.types
    )


def _look_again(given: Given | None, tries: int) -> int:
    """Return how often the page may still ask for the words of a ticket, 0 if there is nothing to wait for."""
    return tries if given is not None and given.kind == SHOWN and given.evidence is None else 0
