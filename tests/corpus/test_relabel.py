"""Labelled files follow the tree, and nothing is guessed."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.corpus import load_labelled, relabel
from pipeline.corpus.relabel import write
from pipeline.errors import FileError
from pipeline.settings import CORPUS
from pipeline.taxonomy import Taxonomy

TREE = """\
version: "2"
types:
- id: power
  zh: 电
  causes:
  - {id: supply, zh: 供电差}
  - {id: planned, zh: 计划停电}
  - {id: fault, zh: 故障停电}
- id: people
  zh: 人
  causes:
  - {id: manner, zh: 态度差}
  - {id: slow, zh: 办事慢}
retired:
- {id: weak, zh: 电压低, type: power, valid_to: 2027-01-01}
- {id: high, zh: 电压高, type: power, valid_to: 2027-01-01}
- {id: rude, zh: 骂人, type: people, valid_to: 2027-01-01}
- {id: dark, zh: 没电, type: power, valid_to: 2027-01-01}
- {id: wide, zh: 宽, type: power, valid_to: 2027-01-01}
- {id: gone, zh: 弃, type: people, valid_to: 2027-01-01}
changes:
- {on: 2027-01-01, merge: {from: [weak, high], to: supply}}
- {on: 2027-01-01, rename: {from: rude, to: manner}}
- {on: 2027-01-01, split: {from: dark, to: [planned, fault]}}
- {on: 2027-01-01, split: {from: wide, to: [planned, slow]}}
"""

LINES = [
    '{"id": "1", "text": "灯暗", "cause": "weak", "secondary": ["rude", "dark", "slow"], "style": "agent"}',
    '{"id":"2","cause":"电压高","text":"灯 \\"cause\\": \\"weak\\" 亮","nested":{"cause":"weak"}}',
    '{"id": "3", "text": "慢",  "cause": "slow"}',
    '{"id": "4", "text": "停电", "cause": "dark", "type": "电", "style": "raw"}',
    '{"id": "5", "text": "又停电", "style": "raw", "cause": "没电"}',
    '{"id": "6", "cause": "wide", "text": "说不清"}',
    '{"id": "7", "cause": "gone", "text": "弃用"}',
    '{"id": "8", "type": "people", "text": "只知类型"}',
    '{"id": "9", "type": "power", "cause": "rude", "text": "类型与原因不一"}',
]
AFTER = [
    '{"id": "1", "text": "灯暗", "cause": "supply", "secondary": ["manner", "slow"], "style": "agent"}',
    '{"id":"2","cause":"supply","text":"灯 \\"cause\\": \\"weak\\" 亮","nested":{"cause":"weak"}}',
    LINES[2],
    '{"id": "4", "text": "停电", "type": "电", "style": "raw"}',
    '{"id": "5", "text": "又停电", "style": "raw", "type": "power"}',
    LINES[7],
    '{"id": "9", "type": "people", "cause": "manner", "text": "类型与原因不一"}',
]


@pytest.fixture
def tree(tmp_path: Path) -> Taxonomy:
    (tmp_path / "tree.yaml").write_text(TREE, encoding="utf-8")
    return Taxonomy.load(tmp_path / "tree.yaml")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(("\n".join(LINES[:-1]) + "\r\n" + LINES[-1]).encode())
    (folder / "same.jsonl").write_text(LINES[2] + "\n", encoding="utf-8")
    return folder


def _queue(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_renamed_and_merged_labels_are_rewritten_and_split_ones_go_to_a_person(
    corpus: Path, tree: Taxonomy, tmp_path: Path
) -> None:
    before = (corpus / "a.jsonl").read_bytes()
    said: list[str] = []
    found = relabel.relabel([corpus], tree)
    assert dict(found[0].moved) == {("weak", "supply"): 1, ("high", "supply"): 1, ("rude", "manner"): 1}
    assert [(it.id, it.former, it.parts, it.type) for it in found[0].queued] == [
        ("4", "dark", ("planned", "fault"), "power"), ("5", "dark", ("planned", "fault"), "power"),
        ("6", "wide", ("planned", "slow"), None), ("7", "gone", (), None),
    ]  # fmt: skip
    assert (corpus / "a.jsonl").read_bytes() == before  # nothing was written yet
    write(found, tmp_path / "queue.jsonl", said.append)
    assert (corpus / "a.jsonl").read_bytes() == ("\n".join(AFTER[:-1]) + "\r\n" + AFTER[-1]).encode()
    assert (corpus / "a.jsonl.bak").read_bytes() == before
    assert {path.name for path in corpus.iterdir()} == {"a.jsonl", "a.jsonl.bak", "same.jsonl"}
    assert len(said) == 2
    assert [(row["id"], row["former_name"], row["file"]) for row in _queue(tmp_path / "queue.jsonl")] == [
        ("4", "没电", "a.jsonl"), ("5", "没电", "a.jsonl"), ("6", "宽", "a.jsonl"), ("7", "弃", "a.jsonl"),
    ]  # fmt: skip
    labels = {row.id: (row.type, row.cause) for row in load_labelled(corpus / "a.jsonl", tree)}
    assert labels["4"] == labels["5"] == ("power", None)  # a type still teaches
    assert labels["1"] == ("power", "supply")
    assert "6" not in labels


def test_done_again_there_is_nothing_to_do(corpus: Path, tree: Taxonomy, tmp_path: Path) -> None:
    write(relabel.relabel([corpus], tree), tmp_path / "queue.jsonl")
    state = {path: path.read_bytes() for path in [*corpus.iterdir(), tmp_path / "queue.jsonl"]}
    again = relabel.relabel([corpus], tree)
    assert not any(file.changed for file in again)
    write(again, tmp_path / "queue.jsonl", pytest.fail)
    assert {path: path.read_bytes() for path in [*corpus.iterdir(), tmp_path / "queue.jsonl"]} == state


def test_killed_at_any_point_files_are_whole_and_the_next_call_does_the_rest(
    corpus: Path, tree: Taxonomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus / "b.jsonl").write_text('{"id": "b", "text": "暗", "cause": "weak"}\n', encoding="utf-8")
    old = {path.name: path.read_bytes() for path in corpus.iterdir()}
    queue = tmp_path / "queue.jsonl"
    replace = Path.replace
    for survived in range(6):  # queue, backup, file, backup, file: all in one call is the sixth
        for name, data in old.items():
            (corpus / name).write_bytes(data)
        left = iter(range(survived))

        def killed(path: Path, target: Path, left=left) -> Path:  # noqa: ANN001
            if next(left, None) is None:
                raise KeyboardInterrupt
            return replace(path, target)

        queue.unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            if survived < 5:
                with pytest.raises(KeyboardInterrupt):
                    write(relabel.relabel([corpus], tree), queue)
            else:
                write(relabel.relabel([corpus], tree), queue)
        for name, new in (
            ("a.jsonl", "\n".join(AFTER[:-1]) + "\r\n" + AFTER[-1]),
            ("b.jsonl", '{"id": "b", "text": "暗", "cause": "supply"}\n'),
        ):
            assert (corpus / name).read_bytes() in (old[name], new.encode())
        load_labelled(corpus / "same.jsonl", tree)
        write(relabel.relabel([corpus], tree), queue)
        assert (corpus / "a.jsonl").read_bytes() == ("\n".join(AFTER[:-1]) + "\r\n" + AFTER[-1]).encode()
        assert [row["id"] for row in _queue(queue)] == ["4", "5", "6", "7"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_keeps_its_encoding_its_quotes_and_its_other_rows(tree: Taxonomy, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "rows.csv"
    before = (
        'id,text,cause,type,remark\r\n1,"灯暗,""很""暗",weak,power,"a"\r\n2,慢,办事慢,,\r\n3,"停\n电",dark,,x\r\n'
        '4,停电,"没电",电,x\r\n5,,说,,\r\n6,乱,wide,power,\r\n'
    )
    path.write_bytes(before.encode(encoding))
    write(relabel.relabel([path], tree), tmp_path / "queue.jsonl")
    assert path.read_bytes().decode(encoding) == (
        'id,text,cause,type,remark\r\n1,"灯暗,""很""暗",supply,power,"a"\r\n2,慢,办事慢,,\r\n3,"停\n电",,power,x\r\n'
        "4,停电,,电,x\r\n5,,说,,\r\n"
    )
    assert [row["text"] for row in _queue(tmp_path / "queue.jsonl")] == ["停\n电", "停电", "乱"]


def test_a_csv_without_a_column_for_the_type_loses_the_row(tree: Taxonomy, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id;text;cause\n1;停电;dark\n2;慢;slow\n", encoding="utf-8")
    write(relabel.relabel([path], tree), tmp_path / "queue.jsonl")
    assert path.read_text(encoding="utf-8") == "id;text;cause\n2;慢;slow\n"


@pytest.mark.parametrize(
    "content", ["{", "[]\n", '{"id": 1}\n', '{"id": "1", "cause": 3', "", '{"Cause": "weak", "id": "1", "text": "x"}']
)
def test_what_cannot_be_read_is_left_as_it_is(tree: Taxonomy, tmp_path: Path, content: str) -> None:
    for name in ("rows.jsonl", "rows.csv"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        (found,) = relabel.relabel([tmp_path / name], tree)
        assert (found.content, found.changed) == (content, False)


def test_bytes_of_no_encoding_are_left_and_a_missing_file_is_told(tree: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"cause": "weak", "text": "\xff\xff"}')
    (found,) = relabel.relabel([tmp_path / "rows.jsonl"], tree)
    assert not found.changed
    with pytest.raises(FileError, match="file_unreadable"):
        relabel.relabel([tmp_path / "none.jsonl"], tree)


def test_the_shipped_corpus_read_and_written_is_itself(taxonomy: Taxonomy) -> None:
    for file in relabel.relabel([CORPUS], taxonomy):
        assert file.content.encode() == file.path.read_bytes()
        assert not file.changed
