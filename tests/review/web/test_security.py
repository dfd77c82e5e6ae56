import logging
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from http.cookies import SimpleCookie

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from pipeline.errors import StoreError
from pipeline.review.access import Permission, Role
from pipeline.review.clock import now
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.app import create_app
from pipeline.review.web.guard import Routes
from pipeline.review.web.security import BODY_LIMIT, HEADERS
from pipeline.review.web.visit import Here, Response
from pipeline.store.database import Pool
from pipeline.store.review import sessions, users

from ..conftest import PASSWORD, DeskClient, add_user

ClientFor = Callable[..., DeskClient]
BrowserOf = Callable[..., DeskClient]
SECRET = "13800138000"


@pytest.fixture
def li(pool: Pool, kept_password: str) -> str:
    add_user(pool, "li", Role.LEAD, kept_password)
    return "li"


def _csrf(answer: httpx2.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert found
    return found[1]


def _log_in(client: DeskClient, name: str, password: str = PASSWORD, next_page: str = "/") -> httpx2.Response:
    client.csrf = _csrf(client.get("/login"))
    return client.submit("/login", name=name, password=password, next=next_page)


def _cookies(answer: httpx2.Response) -> SimpleCookie:
    cookies = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        cookies.load(header)
    return cookies


@pytest.fixture
def faulty(review_settings: ReviewSettings, pool: Pool, routes: Sequence[Routes]) -> FastAPI:
    """The app with pages that fail."""
    bad = Routes()

    @bad.get("/breaks", needs=None)
    def breaks(visit: Here) -> Response:
        raise ValueError(SECRET)

    @bad.get("/lost", needs=None)
    def lost(visit: Here) -> Response:
        raise StoreError("store_lost", SECRET)

    @bad.get("/number", needs=None)
    def number(visit: Here, wanted: int) -> Response:
        return PlainTextResponse(str(wanted))

    return create_app(review_settings, pool, [*routes, bad])


def test_every_answer_has_the_headers(faulty: FastAPI, browser_of: BrowserOf, client_for: ClientFor) -> None:
    nobody, lead = browser_of(faulty), client_for(Role.LEAD)
    answers = {
        200: nobody.get("/login"),
        303: nobody.get("/audit"),
        401: nobody.post("/logout"),
        403: lead.get("/users"),
        404: lead.get("/nothing"),
        405: nobody.put("/login"),
        413: nobody.post("/login", content=b"x" * (BODY_LIMIT + 1)),
        422: nobody.get(f"/number?wanted={SECRET}x"),
        500: nobody.get("/breaks"),
        503: nobody.get("/lost"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, status
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in answer.headers
        assert SECRET not in answer.text
        assert "Traceback" not in answer.text
        if status >= 400:
            assert "<h1>" in answer.text
    static = nobody.get("/static/desk.css")
    assert {name: static.headers.get(name) for name in HEADERS} == HEADERS
    assert "max-age" in static.headers["Cache-Control"]
    assert nobody.get("/static/nothing.css").headers["Cache-Control"] == "no-store"


def test_no_policy_allows_what_is_inline() -> None:
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none';")


def test_errors_say_nothing_personal_in_the_log(
    faulty: FastAPI, browser_of: BrowserOf, caplog: pytest.LogCaptureFixture
) -> None:
    client = browser_of(faulty)
    with caplog.at_level(logging.DEBUG, logger="pipeline"):
        client.get("/breaks")
        client.get("/lost")
        client.get(f"/number?wanted={SECRET}x")
    assert "ValueError at " in caplog.text
    assert "store_lost" in caplog.text
    assert SECRET not in caplog.text


def test_errors_speak_the_readers_language(browser_of: BrowserOf) -> None:
    client = browser_of()
    assert "没有这个页面" in client.get("/nothing").text
    client.cookies.set("language", "en")
    assert "No such page" in client.get("/nothing").text
    client.cookies.set("language", "../../etc")
    assert client.get("/nothing").status_code == 404


@pytest.mark.parametrize("sent", [None, "", "wrong", "x" * 43])
def test_a_form_without_the_sessions_token_is_refused(client_for: ClientFor, pool: Pool, sent: str | None) -> None:
    client = client_for(Role.ADMINISTRATOR)
    form = {"name": "wang", "role": "lead"} | ({} if sent is None else {"csrf": sent})
    assert client.post("/users", data=form).status_code == 403
    assert pool.read(lambda connection: connection.scalar(sa.select(sa.func.count()).select_from(users))) == 1


def test_the_token_of_another_session_is_refused(client_for: ClientFor) -> None:
    one, other = client_for(Role.ADMINISTRATOR), client_for(Role.ADMINISTRATOR)
    assert one.post("/users", data={"name": "wang", "role": "lead", "csrf": other.csrf}).status_code == 403


def test_the_token_may_come_in_a_header(client_for: ClientFor) -> None:
    client = client_for(Role.ADMINISTRATOR)
    answer = client.post("/users", data={"name": "wang", "role": "lead"}, headers={"X-CSRF-Token": client.csrf})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Origin": "http://testserver.elsewhere.example"},
        {"Origin": "http://testserver:81"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://[x"},
    ],
)  # fmt: skip
def test_a_form_of_another_host_is_refused(client_for: ClientFor, headers: dict[str, str]) -> None:
    client = client_for(Role.ADMINISTRATOR)
    form = {"name": "wang", "role": "lead", "csrf": client.csrf}
    assert client.post("/users", data=form, headers=headers).status_code == 403
    own = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/users", data=form, headers=own).status_code == 200


def test_the_login_form_is_tied_to_the_browser_that_opened_it(browser_of: BrowserOf, li: str) -> None:
    elsewhere, client = browser_of(), browser_of()
    theirs = _csrf(elsewhere.get("/login"))
    form = {"name": li, "password": PASSWORD, "csrf": theirs}
    assert client.post("/login", data=form).status_code == 403  # no cookie at all
    client.get("/login")
    assert client.post("/login", data=form).status_code == 403  # another one's
    assert elsewhere.post("/login", data=form).status_code == 303


@pytest.mark.parametrize("behind_tls", [False, True])
def test_cookies_are_kept_from_scripts_and_from_lines_without_tls(
    review_settings: ReviewSettings, pool: Pool, routes: Sequence[Routes], browser_of: BrowserOf, li: str,
    behind_tls: bool,
) -> None:  # fmt: skip
    settings = review_settings.model_copy(update={"behind_tls": behind_tls})
    client = browser_of(create_app(settings, pool, routes), "https://testserver" if behind_tls else "http://testserver")
    answer = _log_in(client, li)
    language = client.post("/language", data={"csrf": _csrf(client.get("/audit")), "language": "en"})
    name = "__Host-gongdan" if behind_tls else "gongdan"
    cookies = _cookies(answer)
    assert set(cookies) == {name, f"{name}-form"}
    for cookie in (*cookies.values(), _cookies(language)["language"]):
        assert cookie["httponly"] is True
        assert bool(cookie["secure"]) is behind_tls
        assert (cookie["samesite"].lower(), cookie["path"], cookie["domain"]) == ("lax", "/", "")
    assert cookies[f"{name}-form"]["max-age"] == "0"
    assert ("Strict-Transport-Security" in answer.headers) is behind_tls
    assert client.get("/audit").status_code == 200


def test_a_body_without_an_announced_length_is_limited_too(browser_of: BrowserOf) -> None:
    answer = browser_of().post("/login", content=iter([b"x" * 100_000] * 11))
    assert answer.status_code == 413


def test_a_broken_body_is_no_error_of_ours(browser_of: BrowserOf) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert browser_of().post("/login", content=b"--y\r\nbroken", headers=headers).status_code in {400, 403}


def test_one_logs_in_and_out(browser_of: BrowserOf, li: str) -> None:
    client = browser_of()
    answer = _log_in(client, li, next_page="/audit?action=login")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/audit?action=login")
    client.csrf = _csrf(client.get("/audit"))
    assert client.get("/login").status_code == 303
    assert client.submit("/logout").headers["Location"] == "/login"
    assert client.get("/audit").status_code == 303


def test_a_cookie_that_was_kept_after_leaving_opens_nothing(client_for: ClientFor, browser_of: BrowserOf) -> None:
    client, thief = client_for(Role.LEAD), browser_of()
    thief.cookies.update(client.cookies)
    assert thief.get("/audit").status_code == 200
    client.submit("/logout")
    assert thief.get("/audit").status_code == 303


@pytest.mark.parametrize("next_page", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"])
def test_after_the_login_nobody_is_sent_elsewhere(browser_of: BrowserOf, li: str, next_page: str) -> None:
    assert _log_in(browser_of(), li, next_page=next_page).headers["Location"] == "/"
    assert 'name="next" value="/"' in browser_of().get("/login", params={"next": next_page}).text


def test_the_form_locks_an_account_and_says_the_same_to_everybody(
    browser_of: BrowserOf, li: str, pool: Pool, review_settings: ReviewSettings
) -> None:
    client = browser_of()
    said = set()
    for name, password in [("nobody", "x"), *[(li, "wrong")] * review_settings.access.failures, (li, PASSWORD)]:
        answer = _log_in(client, name, password)
        assert answer.status_code == 401
        said.add(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(said) == 1
    earlier = now() - timedelta(minutes=1)
    pool.write(lambda connection: connection.execute(users.update().values(locked_until=earlier)))
    assert _log_in(client, li).status_code == 303


def test_what_was_typed_is_escaped(browser_of: BrowserOf, li: str) -> None:
    assert "<script>alert" not in _log_in(browser_of(), "<script>alert(1)</script>", "x").text


@pytest.mark.parametrize("name", ["\x00", "li\x00", "😀" * 40, "x" * 5000])
def test_strange_names_are_only_wrong(browser_of: BrowserOf, li: str, name: str) -> None:
    assert _log_in(browser_of(), name).status_code == 401


@pytest.mark.parametrize("column", ["seen_at", "created_at"])
def test_an_expired_session_leads_to_the_login(client_for: ClientFor, pool: Pool, column: str) -> None:
    client = client_for(Role.LEAD)
    assert client.get("/audit").status_code == 200
    pool.write(lambda connection: connection.execute(sessions.update().values({column: now() - timedelta(days=1)})))
    assert client.get("/audit").headers["Location"] == "/login?next=/audit"
    assert client.submit("/logout").status_code == 401


def test_an_unreachable_database_is_said_to_be_one(app: FastAPI, browser_of: BrowserOf) -> None:
    class Lost:
        def read(self, _: object) -> None:
            raise StoreError("store_lost", "")

    client = browser_of()
    assert client.get("/healthz").text == "ok"
    app.state.pool = Lost()
    assert client.get("/healthz").status_code == 503


def test_the_permission_to_see_pages_does_not_come_from_the_browser(client_for: ClientFor) -> None:
    client = client_for(Role.REVIEWER)
    client.cookies.set("role", "lead")
    assert client.get("/audit", headers={"X-Role": str(Permission.AUDIT)}).status_code == 403
