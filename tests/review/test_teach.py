"""Decisions as labelled narratives: with their chain, and without what measures or tests."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.corpus import Labelled, load_labelled
from pipeline.corpus.split import own_split, splits_of
from pipeline.errors import FileError
from pipeline.review.teach import teach
from pipeline.store.review import BLIND, SHOWN
from pipeline.taxonomy import Taxonomy
from pipeline.text import read_narrative

from .filled import Filled

TEXTS = {
    "outage": "近两个月反复停电五次，抢修完没几天又停，要求彻底解决",
    "voltage": "晚上电压只有一百七十伏，空调启动不了，电扇转不动",
    "bill": "上月电费比平时多三倍，营业厅说不清楚怎么算出来的",
}


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    made = Filled(f"sqlite:///{tmp_path}/desk.db")
    yield made
    made.engine.dispose()


def a_row(text: str, cause: str, **values: object) -> Labelled:
    return Labelled("c1", read_narrative(text), "power_quality", cause, **values)  # type: ignore[arg-type]


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_decisions_become_rows_with_their_chain(filled: Filled, taxonomy: Taxonomy, tmp_path: Path) -> None:
    item = filled.item("bill", "voltage_abnormal", narrative=TEXTS["voltage"])
    reading = filled.reading(item, SHOWN)
    first = filled.decide(reading, "bill")
    second = filled.decide(reading, None)
    last = filled.decide(reading, "voltage_abnormal", second_cause="frequent_outage", rule="第三条")
    path = tmp_path / "out" / "reviews.jsonl"
    taught = filled.read(teach, [], taxonomy, path)
    (row,) = lines(path)
    assert (taught.rows, taught.corrections, taught.protected) == (1, 1, 0)
    assert row == {
        "id": f"review-{item}-{last}", "text": TEXTS["voltage"], "cause": "voltage_abnormal",
        "secondary": ["frequent_outage"], "style": "reviewed", "split": "train", "decision": last,
        "earlier_decisions": [first, second], "decided_at": row["decided_at"], "agent": "voltage_abnormal",
        "model": "linear-m", "model_cause": "bill", "rule": "第三条",
    }  # fmt: skip
    assert "陈一" not in path.read_text(encoding="utf-8")


def test_the_file_is_one_that_training_reads(filled: Filled, taxonomy: Taxonomy, tmp_path: Path) -> None:
    filled.shown("voltage_abnormal", narrative=TEXTS["voltage"])
    filled.shown("frequent_outage", narrative=TEXTS["outage"])
    filled.read(teach, [], taxonomy, tmp_path / "reviews.jsonl")
    (tmp_path / "more.jsonl").write_text(
        json.dumps({"id": "m", "text": TEXTS["bill"], "cause": "bill"}, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    rows = load_labelled(tmp_path, taxonomy)
    assert {row.cause for row in rows} == {"voltage_abnormal", "frequent_outage", "bill"}
    splits = dict(zip((row.cause for row in rows), splits_of(rows), strict=True))
    assert splits == {"voltage_abnormal": "train", "frequent_outage": "train", "bill": own_split(TEXTS["bill"])}


def test_blind_tickets_never_teach_and_neither_does_what_is_nearly_the_same(
    filled: Filled, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    filled.blind("voltage_abnormal", narrative=TEXTS["voltage"])
    filled.reading(filled.item(blind=True, narrative=TEXTS["outage"]), BLIND)  # nobody has read it yet
    filled.shown("voltage_abnormal", narrative=TEXTS["voltage"] + "。请核实")
    filled.shown("frequent_outage", narrative="客户：" + TEXTS["outage"])
    filled.shown("bill", narrative=TEXTS["bill"])
    taught = filled.read(teach, [], taxonomy, tmp_path / "reviews.jsonl")
    assert (taught.rows, taught.protected) == (1, 2)
    assert [row["cause"] for row in lines(tmp_path / "reviews.jsonl")] == ["bill"]


@pytest.mark.parametrize(("split", "kept"), [("test", 0), ("calibration", 0), ("train", 1)])
def test_what_the_corpus_tests_with_stays_out(
    filled: Filled, taxonomy: Taxonomy, tmp_path: Path, split: str, kept: int
) -> None:
    filled.shown("frequent_outage", narrative=TEXTS["outage"] + "，谢谢")
    corpus = [a_row(TEXTS["outage"], "frequent_outage", split=split)]
    assert filled.read(teach, corpus, taxonomy, tmp_path / "reviews.jsonl").rows == kept


def test_run_again_the_file_is_made_anew(filled: Filled, taxonomy: Taxonomy, tmp_path: Path) -> None:
    filled.shown("bill", narrative=TEXTS["bill"])
    path = tmp_path / "reviews.jsonl"
    for _ in range(2):
        filled.read(teach, [], taxonomy, path)
    assert len(lines(path)) == 1
    assert sorted(tmp_path.glob(".*")) == []


def test_a_place_that_cannot_be_written_to_is_an_error(filled: Filled, taxonomy: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FileError, match="无法写入"):
        filled.read(teach, [], taxonomy, tmp_path / "file" / "reviews.jsonl")
