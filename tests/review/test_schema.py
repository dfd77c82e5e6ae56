"""Whatever the desk's own description allows, and much that it does not: no page fails, none lacks its headers.

`make test` asks some 200 times, over SQLite; `make fuzz` 2,000 times over each kind of database (GONGDAN_CASES says how
often). The cases are the same each time.
"""

import contextlib
import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.core
import pytest
import schemathesis
import sqlalchemy as sa
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.python import asgi
from schemathesis.schemas import APIOperation
from starlette.testclient import TestClient

from pipeline.nightly import NightlySettings
from pipeline.review import audit, sessions
from pipeline.review.access import Role, User
from pipeline.review.clock import now
from pipeline.review.desk import Desk
from pipeline.review.search import Search
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.app import create_app
from pipeline.review.web.cookies import session_cookie
from pipeline.review.web.guard import CSRF_HEADER
from pipeline.review.web.parts import parts
from pipeline.review.web.security import HEADERS
from pipeline.store.database import Pool
from pipeline.store.review import BLIND, SHOWN, readings, review_items, users
from pipeline.taxonomy import Taxonomy

from ..conftest import ask
from .conftest import RETRY, add_user
from .filled import Filled

SHORT = 200
CASES = int(os.environ.get("GONGDAN_CASES", SHORT))
DATABASES = ["sqlite", "postgresql"] if CASES > SHORT else ["sqlite"]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
_URLENCODED = "application/x-www-form-urlencoded"
_SHORT, _LONGEST = 10, 60_000  # characters; the client takes no longer address
NIGHTS, TICKETS = 3, 24  # of each night; a third of them decided
LEAST_ANSWERED = 0.2  # of the cases; most say something that no page takes, or ask for what their role may not see
TYPED = {"cause": "bill", "rule": "第一条", "note": "另一件事", "reason": "回访客户", "role": "reviewer"}
# As they stand in an address or a form: NUL, half of a pair, no UTF-8, beyond Unicode, numbers without end, patterns.
HOSTILE = (
    "%00", "a%00b", "%ED%A0%80", "%FF%FE", "%F4%90%80%80", "9" * 400, "9" * 5000, "-1", "0", "2147483648", "1e400",
    "x" * 3000, "%25" * 300, "%0D%0ASet-Cookie:%20a=b", "%5C%25_", "..%2F..%2Fetc%2Fpasswd", "%E2%80%AE", "NaN",
)  # fmt: skip


@dataclass
class _Fuzzed:
    """A desk with somebody of each role, who is logged in again whenever a case ended the session."""

    app: FastAPI
    pool: Pool
    settings: ReviewSettings
    desk: Desk
    people: list[User]
    tokens: dict[int, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)

    def headers_of(self, user: User) -> dict[str, str]:
        """Return what the user's browser would send.

        Logging out, changing the password and closing the own account are among what is asked for, so that the session
        is looked at before each case: without that, the rest of the run would see the login page only.
        """
        token = self.tokens.get(user.id, "")
        found = sessions.find(self.pool, token, self.settings.access, now())
        if found is None or found.user != user:
            same = users.update().where(users.c.id == user.id)
            self.pool.write(lambda connection: connection.execute(same.values(
                active=True, must_change=False, role=user.role.value)))  # fmt: skip
            token = self.tokens[user.id] = sessions.open_session(self.pool, user, self.settings.access, now())
            found = sessions.find(self.pool, token, self.settings.access, now())
        assert found is not None
        return {CSRF_HEADER: found.csrf, "Cookie": f"{session_cookie(self.settings)}={token}"}

    def existing(self, name: str, user: User, number: int) -> int:
        """Return an id that means something in a path."""
        if name == "reading_id" and user.role is not Role.ADMINISTRATOR and (given := self.desk.take(user)):
            return given.reading_id  # what he has on his desk
        table = {"item_id": review_items, "reading_id": readings, "user_id": users}[name]
        ids = self.pool.read(lambda connection: connection.scalars(sa.select(table.c.id).order_by(table.c.id)).all())
        return int(ids[number % len(ids)])

    def note(self, what: str, status: int, headers: Mapping[str, Any], sent: object) -> None:
        """Count an answer, and refuse what no answer may be."""
        assert status < 500, f"{what}: {status} for {sent!r}"
        assert {name.lower() for name in HEADERS} | {"cache-control"} <= {name.lower() for name in headers}, what
        self.statuses[status] += 1
        self.answered[what] += status < 400


@pytest.fixture(params=DATABASES)
def fuzzed(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    review_settings: ReviewSettings,
    nightly_settings: NightlySettings,
    taxonomy: Taxonomy,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[_Fuzzed]:
    # schemathesis replaces Hypothesis's printer for the whole process; other tests want to see what failed.
    monkeypatch.setattr(hypothesis.core, "RepresentationPrinter", hypothesis.core.RepresentationPrinter)
    address = f"sqlite:///{tmp_path}/desk.db" if request.param == "sqlite" else request.getfixturevalue("postgres")()
    _fill(address)
    pool = Pool(address, RETRY)
    desk = Desk(pool, taxonomy, timedelta(minutes=20))
    app = create_app(review_settings, pool, parts(desk, Search(taxonomy), nightly_settings))
    yield _Fuzzed(app, pool, review_settings, desk, [add_user(pool, f"some-{role}", role) for role in Role])
    asgi.shutdown_lifespans()
    pool.close()


def _fill(address: str) -> None:
    filled = Filled(address)
    for number in range(NIGHTS * TICKETS):
        values = {"run_id": number % NIGHTS + 1, "narrative": f"第{number}次停电", "unit": f"第{number % 5}供电所"}
        if number % 3:
            filled.reading(filled.item("frequent_outage", "bill", **values), SHOWN)
        elif number % 2:
            filled.shown("bill", "frequent_outage", "voltage_abnormal", **values)
        else:
            item = filled.item("frequent_outage", blind=True, **values)
            filled.decide(filled.reading(item, BLIND), "frequent_outage")
            filled.decide(filled.reading(item, SHOWN, 2), "bill", 2)
    if address.startswith("postgresql"):
        ask(address, "SELECT setval('users_id_seq', 3)")  # it numbered its own three


def _operations(app: FastAPI) -> list[APIOperation[Any, Any, Any, Any]]:
    schema = schemathesis.openapi.from_dict(app.openapi())
    return [found.ok() for found in schema.get_all_operations()]


def test_no_case_of_the_description_makes_a_page_fail(fuzzed: _Fuzzed) -> None:
    operations = _operations(fuzzed.app)
    each = -(-CASES // (len(operations) * len(MODES)))
    turns = itertools.cycle(fuzzed.people)
    for operation, mode in itertools.product(operations, MODES):
        _ask_about(fuzzed, operation, mode, each, turns)

    total, good = fuzzed.statuses.total(), sum(number for status, number in fuzzed.statuses.items() if status < 400)
    assert total >= CASES * 0.9
    assert good > LEAST_ANSWERED * total, fuzzed.statuses
    assert fuzzed.statuses[401] < 0.1 * total, fuzzed.statuses  # only who logs in with a wrong password
    assert fuzzed.pool.read(audit.verify) is None


def _ask_about(
    fuzzed: _Fuzzed, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, cases: int,
    turns: Iterator[User],
) -> None:  # fmt: skip
    def check(case: Case, known: bool, number: int) -> None:
        user = next(turns)
        if known:  # half of the cases are about something that is there
            for name in case.path_parameters:
                case.path_parameters[name] = fuzzed.existing(name, user, number)
            if isinstance(case.body, dict):
                case.body |= {name: value for name, value in TYPED.items() if name in case.body}
        answer = case.call(base_url="http://testserver", app=fuzzed.app, headers=fuzzed.headers_of(user),
                           allow_redirects=False)  # fmt: skip
        fuzzed.note(operation.label, answer.status_code, answer.headers, case)

    draw = given(case=operation.as_strategy(generation_mode=mode), known=st.booleans(), number=st.integers(0, 10**6))
    once = hypothesis_settings(
        max_examples=cases, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    with contextlib.suppress(Unsatisfiable):  # a page without anything to say has nothing to say wrongly
        once(draw(check))()


@dataclass(frozen=True, slots=True)
class _Page:
    """A route with the names of what its address and its form may say."""

    method: str
    path: str
    query: tuple[str, ...]
    form: tuple[str, ...]


def _pages(app: FastAPI) -> list[_Page]:
    described = app.openapi()
    found = []
    for path, methods in described["paths"].items():
        for method, page in methods.items():
            query = tuple(one["name"] for one in page.get("parameters", []) if one["in"] == "query")
            forms = page.get("requestBody", {}).get("content", {}).values()
            names = [one["schema"]["$ref"].rpartition("/")[2] for one in forms]
            form = tuple(key for name in names for key in described["components"]["schemas"][name]["properties"])
            found.append(_Page(method.upper(), path, query, form))
    return found


def test_values_that_no_database_takes_make_no_page_fail(fuzzed: _Fuzzed) -> None:
    """In every place of every page at once: the path, the address, the form."""
    by_role = {user.role: user for user in fuzzed.people}
    with TestClient(fuzzed.app, raise_server_exceptions=False, follow_redirects=False) as client:
        for page, value in itertools.product(_pages(fuzzed.app), HOSTILE):
            if page == _Page("POST", "/login", (), ("name", "password", "next")) and len(value) > _SHORT:
                continue  # what is typed there is hashed, which takes long
            user = by_role[Role.ADMINISTRATOR if page.path.startswith("/users") else Role.LEAD]
            most = _LONGEST // max(1, len(page.query))
            query = "&".join(f"{name}={value[:most]}" for name in page.query)
            existing = re.sub(r"{(\w+)}", lambda found, user=user: str(fuzzed.existing(found[1], user, 0)), page.path)
            for path in {re.sub(r"{\w+}", value, page.path), existing}:
                form = "&".join(f"{name}={value}" for name in page.form)
                _send(fuzzed, client, page, f"{path}?{query}", user, form.encode(), _URLENCODED)

    assert fuzzed.statuses[200] > 0
    assert fuzzed.statuses[422] > 0


@pytest.mark.parametrize("charset", ["unicode_escape", "raw_unicode_escape", "utf-7", "utf-16", "idna", "base64", "x"])
def test_a_form_in_a_strange_charset_makes_no_page_fail(fuzzed: _Fuzzed, charset: str) -> None:
    """Some of Python's codecs make halves of pairs, which no database takes."""
    by_role = {user.role: user for user in fuzzed.people}
    with TestClient(fuzzed.app, raise_server_exceptions=False, follow_redirects=False) as client:
        for page in _pages(fuzzed.app):
            if page.method != "POST":
                continue
            user = by_role[Role.ADMINISTRATOR if page.path.startswith("/users") else Role.LEAD]
            path = re.sub(r"{(\w+)}", lambda found, user=user: str(fuzzed.existing(found[1], user, 0)), page.path)
            for names in (page.form, ("csrf",)):
                parts = "".join(
                    f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n\\ud800+2AA-\r\n' for name in names
                )
                kind = f"multipart/form-data; boundary=b; charset={charset}"
                _send(fuzzed, client, page, path, user, f"{parts}--b--\r\n".encode(), kind, proved=names != ("csrf",))


def _send(
    fuzzed: _Fuzzed, client: TestClient, page: _Page, address: str, user: User, body: bytes, kind: str,
    *, proved: bool = True,
) -> None:  # fmt: skip
    headers = fuzzed.headers_of(user)
    if not proved:
        del headers[CSRF_HEADER]
    if page.method == "POST":
        headers["Content-Type"] = kind
    answer = client.request(page.method, address, headers=headers, content=body if page.method == "POST" else None)
    client.cookies.clear()
    fuzzed.note(f"{page.method} {page.path}", answer.status_code, answer.headers, (address[:200], body[:200]))
