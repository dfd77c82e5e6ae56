"""Nights, rollback and who: what is in service, before and after, against real MLflow servers."""

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import EXIT_FALLBACK, ModelError
from pipeline.promotion import registry
from pipeline.promotion.log import ABANDONED, INTENDED, PROMOTED, ROLLED_BACK
from pipeline.store.schema import predictions

from ..conftest import everything
from .conftest import Desk, Models, World, digest, once

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of its own code


def _types(desk: Desk) -> dict[tuple[str, str], str]:
    rows = everything(f"sqlite:///{desk.folder}/night.db", predictions)
    return {(row.ticket_id, row.model_digest): row.type for row in rows}


def test_after_a_rollback_the_night_scores_with_the_old_one(desk: Desk, models: Models, world: World) -> None:
    signs = list(world.tickets)
    desk.drop("a.csv", {f"T{number}": sign for number, sign in enumerate(signs)})
    assert desk.night().exit_code == 0
    before = _types(desk)
    assert before["T0", digest(models.champion)] == "service"  # it is wrong about the first one
    time.sleep(1.1)  # a run notes its start in whole seconds: within the same one, nobody can tell which came first

    promoted = desk.gate("promote", models.better)
    assert promoted.exit_code == 0, promoted.output
    assert "1 of 20 tickets of the last 31 days would change their type" in promoted.stdout
    assert "服务投诉 → 停送电投诉: 1" in promoted.stdout
    assert "T0  abc" in promoted.stdout
    desk.name_model(desk.uri)
    assert desk.night().exit_code == 0
    assert _types(desk)["T0", digest(models.better)] == "outage"

    rolled = desk.gate("rollback", "--by", "王工", "--reason", "投诉太多")
    assert rolled.exit_code == 0, rolled.output
    desk.drop("b.csv", {"late": signs[0]})
    assert desk.night().exit_code == 0
    assert _types(desk)["late", digest(models.champion)] == "service"
    assert ("late", digest(models.better)) not in _types(desk)
    line = desk.lines[-1]
    assert (line["action"], line["who"], line["reason"]) == (ROLLED_BACK, "王工", "投诉太多")
    assert desk.gate("who", "--verify").exit_code == 0
    assert desk.gate("rollback").exit_code == 4  # nothing is before it

    told = desk.gate("who", "--ticket", "T0")
    assert told.exit_code == 0, told.output
    assert f"digest {digest(models.champion)}" in told.stdout
    assert "no model had been promoted then" in told.stdout
    assert f"{PROMOTED} by " in told.stdout
    assert "trained on 7 rows, corpus 5555" in told.stdout
    assert "evidence: runs:/" in told.stdout
    assert desk.gate("who", "--ticket", "none").exit_code == 4


@once
def test_the_night_goes_on_with_a_kept_model_when_the_registry_is_gone(
    desk: Desk, models: Models, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs = list(world.tickets)
    desk.drop("a.csv", {"T0": signs[0]})
    assert desk.night().exit_code == 0
    desk.name_model(desk.uri)
    unset = desk.night()
    assert unset.exit_code == 4
    assert "the registry has no such model or alias" in unset.stderr
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    desk.drop("b.csv", {"T1": signs[1]})
    gone = desk.night()
    assert gone.exit_code == 4
    assert "registry_failed" in gone.stderr
    fallen = desk.night("--fallback")
    assert fallen.exit_code == EXIT_FALLBACK, fallen.output
    assert ("T1", digest(models.champion)) in _types(desk)


@once
def test_evaluate_takes_a_model_of_the_registry(desk: Desk, models: Models, corpus: Path) -> None:
    assert desk.gate("promote", models.better).exit_code == 0
    result = desk.run("evaluate", "--data", corpus, "--model", desk.uri, "--json")
    assert json.loads(result.stdout)["type_accuracy"] == pytest.approx(0.9)


@once
def test_who_tells_the_model_of_a_day(desk: Desk, models: Models) -> None:
    assert "nothing was promoted yet" in desk.gate("who").stdout
    assert desk.gate("promote", models.better, "--by", "王工").exit_code == 0
    today = datetime.now().date()
    assert f"{PROMOTED} by 王工" in desk.gate("who", "--on", today).stdout
    earlier = desk.gate("who", "--on", today - timedelta(days=2)).stdout
    assert f"digest {digest(models.champion)}" in earlier
    assert "it was in service when the log began" in earlier
    now = desk.gate("who").stdout
    assert f"digest {digest(models.better)}" in now
    assert f"uses the folder {models.champion} instead" in now
    desk.name_model(desk.uri)
    assert "instead" not in desk.gate("who").stdout


def test_an_edited_removed_or_moved_line_is_named(desk: Desk, models: Models) -> None:
    for model in (models.lucky, models.rare, models.better):
        desk.gate("promote", model)
    whole = desk.log.read_text(encoding="utf-8")
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 4
    assert desk.gate("who", "--verify").exit_code == 0
    for changed, said in {
        whole.replace('"action": "promoted"', '"action": "forced"'): "line 4: it was altered",
        whole.replace("30 won", "90 won", 1): "line 1: it was altered",
        "".join([lines[0], *lines[2:]]): "line 2: entry 2 was removed",
        "".join([lines[0], lines[2], lines[1], lines[3]]): "line 2: the order was changed",
        "".join(lines[:3]): "line 4: it was removed",
    }.items():
        desk.log.write_text(changed, encoding="utf-8")
        result = desk.gate("who", "--verify")
        assert result.exit_code == 1
        assert said in result.stdout
        assert desk.gate("rollback").exit_code == 4
    desk.log.write_text(whole, encoding="utf-8")
    assert desk.gate("who", "--verify").exit_code == 0
    registry.Registry(desk.name, "champion").point("1")
    moved = desk.gate("who", "--verify")
    assert moved.exit_code == 1
    assert "points at version 1, the log says: version 2 since line 4; somebody moved it by hand" in moved.stdout


@once
@pytest.mark.parametrize(("moved", "ended"), [(False, ABANDONED), (True, PROMOTED)])
def test_a_promotion_that_was_stopped_is_named_and_settled(
    desk: Desk, models: Models, monkeypatch: pytest.MonkeyPatch, *, moved: bool, ended: str
) -> None:
    point = registry.Registry.point

    def stop(self: registry.Registry, number: str) -> None:
        if moved:
            point(self, number)
        raise ModelError("killed", "as a lost machine would")

    with monkeypatch.context() as patch:
        patch.setattr(registry.Registry, "point", stop)
        assert desk.gate("promote", models.better).exit_code == 4
    found = desk.gate("who", "--verify")
    assert found.exit_code == 1
    assert (
        "line 1: version 2 was to be promoted and the command was stopped; the alias champion points at" in found.stdout
    )
    assert desk.gate("promote", models.lucky).exit_code == 12
    assert [line["action"] for line in desk.lines[:2]] == [INTENDED, ended]
    assert desk.gate("who", "--verify").exit_code == 0


@once
def test_two_rollbacks_go_two_back(desk: Desk, models: Models) -> None:
    reason = ("--force", "to have three in a row")
    for model in (models.lucky, models.better):
        assert desk.gate("promote", model, *reason).exit_code == 0
    for model in (models.lucky, models.champion):
        assert desk.gate("rollback").exit_code == 0
        now = desk.champion()
        assert now is not None
        assert now.digest == digest(model)
