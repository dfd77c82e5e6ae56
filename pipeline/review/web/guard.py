"""The door of every page: a route says what it needs, and what says nothing is refused."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.review import sessions
from pipeline.review.access import Permission
from pipeline.review.clock import now
from pipeline.review.settings import ReviewSettings
from pipeline.review.web import cookies
from pipeline.review.web.navigation import first_page
from pipeline.review.web.pages import catalogue_of, error_page
from pipeline.review.web.visit import Visit
from pipeline.store.database import Pool

Handler = TypeVar("Handler", bound=Callable[..., Response])
_LONGEST_ADDRESS = 2000  # characters; pages of ours have shorter ones
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
_REFUSALS = (
    HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE,
)  # fmt: skip
_ANSWERS: dict[int | str, dict[str, Any]] = {
    status.value: {"description": status.phrase, "content": {"text/html": {}}} for status in _REFUSALS
}
_ANSWERS[HTTPStatus.SEE_OTHER.value] = {"description": HTTPStatus.SEE_OTHER.phrase}


@dataclass(frozen=True, slots=True)
class Declared:
    """A route and what it needs; None for what everybody may open."""

    method: str
    path: str
    needs: Permission | None
    handler: Callable[..., Response]


class Routes:
    """Routes of one part of the desk. Handlers are plain functions that take a `Here` and run in a thread."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def get(self, path: str, *, needs: Permission | None) -> Callable[[Handler], Handler]:
        """Declare a page, or a part of one."""
        return self._declare("GET", path, needs)

    def post(self, path: str, *, needs: Permission | None) -> Callable[[Handler], Handler]:
        """Declare what changes something; its form has to send the page's `csrf` back."""
        return self._declare("POST", path, needs)

    def _declare(self, method: str, path: str, needs: Permission | None) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            self.declared.append(Declared(method, path, needs, handler))
            return handler

        return keep


async def _sent_token(request: Request) -> str:
    """Return the token that a request proves itself with."""
    if request.method == "GET":
        return ""
    sent = request.headers.get(CSRF_HEADER) or (await request.form()).get(CSRF_FIELD)
    return sent if isinstance(sent, str) else ""


@dataclass(frozen=True)
class Gate:
    """Lets a request in to one route, or raises what the reader gets instead."""

    needs: Permission | None

    def __call__(self, request: Request, sent: Annotated[str, Depends(_sent_token)]) -> None:
        """Find out who asks, and let in who may."""
        visit = _visit_of(request)
        if self.needs is not None:
            self._require(visit, self.needs)
        if request.method != "GET" and not hmac.compare_digest(sent.encode(), visit.csrf.encode()):
            raise HTTPException(HTTPStatus.FORBIDDEN)
        request.state.visit = visit

    def _require(self, visit: Visit, needs: Permission) -> None:
        if visit.session is None:
            raise _elsewhere(visit, f"/login?next={quote(visit.here)}" if not visit.is_htmx else "/login")
        if visit.user.must_change and needs is not Permission.PERSONAL:
            raise _elsewhere(visit, first_page(visit.user))
        if not visit.user.may(needs):
            raise HTTPException(HTTPStatus.FORBIDDEN)


def _visit_of(request: Request) -> Visit:
    pool: Pool = request.app.state.pool
    settings: ReviewSettings = request.app.state.settings
    token = cookies.token_in(request.cookies, cookies.session_cookie(settings))
    session = sessions.find(pool, token, settings.access, now()) if token else None
    if session is not None:
        csrf = session.csrf
    else:  # a form that is sent without the cookie it was handed out with proves nothing
        csrf = cookies.token_in(request.cookies, cookies.form_cookie(settings)) or token_urlsafe(32)
    return Visit(request, pool, settings, catalogue_of(request, settings.language), session, csrf)


def _elsewhere(visit: Visit, path: str) -> HTTPException:
    """Return what leads a reader elsewhere; what was sent is not sent on."""
    if visit.is_htmx:
        return HTTPException(HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": path})
    if visit.request.method != "GET":
        return HTTPException(HTTPStatus.UNAUTHORIZED if visit.session is None else HTTPStatus.FORBIDDEN)
    return HTTPException(HTTPStatus.SEE_OTHER, headers={"Location": path})


def local_path(path: str) -> str:
    """Return an address of this server to go on to, "/" for any other.

    >>> local_path("/tickets?page=2"), local_path("//elsewhere.example"), local_path("https://elsewhere.example/")
    ('/tickets?page=2', '/', '/')
    """
    # Browsers read a backslash as a slash, and drop control characters before they look.
    if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return "/"
    if len(path) > _LONGEST_ADDRESS:
        return "/"
    try:
        parts = urlsplit(path)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else path


def attach(app: FastAPI, routes: Sequence[Routes]) -> None:
    """Add all declared routes to an app, each behind its gate."""
    for declared in (one for part in routes for one in part.declared):
        app.add_api_route(
            declared.path,
            declared.handler,
            methods=[declared.method],
            dependencies=[Depends(Gate(declared.needs))],
            response_model=None,
            response_class=HTMLResponse,
            responses=_ANSWERS,
            openapi_extra={"x-needs": declared.needs.value if declared.needs else None},
        )


def gate_of(route: BaseRoute) -> Gate | None:
    """Return the gate that a route stands behind."""
    if not isinstance(route, APIRoute):
        return None
    gates = (depends.dependency for depends in route.dependencies)
    return next((gate for gate in gates if isinstance(gate, Gate)), None)


class DeclaredOnly:
    """Refuses whatever came into the app by another way than `Routes`; only the static files may."""

    def __init__(self, app: ASGIApp, static: Mount) -> None:
        self._app = app
        self._static = static

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that there is no such page."""
        if scope["type"] == "http" and self._is_undeclared(scope):
            request = Request(scope)
            answer = error_page(catalogue_of(request, scope["app"].state.settings.language), HTTPStatus.NOT_FOUND)
            await answer(scope, receive, send)
        elif scope["type"] != "websocket":  # nothing here speaks it
            await self._app(scope, receive, send)

    def _is_undeclared(self, scope: Scope) -> bool:
        for route in scope["app"].router.routes:
            if route.matches(scope)[0] is Match.FULL:
                return route is not self._static and gate_of(route) is None
        return False  # a missing page, or a method that is not allowed: the app says so itself
