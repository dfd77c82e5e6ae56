"""Models whose answers a test decides row by row, written as real model folders, and real MLflow servers.

Every labelled row and every ticket has a Chinese character of its own, and a model is a table from character to cause.
"""

import itertools
import json
import math
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from pipeline.classify.answer import Level, Thresholds
from pipeline.classify.calibrate import Calibration
from pipeline.classify.folder import FORMAT, LEXICON, read_manifest, tree_of, write_folder
from pipeline.classify.linear import Features, LinearClassifier, vectorizers
from pipeline.cli import app
from pipeline.promotion import registry
from pipeline.promotion.settings import PromoteSettings
from pipeline.settings import CONFIGS
from pipeline.settings import LEXICON as WORDS
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, Segmenter, read_narrative

from ..conftest import drop, night_in

ROWS = {"service": 150, "business": 150, "outage": 100, "power_quality": 60, "grid_construction": 40}
RARE = "grid_construction"
_FILLER = "abc"  # no model knows these letters
_BESIDE = 9 / 53  # of what an answer's cause leaves of the probability goes to causes of the same type, roughly
_SECONDS_UP = 120
_NAMES = itertools.count(1)


def characters(count: int) -> list[str]:
    """Return characters that reading a narrative leaves alone."""
    every = (chr(code) for code in range(0x4E00, 0x9000))
    found = (it for it in every if read_narrative(f"{_FILLER}{it}").text == f"{_FILLER}{it}")
    return list(itertools.islice(found, count))


@dataclass(frozen=True, slots=True)
class World:
    """What is true: the cause of every character; and which characters are of each type."""

    taxonomy: Taxonomy
    truth: Mapping[str, str]
    tickets: Mapping[str, str]  # of the nights

    def of(self, *types: str) -> list[str]:
        return [it for it, cause in self.truth.items() if self.taxonomy.cause(cause).type_id in types]

    def cause(self, kind: str) -> str:
        return next(cause.id for cause in self.taxonomy.causes if cause.type_id == kind)

    def answers(self, wrong: Sequence[str]) -> dict[str, str]:
        """Return the truth, but for some characters that get a cause of another type."""
        others = {"service": "business", "business": "service"}
        answers = {**self.truth, **self.tickets}
        for it in wrong:
            answers[it] = self.cause(others.get(self.taxonomy.cause(answers[it]).type_id, "service"))
        return answers


@pytest.fixture(scope="session")
def world(taxonomy: Taxonomy) -> World:
    signs = iter(characters(sum(ROWS.values()) + 20))
    first = {kind: next(cause.id for cause in taxonomy.causes if cause.type_id == kind) for kind in ROWS}
    truth = {next(signs): first[kind] for kind, count in ROWS.items() for _ in range(count)}
    return World(taxonomy, truth, {next(signs): first["outage"] for _ in range(20)})


@pytest.fixture(scope="session")
def corpus(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frozen") / "rows.jsonl"
    rows = [
        {"id": f"r{number}", "text": f"{_FILLER}{sign}", "cause": cause, "split": "test"}
        for number, (sign, cause) in enumerate(world.truth.items())
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def make_model(
    folder: Path,
    taxonomy: Taxonomy,
    answers: Mapping[str, str],
    sure: float,
    metrics: Mapping[str, float] | None = None,
) -> Path:
    """Write a linear model that answers each character's narrative with its cause, at about a probability."""
    lexicon = Lexicon.load(WORDS)
    features = Features(words=(1, 1), characters=(1, 1), min_df=1)
    words, signs = vectorizers(features, Segmenter(lexicon))
    words.fit(["无此词"])
    signs.fit(["".join(answers)])
    size = len(words.vocabulary_) + len(signs.vocabulary_)
    classifier = LinearClassifier(words, signs, np.zeros((size, len(taxonomy.causes)), np.float32), np.zeros(54))
    # A narrative has one known character, so its TF-IDF vector is 1 there.
    height = math.log(sure * (len(taxonomy.causes) - 1) / (1 - sure))
    for sign, cause in answers.items():
        row = len(words.vocabulary_) + signs.vocabulary_[sign]
        classifier.coefficients[row, taxonomy.cause_ids.index(cause)] = height
    level = Level(threshold=0.5, error=0.05, confidence=0.95, rows=500, wrong=5, judged_on=500)
    manifest = {
        "format": FORMAT, "kind": "linear", "made": "2026-11-01T00:00:00+00:00", "tree": tree_of(taxonomy),
        "taxonomy_version": taxonomy.version, "lexicon_sha256": lexicon.sha256, "metrics": metrics or {},
        "calibration": Calibration(causes=1.0, types=1.0), "thresholds": Thresholds(type=level, cause=level),
        "trained_on": {"rows": 7, "sha256": "5" * 64, "settings": {}},
    }  # fmt: skip
    write_folder(folder, manifest, {**classifier.to_files(features), LEXICON: WORDS.read_bytes()})
    return folder


@dataclass(frozen=True, slots=True)
class Models:
    """Folders: the one in service is right about four rows in five of every type."""

    champion: Path
    better: Path
    lucky: Path
    rare: Path  # better on average, worse on the rare type


@pytest.fixture(scope="session")
def models(world: World, tmp_path_factory: pytest.TempPathFactory) -> Models:
    home, ticket = tmp_path_factory.mktemp("models"), next(iter(world.tickets))
    types = {kind: world.of(kind) for kind in ROWS}
    missed = {kind: signs[: len(signs) // 5] for kind, signs in types.items()}  # by the champion
    all_missed = [it for signs in missed.values() for it in signs]
    half = [it for kind, signs in missed.items() for it in signs[: len(signs) // 2]]
    usual = [it for kind, signs in missed.items() for it in signs if kind != RARE]
    fresh = [it for kind, signs in types.items() if kind != RARE for it in signs[len(signs) // 5 :]]
    wrong = {
        "champion": [*all_missed, ticket],
        "better": half,
        # Thirty won, twenty-five lost: a point better.
        "lucky": [*sorted({*all_missed} - {*all_missed[::3][:30]}), *fresh[::14][:25]],
        "rare": [*usual[: len(usual) // 4], *types[RARE][:16]],
    }
    made = {}
    for name, signs in wrong.items():
        answers = world.answers(signs)
        right = 1 - len(signs) / len(answers)
        sure = right - (1 - right) * _BESIDE / (1 - _BESIDE)
        made[name] = make_model(home / name, world.taxonomy, answers, sure)
    return Models(**made)


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with a gate's and a night's configuration, and the commands over them."""

    folder: Path
    config: Path
    name: str

    def run(self, *arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    def gate(self, command: str, *arguments: object) -> Result:
        return self.run(command, *arguments, "--config", self.config)

    def night(self, *arguments: object) -> Result:
        return self.run("nightly", "--config", self.folder / "nightly.yaml", *arguments)

    @property
    def uri(self) -> str:
        return f"models:/{self.name}@champion"

    @property
    def log(self) -> Path:
        return self.folder / "promotions.jsonl"

    @property
    def settings(self) -> PromoteSettings:
        return PromoteSettings.load(self.config)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def champion(self) -> registry.Version | None:
        return registry.Registry(self.name, "champion").champion()

    def name_model(self, model: object) -> None:
        """Let the night use a model."""
        night_in(self.folder, Path(str(model)))

    def drop(self, file: str, tickets: Mapping[str, str]) -> None:
        """Drop an export with a ticket for each character, by its id."""
        rows = [(ticket, "2026-11-20 08:00", f"{_FILLER}{sign}", "东一台区", "") for ticket, sign in tickets.items()]
        drop(self.folder / "inbox", file, rows)


def digest(folder: Path) -> str:
    return read_manifest(folder)[1]


@pytest.fixture
def make_desk(tmp_path: Path, corpus: Path, models: Models) -> Callable[[], Desk]:
    """The shipped configuration over everything of a test's own; the registered model has a name of its own."""

    def make() -> Desk:
        (tmp_path / "inbox").mkdir(exist_ok=True)
        night_in(tmp_path, models.champion)
        content = yaml.safe_load((CONFIGS / "promote.yaml").read_text(encoding="utf-8"))
        name = f"gongdan{next(_NAMES)}"
        content |= {
            "registered": {"name": name, "alias": "champion"},
            "log": str(tmp_path / "promotions.jsonl"),
            "nightly": str(tmp_path / "nightly.yaml"),
            "corpus": str(corpus),
        }
        config = tmp_path / "promote.yaml"
        config.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return Desk(tmp_path, config, name)

    return make


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server with a store of each kind in turn; artifacts go through it."""
    home = tmp_path_factory.mktemp("server")
    store = f"sqlite:///{home}/mlflow.db"
    if request.param == "postgresql":
        store = request.getfixturevalue("postgres")()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", "127.0.0.1", "--port",
        str(port), "--artifacts-destination", str(home / "artifacts"), "--workers", "1",
    ]  # fmt: skip
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
        try:
            _wait_for(f"{address}/health", process, home / "log")
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(page: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(_SECONDS_UP * 5):
        if process.poll() is not None:
            pytest.fail(f"the MLflow server ended:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(page, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the MLflow server does not answer:\n{log.read_text()[-3000:]}")


# For what does not depend on the server's store: once is enough.
once = pytest.mark.parametrize("server", ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def fetched() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gongdan-fetched-") as folder:
        yield Path(folder)


@pytest.fixture
def desk(server: str, fetched: Path, make_desk: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose registry is a real server."""
    import mlflow  # noqa: PLC0415 - takes seconds, and tests of the checks do not need it

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setattr(registry, "FETCHED", fetched)
    yield make_desk()
    mlflow.set_tracking_uri(None)
