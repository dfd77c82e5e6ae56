"""Eight people decide at once over PostgreSQL, through real HTTP: nothing is lost and nothing doubled.

The short form of benchmarks/review.py, which lets twenty people decide 2,000 times and measures how long pages take.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
import uvicorn

from benchmarks.reviewers import Seen, compare, hire, work
from pipeline.nightly import NightlySettings
from pipeline.review.desk import Desk
from pipeline.review.search import Search
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.app import create_app
from pipeline.review.web.parts import parts
from pipeline.store.database import Pool
from pipeline.store.review import BLIND, SHOWN
from pipeline.taxonomy import Taxonomy

from ..conftest import ask
from .conftest import RETRY
from .filled import Filled

PEOPLE, DECISIONS = 8, 160
TICKETS, EACH_BLIND = 200, 5  # one in five is read blind, and then by another person
UP_SECONDS = 30


@pytest.fixture
def address(postgres: Callable[[], str]) -> str:
    """The address of a database with a queue."""
    address = postgres()
    filled = Filled(address)
    filled.engine = sa.create_engine(address)  # keeps its connection: a new one for each ticket would take long
    for number in range(TICKETS):
        blind = number % EACH_BLIND == 0
        item = filled.item("frequent_outage", "bill", blind=blind, narrative=f"第{number}次停电，一直没有人来")
        filled.reading(item, BLIND if blind else SHOWN)
        if blind:
            filled.reading(item, SHOWN, 2)
    filled.engine.dispose()
    ask(address, "SELECT setval('users_id_seq', 3)")  # it numbered its own three
    return address


@pytest.fixture
def port(
    address: str, review_settings: ReviewSettings, nightly_settings: NightlySettings, taxonomy: Taxonomy
) -> Iterator[int]:
    """Where a desk over that database answers."""
    pool = Pool(address, RETRY)
    app = create_app(review_settings, pool, parts(Desk(pool, taxonomy, timedelta(minutes=20)), Search(taxonomy),
                                                  nightly_settings))  # fmt: skip
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + UP_SECONDS
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()
    pool.close()


def test_nothing_is_lost_or_doubled_when_many_decide_at_once(address: str, port: int, taxonomy: Taxonomy) -> None:
    seen = work(port, hire(address, PEOPLE), DECISIONS, [cause.id for cause in taxonomy.causes])

    assert compare(address, seen, DECISIONS) == []
    assert len({user for user, _ in seen.kept.values()}) == PEOPLE


def test_the_comparison_finds_what_was_lost_and_what_nobody_saw(address: str, port: int, taxonomy: Taxonomy) -> None:
    seen = work(port, hire(address, 2), 10, [cause.id for cause in taxonomy.causes])
    nonce = next(iter(seen.kept.keys() - set(seen.withdrawn)))
    lost = Seen(kept=seen.kept | {"0" * 32: (1, 1)}, withdrawn=seen.withdrawn)
    unseen = Seen(kept={key: whose for key, whose in seen.kept.items() if key != nonce}, withdrawn=seen.withdrawn)

    assert "the database holds other decisions than people saw kept" in compare(address, lost, 10)
    assert "the database holds other decisions than people saw kept" in compare(address, unseen, 10)
    assert compare(address, seen, 11) == ["10 decisions stand, not 11"]
