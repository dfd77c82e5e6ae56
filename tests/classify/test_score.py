import csv
import json
from pathlib import Path

import pytest

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.outputs import COLUMNS
from pipeline.classify.score import score_file
from pipeline.errors import FileError
from pipeline.settings import DEFAULT_MODEL

ROWS = [
    ("T1", "【频繁停电】客户来电反映，近两个月停电五次，要求处理。"),
    ("", "没有编号的一行停电"),
    ("T2", "客户反映电压低，空调带不动。"),
    ("T2", "编号重复的一行"),
    ("T3", "营业厅收费员态度恶劣，辱骂客户。"),
]


def _csv(path: Path, encoding: str) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([("工单编号", "受理内容"), *ROWS])
    return path


def _answers(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_one_row_per_accepted_row_in_input_order_and_the_rest_in_the_rejects(
    tmp_path: Path, settings: ScoreSettings
) -> None:
    target = tmp_path / "answers.csv"
    summary = score_file(_csv(tmp_path / "in.csv", "gb18030"), target, DEFAULT_MODEL, settings)
    answers = _answers(target)
    assert [row["ticket_id"] for row in answers] == ["T1", "T2", "T3"]
    assert tuple(answers[0]) == COLUMNS
    assert [row["type"] for row in answers] == ["power_quality", "power_quality", "service"]
    assert [(row["row"], row["code"]) for row in _answers(summary.rejects_file)] == [
        ("3", "missing_id"),
        ("5", "duplicate_id"),
    ]
    figures = summary.as_dict()
    assert (figures["read"], figures["scored"], figures["rejected"]) == (5, 3, 2)
    assert sum(figures["types"].values()) == sum(figures["answers"].values()) == 3


def test_chunks_do_not_change_answers(tmp_path: Path, settings: ScoreSettings) -> None:
    source = _csv(tmp_path / "in.csv", "utf-8")
    results = []
    for rows in (1, 2, 100):
        target = tmp_path / f"{rows}.csv"
        score_file(source, target, DEFAULT_MODEL, settings.model_copy(update={"chunk_rows": rows}))
        results.append((_answers(target), _answers(target.with_name(target.name + ".rejects.csv"))))
    assert results[0] == results[1] == results[2]


def test_progress_is_told_of_every_row(tmp_path: Path, settings: ScoreSettings) -> None:
    done: list[int] = []
    score_file(
        _csv(tmp_path / "in.csv", "utf-8"),
        tmp_path / "out.jsonl",
        DEFAULT_MODEL,
        settings.model_copy(update={"chunk_rows": 2}),
        advance=done.append,
    )
    assert done == [2, 2, 1]


def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path, settings: ScoreSettings) -> None:
    (tmp_path / "in.csv").write_bytes(b"")
    with pytest.raises(FileError, match="file_empty"):
        score_file(tmp_path / "in.csv", tmp_path / "out.csv", DEFAULT_MODEL, settings)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_the_same_rows_in_jsonl_and_in_gb18030_csv_get_the_same_predictions(
    tmp_path: Path, settings: ScoreSettings
) -> None:
    narratives = [
        json.loads(line)["text"]
        for path in sorted((DEFAULT_MODEL.parent.parent / "data" / "corpus").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()[::10]
    ]
    rows = [(f"id-{number}", text) for number, text in enumerate(narratives)]
    (tmp_path / "in.jsonl").write_text(
        "".join(json.dumps({"id": row_id, "text": text}, ensure_ascii=False) + "\n" for row_id, text in rows),
        encoding="utf-8",
    )
    with (tmp_path / "in.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *rows])
    for name in ("jsonl", "csv"):
        score_file(tmp_path / f"in.{name}", tmp_path / f"{name}.csv", DEFAULT_MODEL, settings)
    assert (tmp_path / "jsonl.csv").read_bytes() == (tmp_path / "csv.csv").read_bytes()
