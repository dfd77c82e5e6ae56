"""The desk as it is started: by its command, on a port, over the database of the nights."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
import yaml
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.nightly import NightlySettings, run_night
from pipeline.review.serve import opened
from pipeline.review.settings import DEFAULT_PATH, ReviewSettings
from pipeline.settings import ROOT
from pipeline.store.review import review_items, users

from ..conftest import MakeNight, drop, everything

_SECONDS = 60
ROWS = [(f"R{number}", "", f"客户反映近两个月停电{number}次，要求解决", "", "") for number in range(12)]


@pytest.fixture
def night(make_night: MakeNight, tmp_path: Path) -> NightlySettings:
    settings = make_night()
    drop(tmp_path / "inbox", "a.csv", ROWS)
    run_night(settings)
    return settings


@pytest.fixture
def config(night: NightlySettings, tmp_path: Path) -> Path:
    path = tmp_path / "review.yaml"
    content = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8")) | {"nightly": str(tmp_path / "nightly.yaml")}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def a_free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def started(config: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "pipeline", "review", "--config", str(config), "--port", str(a_free_port())]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = ""
    while "The review desk is at" not in said:
        line = process.stdout.readline()
        assert line, "the desk ended"
        said += line
    yield process, said
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_command_serves_and_prints_the_first_password_once(
    started: tuple[subprocess.Popen[str], str], config: Path, night: NightlySettings
) -> None:
    process, said = started
    address = re.search(r"http://127\.0\.0\.1:\d+/", said)
    assert address is not None
    assert re.search(r"name +admin", said)
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        try:
            answer = httpx2.get(f"{address[0]}login")
            break
        except httpx2.TransportError:
            time.sleep(0.1)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "server" not in answer.headers
    while not everything(night.database, review_items) and time.monotonic() < until:
        time.sleep(0.1)
    assert everything(night.database, review_items)  # it looked through the night by itself
    process.send_signal(signal.SIGINT)
    process.wait(_SECONDS)
    with opened(ReviewSettings.load(config)) as desk:
        assert len(desk.pool.read(lambda connection: connection.execute(sa.select(users)).all())) == 1


def test_fill_says_what_it_chose_and_then_nothing(config: Path) -> None:
    first = run("review", "--config", config, "fill")
    assert first.exit_code == 0, first.output
    assert re.fullmatch(r"run 1: \d+ of 12 tickets, 5 of them blind\n", first.output)
    assert run("review", "--config", config, "fill").output == ""


def test_a_password_from_the_shell(config: Path, night: NightlySettings) -> None:
    first = run("review", "--config", config, "password", "admin")
    again = run("review", "--config", config, "password", "admin")
    assert first.exit_code == again.exit_code == 0
    assert first.output != again.output
    (admin,) = everything(night.database, users)
    assert (admin.role, admin.must_change) == ("administrator", True)
    missing = run("review", "--config", config, "password", "nobody")
    assert missing.exit_code == 1


def test_without_a_database_it_says_what_to_do(make_night: MakeNight, config: Path, tmp_path: Path) -> None:
    make_night(database=f"sqlite:///{tmp_path}/none.db")
    result = run("review", "--config", config, "fill")
    assert result.exit_code == 5
    assert not (tmp_path / "none.db").exists()


def test_reviews_become_narratives_by_a_command(config: Path, tmp_path: Path) -> None:
    result = run("corpus", "add-reviews", "--config", config, "-o", tmp_path / "reviews.jsonl")
    assert result.exit_code == 0, result.output
    assert "0 rows, 0 of them corrections; 0 left out" in result.output
    assert (tmp_path / "reviews.jsonl").read_text(encoding="utf-8") == ""


def test_help_teaches_without_a_configuration() -> None:
    result = run("review", "--help")
    assert result.exit_code == 0
    assert "one-time password" in result.output
