"""Every route, without a login and with each role, against one table of what is allowed."""

import re
from collections.abc import Callable, Sequence

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute

from pipeline.review.access import ROLES, Permission, Role
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.app import create_app
from pipeline.review.web.guard import Routes, gate_of, local_path
from pipeline.review.web.navigation import NAV, first_page
from pipeline.review.web.visit import Here, Response
from pipeline.store.database import Pool

from ..conftest import DeskClient

EVERYBODY = None
READERS = {Role.REVIEWER, Role.LEAD}
# Whoever adds a route says here who may open it.
ALLOWED: dict[tuple[str, str], set[Role] | None] = {
    ("GET", "/healthz"): EVERYBODY,
    ("GET", "/login"): EVERYBODY,
    ("POST", "/login"): EVERYBODY,
    ("POST", "/language"): EVERYBODY,
    ("GET", "/"): set(Role),
    ("POST", "/logout"): set(Role),
    ("GET", "/password"): set(Role),
    ("POST", "/password"): set(Role),
    ("GET", "/users"): {Role.ADMINISTRATOR},
    ("POST", "/users"): {Role.ADMINISTRATOR},
    ("POST", "/users/{user_id}/role"): {Role.ADMINISTRATOR},
    ("POST", "/users/{user_id}/active"): {Role.ADMINISTRATOR},
    ("POST", "/users/{user_id}/reset"): {Role.ADMINISTRATOR},
    ("GET", "/audit"): {Role.LEAD},
    ("GET", "/queue"): READERS,
    ("GET", "/causes"): READERS,
    ("GET", "/readings/{reading_id}/narrative"): READERS,
    ("POST", "/readings/{reading_id}/decision"): READERS,
    ("POST", "/readings/{reading_id}/skip"): READERS,
    ("POST", "/undo"): READERS,
    ("GET", "/tickets"): READERS,
    ("GET", "/tickets.xlsx"): READERS,
    ("GET", "/tickets/{item_id}"): READERS,
    ("POST", "/tickets/{item_id}/unmask"): {Role.LEAD},
    ("GET", "/confusions"): READERS,
    ("GET", "/confusions.xlsx"): READERS,
    ("GET", "/units"): READERS,
    ("GET", "/units.xlsx"): READERS,
    ("GET", "/weeks"): READERS,
    ("GET", "/weeks.xlsx"): READERS,
    ("GET", "/quality"): {Role.LEAD},
    ("GET", "/quality.xlsx"): {Role.LEAD},
}
ClientFor = Callable[..., DeskClient]


def _address(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "999", path)


def _ask(client: DeskClient, method: str, path: str) -> int:
    if method == "GET":
        return client.get(_address(path)).status_code
    return client.submit(_address(path)).status_code


def test_the_table_has_every_route(app: FastAPI) -> None:
    found = {(method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods}
    assert found == set(ALLOWED)
    assert [route.path for route in app.routes if not isinstance(route, APIRoute)] == ["/static"]


def test_what_routes_declare_is_what_the_table_says(app: FastAPI) -> None:
    for route in app.routes:
        if not isinstance(route, APIRoute):
            continue
        gate = gate_of(route)
        assert gate is not None
        (method,) = route.methods
        allowed = {role for role in Role if gate.needs in ROLES[role]} if gate.needs else EVERYBODY
        assert allowed == ALLOWED[method, route.path], route.path


def test_without_a_login_only_what_is_for_everybody_opens(browser_of: Callable[..., DeskClient]) -> None:
    for (method, path), roles in ALLOWED.items():
        client = browser_of()
        client.csrf = "x" * 43
        if roles is EVERYBODY:
            if method == "GET":
                assert client.get(path).status_code == 200, path
            continue
        if method == "POST":
            assert client.submit(_address(path)).status_code == 401, path
            continue
        answer = client.get(_address(path))
        assert answer.status_code == 303, path
        assert answer.headers["Location"] == f"/login?next={_address(path)}"
        part = client.get(_address(path), headers={"HX-Request": "true"})
        assert (part.status_code, part.headers["HX-Redirect"]) == (401, "/login")


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_what_it_may_and_nothing_else(client_for: ClientFor, role: Role) -> None:
    for (method, path), roles in ALLOWED.items():
        client = client_for(role)  # a new one each time: one of the routes logs out
        status = _ask(client, method, path)
        if roles is EVERYBODY or role in roles:
            missing = set() if "{" in path else {404}  # there is no such account or ticket
            assert status not in {403, 405} | missing | ({401} if roles else set()), (method, path, status)
        else:
            assert status == 403, (method, path, status)


@pytest.mark.parametrize("role", Role)
def test_who_has_a_password_for_once_changes_it_first(client_for: ClientFor, role: Role) -> None:
    for (method, path), roles in ALLOWED.items():
        if roles is EVERYBODY or path in {"/password", "/logout"}:
            continue
        client = client_for(role, must_change=True)
        if method == "POST":
            assert client.submit(_address(path)).status_code == 403
            continue
        answer = client.get(_address(path))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/password"), path


def test_what_was_not_declared_is_refused(review_settings: ReviewSettings, pool: Pool, client_for: ClientFor) -> None:
    routes = Routes()

    @routes.get("/declared", needs=Permission.READ)
    def declared(visit: Here) -> Response:
        return PlainTextResponse(visit.user.name)

    app = create_app(review_settings, pool, [routes])
    app.add_api_route("/forgotten", lambda: "open")
    app.add_route("/older", lambda _: PlainTextResponse("open"))
    client = client_for(Role.LEAD)
    client.app = app
    other = DeskClient(app, follow_redirects=False, cookies=dict(client.cookies))
    assert other.get("/declared").text == client.user.name
    assert other.get("/forgotten").status_code == 404
    assert other.get("/older").status_code == 404
    assert "open" not in other.get("/older").text


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/redoc", "/nothing", "/users/", "/static/../app.py"])
def test_there_is_nothing_else(client_for: ClientFor, path: str) -> None:
    assert client_for(Role.ADMINISTRATOR).get(path).status_code == 404


def test_the_app_describes_itself_to_tests(app: FastAPI) -> None:
    described = app.openapi()["paths"]
    assert {(method.upper(), path) for path, methods in described.items() for method in methods} == set(ALLOWED)
    assert described["/audit"]["get"]["x-needs"] == "audit"


def test_administrators_read_no_tickets() -> None:
    assert ROLES[Role.ADMINISTRATOR].isdisjoint(
        {Permission.REVIEW, Permission.READ, Permission.QUALITY, Permission.UNMASK, Permission.AUDIT}
    )
    assert ROLES[Role.REVIEWER].isdisjoint({Permission.UNMASK, Permission.QUALITY, Permission.AUDIT, Permission.USERS})


@pytest.mark.parametrize("role", Role)
def test_the_first_page_is_one_that_the_role_may_see(client_for: ClientFor, role: Role) -> None:
    client = client_for(role)
    path = client.get("/").headers["Location"]
    assert path == first_page(client.user)
    assert next(entry for entry in NAV if entry.path == path).needs in ROLES[role]


@pytest.mark.parametrize(
    "path",
    [
        "https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "\\\\elsewhere.example",
        "elsewhere", "javascript:alert(1)", "/\t/elsewhere.example", "/\n/elsewhere.example", "",
        "///elsewhere.example", "//[x", "/" + "x" * 2000,
    ],
)  # fmt: skip
def test_only_addresses_of_this_server_are_gone_on_to(path: str) -> None:
    assert local_path(path) == "/"


def test_addresses_of_this_server_stay(routes: Sequence[Routes]) -> None:
    assert local_path("/audit?user=小李&before=3") == "/audit?user=小李&before=3"
    assert all(local_path(declared.path) == declared.path for part in routes for declared in part.declared)
