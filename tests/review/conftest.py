"""What tests of the review desk share: a database with its tables, accounts, and browsers without a screen."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from pipeline.nightly import NightlySettings
from pipeline.review import passwords, sessions
from pipeline.review.access import Role, User
from pipeline.review.clock import now
from pipeline.review.desk import Desk
from pipeline.review.search import Search
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.app import create_app
from pipeline.review.web.cookies import session_cookie
from pipeline.review.web.guard import Routes
from pipeline.review.web.parts import parts
from pipeline.settings import CONFIGS, load_settings
from pipeline.store.database import Pool, Store
from pipeline.store.patience import RetrySettings
from pipeline.store.review import users
from pipeline.taxonomy import Taxonomy

RETRY = RetrySettings(attempts=3, first=0.01, longest=0.02)
PASSWORD = "correct horse battery"  # of every account that `make_user` makes
NO_LOGIN = "-"  # in the place of a hash, where nobody will log in with a password


class DeskClient(TestClient):
    """A browser with a session of its own: `submit` sends `csrf` along, `post` only what it is told."""

    csrf = ""
    user: User | None = None

    def submit(self, path: str, **form: object) -> httpx2.Response:
        """Send a form as the page would."""
        return self.post(path, data={"csrf": self.csrf} | {name: str(value) for name, value in form.items()})


def make_tables(address: str) -> None:
    Store.exclusive(address, RETRY).close()


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    """An empty database over SQLite."""
    yield from opened(f"sqlite:///{tmp_path}/review.db")


@pytest.fixture
def any_pool(database: str) -> Iterator[Pool]:
    """An empty database of each kind in turn."""
    yield from opened(database)


def opened(address: str) -> Iterator[Pool]:
    make_tables(address)
    pool = Pool(address, RETRY)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def review_settings() -> ReviewSettings:
    return ReviewSettings.load()


@pytest.fixture(scope="session")
def nightly_settings() -> NightlySettings:
    return load_settings(CONFIGS / "nightly.yaml", NightlySettings)


@pytest.fixture
def routes(pool: Pool, taxonomy: Taxonomy, nightly_settings: NightlySettings) -> Sequence[Routes]:
    """Every route there is."""
    return parts(Desk(pool, taxonomy, timedelta(minutes=20)), Search(taxonomy), nightly_settings)


@pytest.fixture
def app(review_settings: ReviewSettings, pool: Pool, routes: Sequence[Routes]) -> FastAPI:
    return create_app(review_settings, pool, routes)


@pytest.fixture(scope="session")
def kept_password() -> str:
    """The hash of PASSWORD."""
    return passwords.hashed(PASSWORD)


def add_user(pool: Pool, name: str, role: Role, kept: str = NO_LOGIN, *, must_change: bool = False) -> User:
    values = {
        "name": name, "password_hash": kept, "role": role.value, "active": True, "must_change": must_change,
        "failures": 0, "created_at": now(),
    }  # fmt: skip
    inserted = pool.write(lambda connection: connection.execute(users.insert().values(values)).inserted_primary_key)
    return User(inserted[0], name, role, must_change)


@pytest.fixture
def browser_of(app: FastAPI, review_settings: ReviewSettings) -> Iterator[Callable[..., DeskClient]]:
    """Return a browser that nobody has used: its cookies are its own. It follows no redirects."""
    made: list[DeskClient] = []

    def make(of: FastAPI = app, base_url: str = "http://testserver") -> DeskClient:
        client = DeskClient(of, base_url=base_url, follow_redirects=False)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client_for(
    browser_of: Callable[..., DeskClient], pool: Pool, review_settings: ReviewSettings
) -> Callable[..., DeskClient]:
    """Return a browser in which somebody new of a role is logged in, with `.user` and `.csrf`."""
    numbers = itertools.count(1)

    def make(role: Role, *, must_change: bool = False) -> DeskClient:
        client = browser_of()
        client.user = add_user(pool, f"{role}{next(numbers)}", role, must_change=must_change)
        log_in(client, pool, review_settings)
        return client

    return make


def log_in(client: DeskClient, pool: Pool, settings: ReviewSettings) -> None:
    """Open a session for a client's user without a password."""
    assert client.user is not None
    token = sessions.open_session(pool, client.user, settings.access, now())
    client.cookies.set(session_cookie(settings), token, domain="testserver.local")  # as answers do
    found = sessions.find(pool, token, settings.access, now())
    assert found is not None
    client.csrf = found.csrf
