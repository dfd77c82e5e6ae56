"""`gongdan taxonomy migrate`: what follows from a change, shown and done."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.review import audit, migrate
from pipeline.review.access import Role, User
from pipeline.review.desk import Desk, Verdict
from pipeline.review.lists import Filter, rows
from pipeline.review.screen import screen
from pipeline.review.verdicts import queue_verdicts
from pipeline.store.database import Pool
from pipeline.store.review import OPEN, readings
from pipeline.taxonomy import Taxonomy

from ..conftest import night_in
from ..trees import RENAMED, SPLIT, VERSION, changed_tree
from .filled import RETRY, Filled


@pytest.fixture
def tree(tmp_path: Path) -> Taxonomy:
    return Taxonomy.load(changed_tree(tmp_path / "tree.yaml"))


@pytest.fixture
def desk_filled(database: str) -> Iterator[Filled]:
    filled = Filled(database)
    yield filled
    filled.engine.dispose()


@pytest.fixture
def pool_of(desk_filled: Filled, database: str) -> Iterator[Pool]:
    pool = Pool(database, RETRY)
    yield pool
    pool.close()


def _asked(filled: Filled) -> list[tuple[int, int, str, str]]:
    query = sa.select(readings.c.item_id, readings.c.number, readings.c.kind, readings.c.status)
    again = query.where(readings.c.number > 1).order_by(readings.c.item_id, readings.c.number)
    return [tuple(row) for row in filled.read(lambda connection: connection.execute(again).all())]


def test_a_split_decision_is_asked_again_once_and_a_renamed_one_stays(
    desk_filled: Filled, pool_of: Pool, tree: Taxonomy
) -> None:
    desk_filled.shown(RENAMED)
    split = desk_filled.shown(SPLIT)
    desk_filled.shown("bill")
    desk_filled.blind(SPLIT)
    found = desk_filled.read(migrate.look_at_decisions, tree)
    assert (found.renamed, found.split, found.drawn) == (1, (split,), 1)
    ask: Callable[[], int] = lambda: pool_of.write(lambda connection: migrate.ask_again(connection, tree))  # noqa: E731
    assert (ask(), ask()) == (1, 0)
    assert _asked(desk_filled) == [(split, 2, "shown", OPEN)]
    assert desk_filled.read(audit.verify) is None
    # Until somebody has decided anew, the ticket is in no list; then the new decision counts, and the first one still
    # judges the model.
    assert split not in {row.item for row in desk_filled.read(rows, Filter(), None, 0)}
    reading = desk_filled.read(lambda c: c.scalar(sa.select(readings.c.id).where(readings.c.number == 2)))
    desk_filled.decide(reading, "outage_often_fault", user=2)
    assert {row.item: row.cause for row in desk_filled.read(rows, Filter(), None, 0)}[split] == "outage_often_fault"
    assert [verdict.cause for verdict in desk_filled.read(queue_verdicts)] == [RENAMED, SPLIT, "bill"]
    assert ask() == 0


def test_the_desk_shows_a_ticket_of_a_former_tree_in_the_present_one(
    desk_filled: Filled, pool_of: Pool, tree: Taxonomy
) -> None:
    desk = Desk(pool_of, tree, timedelta(minutes=20))
    item = desk_filled.item(RENAMED, SPLIT, alternatives=[[SPLIT, 0.1], ["bill", 0.05]])
    desk_filled.reading(item, "shown")
    user = User(1, "陈一", Role.REVIEWER, False)
    given = desk.take(user)
    assert given is not None
    seen = screen(given, tree, ())
    assert (seen.suggested, seen.model.cause, seen.agent.cause) == ("voltage_wrong", "电压质量长时间异常", None)
    assert [choice.cause.id for choice in seen.choices] == [
        "voltage_wrong", "outage_often_fault", "outage_often_planned", "bill"
    ]  # fmt: skip
    saved = desk.decide(user, given.reading_id, Verdict("voltage_wrong", None, "", "", "n"))
    assert saved.action == "confirm"  # what the model said, under its present name

    desk_filled.reading(desk_filled.item(SPLIT), "shown")
    given = desk.take(user)
    assert given is not None
    seen = screen(given, tree, ())
    assert (seen.suggested, seen.model.cause) == ("", "原“频繁停电”")
    assert [choice.cause.id for choice in seen.choices] == ["outage_often_fault", "outage_often_planned"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    causes = (RENAMED, RENAMED, SPLIT, "bill")
    lines = [json.dumps({"id": f"{at}", "text": f"第{at}条", "cause": cause}) for at, cause in enumerate(causes)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _migrate(folder: Path, tree: Path, *arguments: str) -> Result:
    corpus, config = str(folder / "corpus"), str(folder / "nightly.yaml")
    return CliRunner().invoke(
        app, ["taxonomy", "migrate", "--taxonomy", str(tree), "--corpus", corpus, "--config", config, *arguments]
    )


def _words(shown: Result) -> str:
    """Return what was shown without the lines and the wrapping of the table."""
    return " ".join(shown.output.replace("│", " ").split())


def test_the_command_shows_and_then_does(
    database: str, desk_filled: Filled, corpus: Path, tree_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "HOME", tmp_path / "home")
    night_in(tmp_path, tree_model, database=database)
    split = desk_filled.shown(SPLIT)
    tree = changed_tree(tmp_path / "tree.yaml")
    before = (corpus / "rows.jsonl").read_bytes()

    shown = _migrate(tmp_path, tree)
    assert shown.exit_code == 0, shown.output
    for said in (
        "voltage_abnormal -> voltage_wrong: rewritten 2 labels",
        "frequent_outage -> outage_often_fault / outage_often_planned",
        "retrain:",
        "of tree 1: keep it",
        "decided anew with --reviews",
        "--apply does it",
    ):
        assert said in _words(shown)
    assert (corpus / "rows.jsonl").read_bytes() == before
    assert not (tmp_path / "home").exists()

    done = _migrate(tmp_path, tree, "--apply", "--reviews")
    assert done.exit_code == 0, done.output
    labels = [json.loads(line) for line in (corpus / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row.get("cause") for row in labels] == ["voltage_wrong", "voltage_wrong", None, "bill"]
    assert labels[2]["type"] == "power_quality"
    queued = [
        json.loads(line) for line in (tmp_path / "home" / "to-label.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [(row["id"], row["former_cause"], row["parts"]) for row in queued] == [
        ("2", SPLIT, ["outage_often_fault", "outage_often_planned"])
    ]
    assert _asked(desk_filled) == [(split, 2, "shown", OPEN)]
    (summary,) = json.loads((tmp_path / "home" / f"migration-{VERSION}.json").read_text(encoding="utf-8"))
    assert summary["labels"][0]["moved"] == [{"from": RENAMED, "to": "voltage_wrong", "rows": 2}]
    assert (summary["models"][0]["state"], summary["asked_again"]) == ("retrain", 1)
    assert "频繁停电" not in summary["models"][0]["reason"]
    assert "frequent_outage was split into" in summary["models"][0]["reason"]

    everything = {path: path.read_bytes() for path in [*corpus.iterdir(), *(tmp_path / "home").iterdir()]}
    again = _migrate(tmp_path, tree, "--apply", "--reviews")
    assert again.exit_code == 0, again.output
    assert "none of a former cause" in again.output
    assert {path: path.read_bytes() for path in [*corpus.iterdir(), *(tmp_path / "home").iterdir()]} == everything
    assert len(_asked(desk_filled)) == 1


def test_a_model_that_sums_stays_and_one_that_is_missing_is_told(
    corpus: Path, tree_model: Path, tmp_path: Path
) -> None:
    nightly = night_in(tmp_path, tree_model)
    tree = Taxonomy.load(changed_tree(tmp_path / "tree.yaml", split=False))
    found = migrate.plan(tree, [corpus], nightly)
    assert found.decisions is found.former_predictions is None  # there is no database yet
    (state,) = found.models
    assert (state.state, state.summed, state.blind_to) == ("sums", ((RENAMED, "voltage_wrong"),), ())
    shown = _migrate(tmp_path, tmp_path / "tree.yaml")
    assert "stays valid by summing: voltage_abnormal -> voltage_wrong" in _words(shown)
    assert "there is none yet" in shown.output
    gone = yaml.safe_load((tmp_path / "nightly.yaml").read_text(encoding="utf-8")) | {"model": str(tmp_path / "none")}
    (tmp_path / "nightly.yaml").write_text(yaml.safe_dump(gone), encoding="utf-8")
    assert "model_missing" in _migrate(tmp_path, tmp_path / "tree.yaml").output
