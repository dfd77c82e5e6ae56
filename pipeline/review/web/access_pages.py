"""Logging in and out, the own password, the language, and where one begins."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Form
from fastapi.responses import PlainTextResponse

from pipeline.errors import AccessError
from pipeline.review import login, sessions, users
from pipeline.review.access import Permission, User
from pipeline.review.clock import now
from pipeline.review.settings import Language
from pipeline.review.web import cookies
from pipeline.review.web.guard import Routes, local_path
from pipeline.review.web.navigation import first_page
from pipeline.review.web.visit import Here, Response, Visit

routes = Routes()

Typed = Annotated[str, Form()]


@routes.get("/healthz", needs=None)
def healthz(visit: Here) -> Response:
    """Say that the desk and its database answer; else it is an error page with status 503."""
    visit.pool.read(lambda connection: connection.execute(sa.select(1)))
    return PlainTextResponse("ok")


@routes.get("/", needs=Permission.PERSONAL)
def home(visit: Here) -> Response:
    """Lead to the first page that the reader may see."""
    return visit.go(first_page(visit.user))


@routes.get("/login", needs=None)
def login_page(visit: Here, next: str = "/") -> Response:  # noqa: A002 - as everybody calls it in addresses
    """Show the form."""
    if visit.session is not None:
        return visit.go("/")
    return visit.render("login.html", next=local_path(next), name="", failed=False)


@routes.post("/login", needs=None)
def log_in(visit: Here, name: Typed = "", password: Typed = "", next: Typed = "/") -> Response:  # noqa: A002
    """Open a session, or show the form again without saying why."""
    user = login.authenticate(visit.pool, name, password, visit.settings.access, now())
    if user is None:
        return visit.render("login.html", status=401, next=local_path(next), name=name, failed=True)
    return _opened(visit, user, local_path(next))


@routes.post("/logout", needs=Permission.PERSONAL)
def log_out(visit: Here) -> Response:
    """End the session."""
    if visit.session is not None:
        sessions.close(visit.pool, visit.session)
    response = visit.go("/login")
    cookies.forget(response, visit.settings, cookies.session_cookie(visit.settings))
    return response


@routes.post("/language", needs=None)
def choose_language(visit: Here, language: Annotated[Language, Form()], back: Typed = "/") -> Response:
    """Remember the language and go back to the page."""
    response = visit.go(local_path(back))
    cookies.keep_language(response, visit.settings, language)
    return response


@routes.get("/password", needs=Permission.PERSONAL)
def password_page(visit: Here) -> Response:
    """Show the form."""
    return visit.render("password.html", problem="")


@routes.post("/password", needs=Permission.PERSONAL)
def change_password(visit: Here, old: Typed = "", new: Typed = "", again: Typed = "") -> Response:
    """Change the own password; all other sessions end, and this one is exchanged for a new one."""
    if new != again:
        return visit.render("password.html", status=422, problem=visit.t("password.differ"))
    try:
        users.change_password(visit.pool, visit.user, old, new, visit.settings.access, now())
    except AccessError as error:
        return visit.render("password.html", status=422, problem=visit.t(f"refusal.{error.code}"))
    return _opened(visit, visit.user, "/")


def _opened(visit: Visit, user: User, path: str) -> Response:
    token = sessions.open_session(visit.pool, user, visit.settings.access, now())
    response = visit.go(path)
    cookies.keep(response, visit.settings, cookies.session_cookie(visit.settings), token)
    cookies.forget(response, visit.settings, cookies.form_cookie(visit.settings))
    return response
