"""A visit: who asks, in which language, and what a page needs to answer."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, cast
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.responses import Response as Response  # noqa: PLC0414 - handlers say what they return

from pipeline.review.access import Permission, User
from pipeline.review.catalogue import Catalogue
from pipeline.review.sessions import Session
from pipeline.review.settings import Language, ReviewSettings
from pipeline.review.web import cookies, pages
from pipeline.review.web.navigation import entries_of
from pipeline.store.database import Pool

_IN_ADDRESSES = ":/%#?=@[]!$&'()*+,;"  # what means something there; the rest is written in percents


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, let in by its route's gate; `session` is None only on pages for everybody."""

    request: Request
    pool: Pool
    settings: ReviewSettings
    catalogue: Catalogue
    session: Session | None
    csrf: str  # what forms of this page have to send back

    @property
    def user(self) -> User:
        """Who is logged in; not to be asked for on pages for everybody."""
        if self.session is None:
            raise LookupError("nobody needs to be logged in here")
        return self.session.user

    @property
    def language(self) -> Language:
        """The reader's language."""
        return self.catalogue.language

    @property
    def is_htmx(self) -> bool:
        """Whether a part of a page is asked for, not a page."""
        return "hx-request" in self.request.headers

    @property
    def here(self) -> str:
        """The address to come back to; what was sent cannot be opened again."""
        url = self.request.url
        return url.path + (f"?{url.query}" if url.query else "") if self.request.method == "GET" else "/"

    def t(self, key: str, **values: object) -> str:
        """Return a text in the reader's language."""
        return self.catalogue.t(key, **values)

    def named(self, family: str, name: str) -> str:
        """Return the text `family.name`, or the name itself where the catalogue has none."""
        return self.catalogue.texts.get(f"{family}.{name}", name)

    def may(self, permission: Permission) -> bool:
        """Tell whether the reader is allowed it."""
        return self.session is not None and self.session.user.may(permission)

    def render(self, template: str, *, status: int = HTTPStatus.OK, **context: object) -> HTMLResponse:
        """Return a template as an answer; `visit` and `t` are there without being passed."""
        response = pages.page(template, self._common() | context, status)
        if self.session is None:
            cookies.keep(response, self.settings, cookies.form_cookie(self.settings), self.csrf)
        return response

    def go(self, path: str) -> Response:
        """Return an answer that leads to another page of ours."""
        if self.is_htmx:
            return Response(headers={"HX-Redirect": quote(path, safe=_IN_ADDRESSES)})
        return RedirectResponse(path, HTTPStatus.SEE_OTHER)

    def _common(self) -> dict[str, object]:
        navigation = entries_of(self.session.user) if self.session else ()
        return {"visit": self, "catalogue": self.catalogue, "t": self.t, "navigation": navigation}


async def _visit(request: Request) -> Visit:  # what is not `async` costs a thread
    return cast(Visit, request.state.visit)  # the gate put it there, or nobody gets here


Here = Annotated[Visit, Depends(_visit)]
