"""The nightly database, opened to read it."""

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import sqlalchemy as sa

from pipeline.nightly.patience import RetrySettings
from pipeline.nightly.store import Store

Result = TypeVar("Result")


def reading(address: str, retry: RetrySettings, work: Callable[[sa.Connection], Result]) -> Result:
    """Do work that only reads, in one transaction beside a run; raises StoreError."""
    with closing(Store.reading(address, retry)) as store:
        return store.run(work)
