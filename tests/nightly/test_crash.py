"""Nights that are killed, cut off from their database and out of room at random, until all is scored exactly once.

`make test` runs a short form; `make crash` 200 disturbances of each kind of database (GONGDAN_CRASHES says how many).
"""

import contextlib
import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.nightly import NightlySettings, run_night
from pipeline.settings import ROOT
from pipeline.store.schema import predictions, rejects, runs

from ..conftest import MakeNight, ask, drop, everything

CRASHES = int(os.environ.get("GONGDAN_CRASHES", "8"))
FILES, ROWS_PER_FILE = 8, 120
_TEXTS = ("两个月停电五次", "电压低空调带不动", "收费员态度恶劣骂人", "抢修迟迟不到", "电费突然翻倍", "")
_LONGEST_LIFE = 1.2  # seconds: about what a night of all files takes
_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_EVERY_COLUMN_BUT = ("run_id",)

# Starting a process anew for each life would take most of the time; these are forked from one that has all loaded.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["pipeline.nightly", "pipeline.classify.linear", "pipeline.nightly.table"])


@dataclass
class _Crashes:
    """One inbox that fills up while nights over it are disturbed."""

    night: NightlySettings
    chance: random.Random
    dropped: int = 0
    what: Counter[str] = field(default_factory=Counter)

    @property
    def address(self) -> str:
        return self.night.database

    def drop_next(self) -> None:
        """Drop one more file: some of its tickets are those of the file before, some of them changed."""
        rows = []
        for number in range(ROWS_PER_FILE):
            key = self.dropped * ROWS_PER_FILE // 2 + number
            text = f"{_TEXTS[key % len(_TEXTS)]}{'，' + str(self.dropped) if number % 7 == 0 else ''}"
            rows.append((f"T{key:05d}", "2026-10-01 08:00", text if key % len(_TEXTS) < 5 else "", "一台区", ""))
        drop(self.night.source.inbox, f"{self.dropped:02d}.csv", rows)
        self.dropped += 1

    def disturb(self) -> bool:
        """Let a night begin, disturb it at any moment; tell whether it closed all the same."""
        life = _context.Process(target=run_night, args=(self.night,))
        life.start()
        time.sleep(self.chance.uniform(0, _LONGEST_LIFE))
        kind = self.chance.choice(("kill", "kill", "line", "quota"))
        if life.is_alive():
            getattr(self, f"_{kind}")(life)
            self.what[kind] += 1
        life.join(timeout=60)
        assert life.exitcode is not None, "a night hangs"
        self.what["closed" if life.exitcode == 0 else "not closed"] += 1
        ask(self.address, "SELECT 1")  # a server that cannot write its log restarts; wait for it
        return life.exitcode == 0

    def _kill(self, life: BaseProcess) -> None:
        life.kill()

    def _line(self, life: BaseProcess) -> None:
        """Drop the connections of PostgreSQL; keep others from writing to SQLite for a moment. Sometimes kill, too."""
        if self.address.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(self.address.removeprefix("sqlite:///"))) as other:
                with contextlib.suppress(sqlite3.OperationalError):  # the night is writing
                    other.execute("BEGIN IMMEDIATE")
                time.sleep(self.chance.uniform(0, 0.1))
        else:
            ask(self.address, f"SELECT pg_terminate_backend(pid) {_OTHERS}")
        if self.chance.random() < 0.3:
            life.kill()

    def _quota(self, life: BaseProcess) -> None:
        """Forbid whoever writes the database to let a file grow beyond a little more than it has."""
        more = self.chance.randrange(1 << 16)
        if self.address.startswith("sqlite"):
            database = Path(self.address.removeprefix("sqlite:///"))
            writers = [life.pid]
            size = max((path.stat().st_size for path in database.parent.glob("night.db*")), default=0)
        else:
            writers = [row[0] for row in ask(self.address, f"SELECT pid {_OTHERS}")]
            size = ask(self.address, "SELECT coalesce(pg_relation_size(to_regclass('predictions')), 0)")[0][0]
        for pid in writers:
            _limit_files(pid, size + more)


def _limit_files(pid: int, size: int) -> None:
    """Limit the size of files that a process writes, as its own user: the server does not run as root."""
    with contextlib.suppress(FileNotFoundError):  # it is gone already
        owner = Path(f"/proc/{pid}").stat().st_uid
        subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={size}:"], user=owner, check=False, capture_output=True)


def _content(address: str) -> tuple[list[Any], list[Any]]:
    """Read what does not depend on how the nights went."""
    columns = [column.name for column in predictions.columns if column.name not in _EVERY_COLUMN_BUT]
    answers = [tuple(str(getattr(row, name)) for name in columns) for row in everything(address, predictions)]
    refused = [(row.source_sha256, row.row, row.code, row.status) for row in everything(address, rejects)]
    return sorted(answers), sorted(refused)


def _undisturbed(make: Callable[[str], NightlySettings], chance: random.Random) -> tuple[list[Any], list[Any]]:
    calm = _Crashes(make("calm"), chance)
    for _ in range(FILES):
        calm.drop_next()
        run_night(calm.night)
    return _content(calm.address)


@pytest.fixture
def make(make_night: MakeNight, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., NightlySettings]:
    """A function that sets up one inbox with its database; small batches, so that there are many moments between."""
    score = tmp_path / "score.yaml"
    score.write_text(
        "chunk_rows: 10\nworkers: 1\ntuning: null\nalternatives: 3\nreview_reasons: [low_confidence]\n",
        encoding="utf-8",
    )

    def make(name: str, kind: str = "sqlite") -> NightlySettings:
        folder = tmp_path / name
        (folder / "inbox").mkdir(parents=True)
        address = f"sqlite:///{folder}/night.db" if kind == "sqlite" else request.getfixturevalue("postgres")()
        return make_night(
            source={"inbox": str(folder / "inbox")},
            database=address,
            score=str(score),
            kept_models={"folder": str(folder / "served"), "count": 1},
            retry={"attempts": 6, "first": 0.02, "longest": 0.3},
        )

    return make


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nights_that_are_disturbed_end_with_what_an_undisturbed_one_gives(
    kind: str, make: Callable[..., NightlySettings], capfd: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("GONGDAN_SEED", str(random.SystemRandom().randrange(1 << 30))))
    chance = random.Random(seed)
    expected = _undisturbed(make, chance)
    total: Counter[str] = Counter()
    rounds = 0
    while total["kill"] + total["line"] + total["quota"] < CRASHES:
        crashes = _Crashes(make(f"round-{rounds}", kind), chance)
        _round(crashes, CRASHES - sum(total[name] for name in ("kill", "line", "quota")))
        _compare(crashes, expected, seed)
        total += crashes.what
        total["resumed"] += sum(row.resumed for row in everything(crashes.address, runs))
        rounds += 1
    capfd.readouterr()  # the tracebacks of nights that were told of a lost database
    with capfd.disabled():
        sys.stdout.write(f"\n{kind}, seed {seed}: {rounds} inboxes, {dict(total)}\n")


def _round(crashes: _Crashes, most: int) -> None:
    crashes.drop_next()
    done = 0
    while done < most:
        before = sum(crashes.what[name] for name in ("kill", "line", "quota"))
        closed = crashes.disturb()
        done += sum(crashes.what[name] for name in ("kill", "line", "quota")) - before
        if closed and crashes.dropped == FILES:
            break
        # Exports also arrive while a night lies dead.
        if crashes.dropped < FILES and (closed or crashes.chance.random() < 0.1):
            crashes.drop_next()
    while crashes.dropped < FILES:
        crashes.drop_next()


def _compare(crashes: _Crashes, expected: tuple[list[Any], list[Any]], seed: int) -> None:
    run_night(crashes.night)
    found = _content(crashes.address)
    assert found == expected, f"GONGDAN_SEED={seed} does it again"
    ledger = everything(crashes.address, runs)
    assert ledger[-1].status == "closed"
    assert all(row.status == "closed" for row in ledger), "the same model and files: nothing to give up"
    assert sum(row.scored + row.review for row in ledger) == len(found[0])
    for row in ledger:
        assert row.read == row.scored + row.review + row.known + row.rejected + row.before_since
    assert not [child for child in psutil.Process().children() if "run_night" in " ".join(child.cmdline())]


def test_a_killed_night_takes_its_workers_with_it_and_is_resumed(make: Callable[..., NightlySettings]) -> None:
    """The command itself, with two processes beside it, as a clock starts it."""
    crashes = _Crashes(make("command"), random.Random(1))
    for _ in range(FILES):
        crashes.drop_next()
    crashes.night.score.write_text(
        crashes.night.score.read_text(encoding="utf-8").replace("workers: 1", "workers: 2"), encoding="utf-8"
    )
    config = crashes.night.source.inbox.parent.parent / "nightly.yaml"
    command = [sys.executable, "-m", "pipeline", "nightly", "--config", str(config)]
    life = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    workers: list[psutil.Process] = []
    while not _answered(crashes):
        assert life.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    workers = psutil.Process(life.pid).children(recursive=True)
    life.kill()
    life.wait()
    assert len(workers) >= 2
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    done = run_night(crashes.night)
    assert (done.resumed, done.counts.read) == (1, FILES * ROWS_PER_FILE)


def _answered(crashes: _Crashes) -> int:
    database = Path(crashes.address.removeprefix("sqlite:///"))
    if not database.exists():
        return 0
    with (
        contextlib.closing(sqlite3.connect(database, timeout=5)) as reader,
        contextlib.suppress(sqlite3.OperationalError),
    ):
        return int(reader.execute("SELECT count(*) FROM predictions").fetchone()[0])
    return 0
