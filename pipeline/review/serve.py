"""The desk at work: its database, its pages, its worker, on one port."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import uvicorn
from fastapi import FastAPI

from pipeline.errors import StoreError
from pipeline.nightly import NightlySettings
from pipeline.review import users
from pipeline.review.desk import Desk
from pipeline.review.fill import Filler
from pipeline.review.search import Search
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.app import create_app
from pipeline.review.web.parts import parts
from pipeline.review.worker import Worker
from pipeline.settings import load_settings, resolve
from pipeline.store.database import Pool, Store
from pipeline.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Opened:
    """The desk over its database."""

    app: FastAPI
    pool: Pool
    worker: Worker


@contextmanager
def opened(settings: ReviewSettings) -> Iterator[Opened]:
    """Open the desk over the nightly job's database. Raises ConfigError, StoreError or TaxonomyError."""
    nightly = load_settings(resolve(settings.nightly), NightlySettings)
    taxonomy = Taxonomy.load()
    pool = _pool(nightly)
    try:
        filler = Filler(pool, nightly, settings.queue, taxonomy)
        desk = Desk(pool, taxonomy, timedelta(minutes=settings.queue.lease_minutes))
        app = create_app(settings, pool, parts(desk, Search(taxonomy), nightly))
        yield Opened(app, pool, Worker(pool, filler, nightly))
    finally:
        pool.close()


def _pool(nightly: NightlySettings) -> Pool:
    try:
        return Pool(nightly.database, nightly.retry)
    except StoreError as error:
        if error.code != "store_older":
            raise
    Store.exclusive(nightly.database, nightly.retry).close()  # upgrades it, unless a night is at work
    return Pool(nightly.database, nightly.retry)


def serve(settings: ReviewSettings, tell: Callable[[str, tuple[str, str] | None], None]) -> None:
    """Serve until it is interrupted; `tell` gets the address, and the first administrator if there was none."""
    with opened(settings) as desk:
        scheme = "https" if settings.behind_tls else "http"
        tell(f"{scheme}://{settings.host}:{settings.port}/", users.first_administrator(desk.pool, settings.access))
        desk.worker.start()
        try:
            # Addresses hold what people search for, so no log of requests is kept.
            uvicorn.run(
                desk.app, host=settings.host, port=settings.port, log_level="warning", access_log=False,
                server_header=False, proxy_headers=settings.behind_tls,
            )  # fmt: skip
        finally:
            desk.worker.stop()
