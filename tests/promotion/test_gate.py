"""The gate against real MLflow servers, one over SQLite and one over PostgreSQL."""

import json
from pathlib import Path

import mlflow
import pytest

from pipeline.commands.service import model_folder
from pipeline.errors import EXIT_REFUSED
from pipeline.promotion import registry
from pipeline.promotion.log import FORCED, INTENDED, PROMOTED, REFUSED
from pipeline.store.chain import START

from .conftest import RARE, Desk, Models, digest, once

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of its own code


def _failed(desk: Desk, *arguments: object) -> tuple[int, set[str], dict[str, object]]:
    result = desk.gate("promote", *arguments, "--json")
    verdict = json.loads(result.stdout)
    return result.exit_code, {it["name"] for it in verdict["findings"] if not it["passed"]}, verdict


def test_better_on_average_and_worse_on_a_rare_type_is_refused_with_that_type_named(desk: Desk, models: Models) -> None:
    status, failed, verdict = _failed(desk, models.rare)
    assert (status, failed) == (EXIT_REFUSED, {"floor of each type"})
    (paired,) = (it for it in verdict["findings"] if it["name"] == "paired test")
    assert paired["passed"]
    assert "电网建设投诉 grid_construction from 80.0% to 60.0% of 40 rows" in verdict["sentence"]
    assert desk.champion() is None
    (line,) = desk.lines
    assert (line["action"], line["failed"], line["before"]) == (REFUSED, ["floor of each type"], START)


def test_one_that_only_got_lucky_is_refused_by_the_paired_test(desk: Desk, models: Models) -> None:
    result = desk.gate("promote", models.lucky)
    assert result.exit_code == EXIT_REFUSED, result.output
    assert "refused: paired test: no more than luck explains" in result.stdout
    assert "81.0 % right against 80.0 % of 500 rows, 30 won and 25 lost" in result.stdout
    assert [line["failed"] for line in desk.lines] == [["paired test"]]


def test_a_better_one_passes_the_alias_moves_and_the_evidence_is_with_the_version(desk: Desk, models: Models) -> None:
    result = desk.gate("promote", models.better, "--by", "王工")
    assert result.exit_code == 0, result.output
    now = desk.champion()
    assert now is not None
    assert (now.digest, now.number) == (digest(models.better), "2")  # 1 is the folder it replaced
    intended, promoted = desk.lines
    assert (intended["action"], intended["intends"], promoted["action"]) == (INTENDED, PROMOTED, PROMOTED)
    assert promoted["who"] == "王工"
    assert promoted["subject"] | {"corpus_rows": 7, "corpus_sha256": "5" * 64} == promoted["subject"]
    assert promoted["previous"]["digest"] == digest(models.champion)
    assert promoted["previous"]["origin"] == str(desk.folder / "nightly.yaml")
    tags = mlflow.MlflowClient().get_model_version(desk.name, now.number).tags
    assert tags["gongdan.verdict"] == PROMOTED
    assert tags["gongdan.evidence"] == promoted["evidence_uri"]
    text = mlflow.artifacts.load_text(tags["gongdan.evidence"])
    verdict = json.loads(text)
    assert verdict["passed"]
    assert len(verdict["findings"]) == 8
    assert "| paired test | passed |" in mlflow.artifacts.load_text(tags["gongdan.evidence"].replace(".json", ".md"))


def test_a_run_is_named_by_its_beginning_and_what_is_in_service_is_refused(desk: Desk, models: Models) -> None:
    assert desk.gate("promote", models.better).exit_code == 0
    run = desk.lines[-1]["subject"]["run_id"]
    logged = mlflow.MlflowClient().get_run(run).outputs.model_outputs[-1].model_id
    for told in (run[:12], f"models:/{desk.name}/2", f"models:/{logged}"):
        again = desk.gate("promote", told)
        assert again.exit_code == EXIT_REFUSED, again.output
        assert "is in service already" in again.stdout
    forced = desk.gate("promote", desk.uri, "--force", "there is no reason for this")
    assert forced.exit_code == EXIT_REFUSED
    assert desk.gate("promote", "zzz").exit_code == 4


@once
def test_force_needs_a_written_reason_and_is_recorded_with_what_was_not_passed(desk: Desk, models: Models) -> None:
    assert desk.gate("promote", models.rare, "--force", "because").exit_code == 2
    assert not desk.log.exists()
    result = desk.gate("promote", models.rare, "--force", "the grid desk asked for it", "--by", "李总")
    assert result.exit_code == 0, result.output
    assert "forced although not passed: floor of each type" in result.stdout
    line = desk.lines[-1]
    assert (line["action"], line["reason"], line["who"]) == (FORCED, "the grid desk asked for it", "李总")
    assert line["failed"] == ["floor of each type"]
    assert RARE in line["sentence"]
    now = desk.champion()
    assert now is not None
    assert now.digest == digest(models.rare)


@once
def test_a_dry_run_judges_and_leaves_nothing(desk: Desk, models: Models) -> None:
    result = desk.gate("promote", models.better, "--dry-run")
    assert result.exit_code == 0, result.output
    assert desk.gate("promote", models.rare, "--dry-run").exit_code == EXIT_REFUSED
    assert not desk.log.exists()
    assert desk.champion() is None


@once
def test_what_the_registry_holds_is_compared_with_its_digest(
    desk: Desk, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.gate("promote", models.better).exit_code == 0
    folder = model_folder(Path(desk.uri))
    assert digest(folder) == digest(models.better)
    number = desk.lines[-1]["subject"]["version"]
    registry.Registry(desk.name, "champion").tag(number, {registry.DIGEST: "0" * 64})
    monkeypatch.setattr(registry, "FETCHED", tmp_path / "none")
    result = desk.run("score", tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--model", desk.uri)
    assert result.exit_code == 4
    assert "is not what was registered" in result.stderr
