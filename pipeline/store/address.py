"""Addresses of databases: passwords from the environment, files below the project's root, lines that notice silence."""

import os
import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from pipeline.errors import ConfigError
from pipeline.settings import ROOT

_VARIABLE = re.compile(r"\$\{(\w+)\}")
# A PostgreSQL that vanished without a word is noticed after half a minute instead of hours, here and there: the server
# would otherwise keep the lock of a machine that lost its power.
_ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "connect_timeout": 10}
_ALIVE_THERE = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"


def expand(address: str) -> str:
    """Return an address with ${NAME} replaced from the environment, so that no password stands in a file.

    Raises ConfigError for a variable that is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ConfigError("environment_missing", f"the environment variable {match[1]} is not set")
        return os.environ[match[1]]

    return _VARIABLE.sub(value, address)


def url_of(address: str) -> sa.URL:
    """Return an address expanded, a file's made absolute, PostgreSQL's with the driver that is installed.

    Raises ConfigError, and sqlalchemy's ArgumentError for what is no address.
    """
    url = sa.make_url(expand(address))
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return url.set(database=str(ROOT / url.database))  # an absolute path stays as it is
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def line_options(url: sa.URL) -> Mapping[str, Any]:
    """Return what to connect with."""
    if url.get_backend_name() != "postgresql":
        return {}
    return {**_ALIVE, "options": f"{url.query.get('options', '')} {_ALIVE_THERE}".strip()}
