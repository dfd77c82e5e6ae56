"""Every answer is compared with what one process says to the same rows."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.outputs import COLUMNS
from pipeline.classify.score import Summary, score_file
from pipeline.cli import app
from pipeline.errors import ConfigError, FileError
from pipeline.nightly import spark
from pipeline.nightly.spark import score
from pipeline.nightly.spark.session import find_java, open_session
from pipeline.settings import CORPUS, ROOT

_NARRATIVES = [
    json.loads(line)["text"]
    for path in sorted(CORPUS.glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()[::60]
]


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    """Spark on two local workers; what is scored while it runs is scored in it."""
    with open_session("local[2]") as opened:
        yield opened


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "_PIECE", 16)


def _table() -> pa.Table:
    """Tickets with everything that may be wrong with one, and ids that come again far from where they came first."""
    rows = [
        {
            "工单编号": f"T{number}",
            "受理内容": f"客户张建国（13812345678）来电：{text}",
            "户名": "张建国",
            "一级分类": ("服务投诉", "停送电投诉", "", None)[number % 4],
            "受理时间": datetime(2026, 11, 1 + number % 28, 8, 30),
            "办结时间": "2026-11-02 09:00",
        }
        for number, text in enumerate(_NARRATIVES)
    ]
    last = len(rows) - 1
    for number, changes in {
        3: {"工单编号": ""},
        5: {"受理内容": None},
        20: {"受理内容": "【频繁停电】"},
        21: {"工单编号": "2.02611E+15"},
        40: dict.fromkeys(rows[0]),
        50: {"办结时间": "昨天"},
        70: {"工单编号": "Ｔ２"},
        last: {"工单编号": "T2"},
        last - 1: {"工单编号": "T5"},  # the row that bore it first was itself rejected
    }.items():
        rows[number] |= changes
    return pa.Table.from_pylist(rows)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "in.parquet"
    pq.write_table(_table(), path, row_group_size=60)
    return path


def _figures(summary: Summary) -> dict[str, Any]:
    return {
        name: value for name, value in summary.as_dict().items() if name not in ("output", "rejects_file", "seconds")
    }


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_spark_answers_as_one_process_does_row_for_row(
    session: SparkSession, export: Path, tmp_path: Path, tree_model: Path, settings: ScoreSettings, ending: str
) -> None:
    alone = score_file(export, tmp_path / f"alone.{ending}", tree_model, settings)
    shared = spark.score_parquet(export, tmp_path / f"shared.{ending}", tree_model, settings)
    assert shared.output.read_bytes() == alone.output.read_bytes()
    assert shared.rejects_file.read_bytes() == alone.rejects_file.read_bytes()
    assert _figures(shared) == _figures(alone)
    assert shared.tally.rejects == {
        "missing_id": 1, "missing_text": 1, "topic_only": 1, "damaged_id": 1, "bad_date": 1, "duplicate_id": 2,
    }  # fmt: skip
    assert shared.tally.scored > 6 * score._PIECE
    assert not list(tmp_path.glob(".*"))


def test_files_of_a_folder_are_one_table_in_the_order_of_their_names(
    session: SparkSession, export: Path, tmp_path: Path, tree_model: Path, settings: ScoreSettings
) -> None:
    table, folder = _table(), tmp_path / "years"
    parts = {"2024.parquet": table[:50], "2025/01.parquet": table[50:52], "2025/02.parquet": table[52:]}
    for name, part in reversed(parts.items()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # Every year's export has an order of columns of its own.
        pq.write_table(part.select(sorted(part.column_names, reverse="01" in name)), folder / name)
    (folder / "_SUCCESS").touch()
    (folder / ".2026.parquet").write_bytes(b"half of a copy")
    alone = score_file(export, tmp_path / "alone.csv", tree_model, settings)
    shared = spark.score_parquet(folder, tmp_path / "shared.csv", tree_model, settings)
    assert shared.output.read_bytes() == alone.output.read_bytes()
    assert shared.rejects_file.read_bytes() == alone.rejects_file.read_bytes()


def test_the_command_says_the_same_with_either_engine(
    session: SparkSession, export: Path, tmp_path: Path, tree_model: Path
) -> None:
    said = []
    for engine in ("local", "spark"):
        arguments = ["score", export, "-o", tmp_path / "out.jsonl", "--model", tree_model, "--json", "--engine", engine]
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        said.append({**json.loads(result.stdout), "seconds": 0, "text": (tmp_path / "out.jsonl").read_bytes()})
    assert said[0] == said[1]


def test_a_table_without_rows_gives_an_empty_output(
    session: SparkSession, tmp_path: Path, tree_model: Path, settings: ScoreSettings
) -> None:
    pq.write_table(_table()[:0], tmp_path / "in.parquet")
    summary = spark.score_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", tree_model, settings)
    assert pq.read_table(summary.output).num_rows == summary.tally.scored == 0


def test_a_damaged_page_is_the_same_error_as_in_one_process_and_leaves_nothing(
    session: SparkSession, export: Path, tmp_path: Path, tree_model: Path, settings: ScoreSettings
) -> None:
    content = bytearray(export.read_bytes())
    content[len(content) // 4 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 4)
    export.write_bytes(content)
    errors = []
    for way in (score_file, spark.score_parquet):
        with pytest.raises(FileError) as caught:
            way(export, tmp_path / "out.csv", tree_model, settings)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_a_table_in_a_notebook_gets_the_same_answers_beside_its_row_numbers(
    session: SparkSession, export: Path, tmp_path: Path, tree_model: Path, settings: ScoreSettings
) -> None:
    alone = score_file(export, tmp_path / "alone.parquet", tree_model, settings)
    numbered = _table().append_column("nr", pa.array(range(1, len(_NARRATIVES) + 1)))
    pq.write_table(numbered, tmp_path / "numbered.parquet")
    frame = session.read.parquet(str(tmp_path / "numbered.parquet")).repartition(3)
    answers = spark.score_table(frame, tree_model, settings, row="nr").orderBy("row").collect()
    assert [row.asDict() for row in answers if row.code is None] == [
        {"row": row.row, **answer, "code": None, "message": None}
        for row, answer in zip(
            [row for row in answers if row.code is None], pq.read_table(alone.output).to_pylist(), strict=True
        )
    ]
    rejects = [f"{row.row},{row.code},{row.message}" for row in answers if row.code is not None]
    assert rejects == alone.rejects_file.read_text(encoding="utf-8-sig").splitlines()[1:]
    assert all(row[name] is None for row in answers if row.code is not None for name in COLUMNS)


def test_a_table_without_row_numbers_keeps_one_ticket_of_each_id(
    session: SparkSession, tree_model: Path, settings: ScoreSettings
) -> None:
    frame = session.createDataFrame([("a", "停电三次"), ("a", "电压太低"), ("b", "态度恶劣")], "id string, text string")
    answers = spark.score_table(frame, tree_model, settings).orderBy("row").collect()
    assert [(row.ticket_id, row.code) for row in answers] == [("a", None), (None, "duplicate_id"), ("b", None)]


def test_a_table_that_lacks_a_column_is_refused(
    session: SparkSession, tree_model: Path, settings: ScoreSettings
) -> None:
    with pytest.raises(FileError, match=r"no_header.*受理内容"):
        spark.score_table(session.createDataFrame([("a",)], "id string"), tree_model, settings)


def test_workers_load_the_model_from_what_was_sent_to_them(
    session: SparkSession, tmp_path: Path, tree_model: Path, settings: ScoreSettings
) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(tree_model, folder)
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    manifest["thresholds"]["type"]["threshold"] = 0.0  # another model than the one the workers know
    (folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
    frame = session.createDataFrame([("a", "停电三次"), ("b", "电压太低")], "id string, text string")
    answers = spark.score_table(frame, folder, settings)
    shutil.rmtree(folder)
    assert {row.answer for row in answers.collect()} <= {"type", "cause"}


@pytest.mark.parametrize(
    ("name", "code"), [("in.csv", "file_kind"), ("none.parquet", "file_missing"), ("folder", "folder_empty")]
)
def test_what_is_no_parquet_is_refused_before_spark_starts(
    tmp_path: Path, tree_model: Path, settings: ScoreSettings, name: str, code: str
) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,停电\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match=code):
        spark.score_parquet(tmp_path / name, tmp_path / "out.csv", tree_model, settings)


def test_java_home_comes_first_and_a_missing_java_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"java_missing.*make spark"):
        find_java()
    java.parent.mkdir()
    java.touch()
    assert find_java() == java
    monkeypatch.delenv("JAVA_HOME")
    assert find_java().name == "java"


def test_without_pyspark_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(ConfigError, match=r"spark_missing.*make spark"), open_session("local[2]"):
        pass


def test_a_java_that_does_not_run_is_one_line(tmp_path: Path, export: Path, tree_model: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.symlink_to("/bin/false")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "score", str(export), "-o", str(tmp_path / "out.csv"),
         "--model", str(tree_model), "--engine", "spark"],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, "JAVA_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == ConfigError.exit_status
    assert done.stderr.splitlines()[-1].startswith("spark_start: ")
    assert not (tmp_path / "out.csv").exists()
