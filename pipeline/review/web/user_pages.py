"""Accounts, for administrators."""

from typing import Annotated

from fastapi import Form

from pipeline.errors import AccessError
from pipeline.review import users
from pipeline.review.access import Permission, Role
from pipeline.review.clock import now
from pipeline.review.web.fields import FormLine, RowId
from pipeline.review.web.guard import Routes
from pipeline.review.web.visit import Here, Response, Visit

routes = Routes()


@routes.get("/users", needs=Permission.USERS)
def users_page(visit: Here) -> Response:
    """Show all accounts."""
    return _page(visit)


@routes.post("/users", needs=Permission.USERS)
def create_user(visit: Here, name: FormLine, role: Annotated[Role, Form()]) -> Response:
    """Make an account and show its one-time password, this once."""
    try:
        password = users.create(visit.pool, visit.user, name, role, visit.settings.access)
    except AccessError as error:
        return _page(visit, problem=error)
    return _page(visit, made=(name.strip(), password))


@routes.post("/users/{user_id}/role", needs=Permission.USERS)
def set_role(visit: Here, user_id: RowId, role: Annotated[Role, Form()]) -> Response:
    """Give an account another role."""
    try:
        users.set_role(visit.pool, visit.user, user_id, role)
    except AccessError as error:
        return _page(visit, problem=error)
    return visit.go("/users")


@routes.post("/users/{user_id}/active", needs=Permission.USERS)
def set_active(visit: Here, user_id: RowId, active: Annotated[bool, Form()]) -> Response:
    """Open or close an account."""
    try:
        users.set_active(visit.pool, visit.user, user_id, active)
    except AccessError as error:
        return _page(visit, problem=error)
    return visit.go("/users")


@routes.post("/users/{user_id}/reset", needs=Permission.USERS)
def reset_password(visit: Here, user_id: RowId) -> Response:
    """Make a new one-time password and show it, this once."""
    try:
        made = users.reset_password(visit.pool, visit.user, user_id, visit.settings.access)
    except AccessError as error:
        return _page(visit, problem=error)
    return _page(visit, made=made)


def _page(visit: Visit, *, made: tuple[str, str] | None = None, problem: AccessError | None = None) -> Response:
    return visit.render(
        "users.html",
        status=422 if problem else 200,
        accounts=visit.pool.read(users.accounts),
        roles=list(Role),
        made=made,
        problem=visit.t(f"refusal.{problem.code}") if problem else "",
        now=now(),
    )
