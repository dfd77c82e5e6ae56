"""What tickets, answers and labels look like in a notebook."""

import json
from pathlib import Path

import pandas as pd
import pytest

import pipeline
from pipeline.corpus.split import splits_of
from pipeline.errors import CorpusError, FileError, ModelError, StoreError

from ..conftest import ROWS, drop


def test_an_export_becomes_a_masked_frame_and_says_what_it_left_out(tmp_path: Path) -> None:
    tickets = pipeline.read_tickets(drop(tmp_path, "export.csv", ROWS))
    assert tickets.columns.tolist()[:4] == ["ticket_id", "accepted_at", "topic", "narrative"]
    assert tickets["ticket_id"].tolist() == ["N1", "N2", "N4"]
    assert tickets["topic"].tolist() == ["频繁停电", "", ""]
    assert tickets["accepted_at"].dt.hour.tolist()[:2] == [8, 8]
    assert pd.isna(tickets["accepted_at"][2])
    assert [(row, code) for row, code, _ in tickets.attrs["rejects"]] == [(4, "missing_text")]
    assert "13800138000" not in tickets.to_csv()


def test_a_missing_export_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        pipeline.read_tickets(tmp_path / "none.csv")


def test_answers_of_a_night_tell_unit_hour_and_who_says_what_is_right(nightly: Path) -> None:
    with pytest.raises(StoreError, match="gongdan nightly"):
        pipeline.stored_answers(nightly)
    answers = pipeline.stored_answers(nightly, make_night=True).set_index("ticket_id")
    assert sorted(answers.index) == ["N1", "N2", "N3", "N4"]
    assert answers.loc["N2", "unit"] == "西所"
    assert answers["hour"].dropna().astype(int).to_dict() == {"N1": 8, "N2": 9, "N4": 23}
    assert pd.isna(answers.loc["N3", "hour"])
    assert answers.loc["N1", "agent_type"] == "power_quality"
    assert answers.loc["N1", "right"] == (answers.loc["N1", "type"] == "power_quality")
    assert answers.loc["N1", "judged_by"] == "agent"
    assert answers.loc["N3", "right"] is None
    assert answers["type_probability"].between(0, 1).all()
    assert "13800138000" not in answers.to_csv()
    assert len(pipeline.stored_answers(nightly)) == 4


def test_before_the_first_decision_there_are_no_corrections(nightly: Path, tmp_path: Path, small_corpus: Path) -> None:
    rows = pipeline.load_corpus()[:50]
    assert pipeline.corrections(nightly, tmp_path / "reviews.jsonl", rows, make_night=True) == []
    assert (tmp_path / "reviews.jsonl").read_text(encoding="utf-8") == ""
    # An empty file beside a corpus is no fault; a file alone without a row is.
    assert len(pipeline.load_corpus("data/hard.jsonl", tmp_path / "reviews.jsonl")) > 0
    with pytest.raises((CorpusError, FileError)):
        pipeline.load_corpus(tmp_path / "reviews.jsonl")


def test_a_held_out_file_says_what_each_row_is_for(small_corpus: Path, small_tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "held" / "rows.jsonl"
    parts = pipeline.hold_out(small_corpus, output=path, taxonomy=small_tree)
    rows = pipeline.load_corpus(small_corpus, taxonomy=small_tree)
    assert {row.id: name for name, part in parts.items() for row in part} == {
        row.id: split for row, split in zip(rows, splits_of(rows), strict=True)
    }
    again = pipeline.load_corpus(path, taxonomy=small_tree)
    assert [(row.id, row.text, row.cause) for row in again] == [(row.id, row.text, row.cause) for row in rows]
    assert {row.split for row in parts["test"]} == {None}  # as they were read
    assert {row.id for row in again if row.split == "test"} == {row.id for row in parts["test"]}
    kept = pipeline.hold_out(path, output=tmp_path / "again.jsonl", taxonomy=small_tree)
    assert {name: len(part) for name, part in kept.items()} == {name: len(part) for name, part in parts.items()}


def test_a_sample_takes_every_cause_alike(small_corpus: Path, small_tree: Path, tmp_path: Path) -> None:
    parts = pipeline.hold_out(small_corpus, output=tmp_path / "few.jsonl", rows=20, taxonomy=small_tree)
    causes = [row.cause for part in parts.values() for row in part]
    assert {cause: causes.count(cause) for cause in set(causes)} == {"dark": 5, "weak": 5, "rude": 5, "slow": 5}


def test_labelled_tickets_can_be_trained_on(small_tree: Path, tmp_path: Path) -> None:
    tickets = pd.DataFrame({"ticket_id": ["1", "2"], "narrative": ["村里没电", "灯暗，电话<电话>"]})
    path = pipeline.label_tickets(tickets, "dark", tmp_path / "labels.jsonl")
    rows = pipeline.load_corpus(path, taxonomy=small_tree)
    assert [(row.id, row.text, row.cause, row.split) for row in rows] == [
        ("1", "村里没电", "dark", "train"),
        ("2", "灯暗，电话<电话>", "dark", "train"),
    ]
    with pytest.raises(FileError):
        pipeline.label_tickets(tickets, "dark", tmp_path / "labels.jsonl" / "below-a-file.jsonl")


def test_an_unknown_label_is_named(small_tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"id": "1", "text": "没电", "cause": "none_such"}) + "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"rows\.jsonl:1"):
        pipeline.load_corpus(path, taxonomy=small_tree)


def test_a_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        pipeline.load_model(tmp_path / "none")
