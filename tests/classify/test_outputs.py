import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from pipeline.classify.answer import Answer
from pipeline.classify.outputs import COLUMNS, Output, result_row
from pipeline.errors import FileError
from pipeline.taxonomy import Taxonomy
from pipeline.tickets.rejects import reject

ANSWER = Answer(
    "power_quality", "frequent_outage", 0.91234, 0.7, "type", "review", ("cause_uncertain", "disagrees_with_agent"),
    (("voltage_abnormal", 0.2), ("repair_overdue", 0.05)),
)  # fmt: skip


def _read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        return [
            {
                **row,
                "type_probability": float(row["type_probability"]),
                "cause_probability": float(row["cause_probability"]),
            }
            for row in rows
        ]
    head, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".xlsx", ".CSV"])
def test_every_format_holds_the_columns_of_the_contract(tmp_path: Path, taxonomy: Taxonomy, ending: str) -> None:
    path = tmp_path / f"answers{ending}"
    rows = [
        result_row(ticket, ANSWER, taxonomy, "linear-abc") for ticket in ("2026110100000001", "=1+1", '带,逗号"引号"')
    ]
    with Output(path) as output:
        output.write(rows[:1], [reject(7, "missing_text")])
        output.write(rows[1:], [])
    read = _read(path.rename(path.with_suffix(ending.lower())))
    assert [tuple(row) for row in read] == [COLUMNS] * 3
    assert [row["ticket_id"] for row in read] == ["2026110100000001", "=1+1", '带,逗号"引号"']
    assert read[0] == {
        "ticket_id": "2026110100000001",
        "type": "power_quality",
        "type_name": "供电质量投诉",
        "cause": "frequent_outage",
        "cause_name": "频繁停电",
        "type_probability": 0.9123,
        "cause_probability": 0.7,
        "answer": "type",
        "route": "review",
        "reasons": "cause_uncertain;disagrees_with_agent",
        "alternatives": "voltage_abnormal:0.2000;repair_overdue:0.0500",
        "model": "linear-abc",
    }
    with output.rejects_path.open(encoding="utf-8-sig", newline="") as file:
        (refused,) = csv.DictReader(file)
    assert (refused["row"], refused["code"]) == ("7", "missing_text")
    assert refused["message"].startswith("该行没有受理内容")


def test_text_that_looks_like_a_formula_stays_text_in_a_spreadsheet(tmp_path: Path, taxonomy: Taxonomy) -> None:
    path = tmp_path / "answers.xlsx"
    with Output(path) as output:
        output.write([result_row('=HYPERLINK("http://x")', ANSWER, taxonomy, "m")], [])
    cell = openpyxl.load_workbook(path).active["A2"]
    assert (cell.value, cell.data_type) == ('=HYPERLINK("http://x")', "s")


def test_nothing_appears_until_all_is_there_and_nothing_is_left_after_an_error(
    tmp_path: Path, taxonomy: Taxonomy
) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("yesterday's answers", encoding="utf-8")

    def fail() -> None:
        with Output(path) as output:
            output.write([result_row("1", ANSWER, taxonomy, "m")], [reject(2, "missing_id")])
            assert path.read_text(encoding="utf-8") == "yesterday's answers"
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail()
    assert path.read_text(encoding="utf-8") == "yesterday's answers"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "code"), [("a.txt", "file_kind"), ("no/such/folder/a.csv", "folder_missing")])
def test_an_output_that_cannot_be_written_is_one_clear_error(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(FileError) as caught:
        Output(tmp_path / name)
    assert caught.value.code == code
