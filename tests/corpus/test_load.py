"""Labelled narratives: what they may look like, and how their faults are told."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from pipeline.corpus.load import Labelled, load_labelled
from pipeline.errors import CorpusError, FileError
from pipeline.settings import ROOT
from pipeline.taxonomy import Taxonomy
from pipeline.tickets import Columns

TEXT = "客户反映停电三次要求处理"


def jsonl(path: Path, *rows: dict[str, object] | str) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def table(path: Path, *rows: Sequence[str], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(scope="module")
def small(small_tree: Path) -> Taxonomy:
    return Taxonomy.load(small_tree)


def test_a_row_becomes_a_narrative_with_its_type_and_cause(tmp_path: Path, small: Taxonomy) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"id": "r1", "text": TEXT, "cause": "dark", "secondary": [], "style": "agent"})
    (row,) = load_labelled(path, small)
    assert (row.id, row.text, row.type, row.cause, row.style) == ("r1", TEXT, "power", "dark", "agent")


@pytest.mark.parametrize("name", ["dark", "没电", " 没电 ", "DARK", "没 电"])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_cause_is_an_id_or_its_chinese_name(tmp_path: Path, small: Taxonomy, name: str, form: str) -> None:
    if form == "jsonl":
        path = jsonl(tmp_path / "a.jsonl", {"id": "1", "text": TEXT, "cause": name})
    else:
        path = table(tmp_path / "a.csv", ("id", "text", "cause"), ("1", TEXT, name))
    (row,) = load_labelled(path, small)
    assert (row.type, row.cause) == ("power", "dark")


def test_a_cause_may_be_an_alias(tmp_path: Path, taxonomy: Taxonomy) -> None:
    aliases = {alias: cause for cause in taxonomy.causes for alias in cause.aliases}
    assert aliases
    rows = [{"id": str(number), "text": TEXT, "cause": alias} for number, alias in enumerate(aliases)]
    found = load_labelled(jsonl(tmp_path / "a.jsonl", *rows), taxonomy)
    assert [row.cause for row in found] == [cause.id for cause in aliases.values()]


@pytest.mark.parametrize("spelling", ["id", "name"])
def test_every_cause_and_every_type_of_the_shipped_tree_can_be_a_label(
    tmp_path: Path, taxonomy: Taxonomy, spelling: str
) -> None:
    causes = [
        {"id": f"c{at}", "text": TEXT, "cause": getattr(cause, spelling)} for at, cause in enumerate(taxonomy.causes)
    ]
    types = [{"id": f"t{at}", "text": TEXT, "type": getattr(kind, spelling)} for at, kind in enumerate(taxonomy.types)]
    found = load_labelled(jsonl(tmp_path / "a.jsonl", *causes, *types), taxonomy)
    assert [(row.type, row.cause) for row in found] == [
        *((cause.type_id, cause.id) for cause in taxonomy.causes),
        *((kind.id, None) for kind in taxonomy.types),
    ]


@pytest.mark.parametrize("name", ["power", "电"])
@pytest.mark.parametrize("cause", [None, "", "  "])
def test_a_row_may_have_only_a_type(tmp_path: Path, small: Taxonomy, name: str, cause: str | None) -> None:
    (row,) = load_labelled(jsonl(tmp_path / "a.jsonl", {"id": "1", "text": TEXT, "type": name, "cause": cause}), small)
    assert (row.type, row.cause) == ("power", None)


@pytest.mark.parametrize("name", ["供电质量", "供电质量投诉"])
def test_a_type_may_be_named_without_its_ending(tmp_path: Path, taxonomy: Taxonomy, name: str) -> None:
    (row,) = load_labelled(jsonl(tmp_path / "a.jsonl", {"id": "1", "text": TEXT, "type": name}), taxonomy)
    assert taxonomy.type(row.type).name == "供电质量投诉"


def test_the_cause_decides_the_type_whatever_the_row_says(tmp_path: Path, small: Taxonomy) -> None:
    (row,) = load_labelled(
        jsonl(tmp_path / "a.jsonl", {"id": "1", "text": TEXT, "cause": "rude", "type": "power"}), small
    )
    assert (row.type, row.cause) == ("people", "rude")


def test_the_agents_own_classification_is_no_label(tmp_path: Path, small: Taxonomy) -> None:
    path = table(tmp_path / "a.csv", ("工单编号", "受理内容", "一级分类", "三级分类"), ("1", TEXT, "电", "没电"))
    with pytest.raises(CorpusError, match="bad_label"):
        load_labelled(path, small)


def test_a_narrative_is_normalised_masked_and_without_its_topic(tmp_path: Path, small: Taxonomy) -> None:
    row = {
        "id": "1",
        "text": "【没电】客户李四，电话１３８００１３８０００，反映停　电",
        "户名": "李四",
        "cause": "dark",
    }
    (found,) = load_labelled(jsonl(tmp_path / "a.jsonl", row), small)
    assert found.narrative.topic == "没电"
    assert "李四" not in found.text
    assert "138" not in found.text
    assert found.text.endswith("反映停电")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_table_may_be_in_any_encoding_with_chinese_headers(tmp_path: Path, small: Taxonomy, encoding: str) -> None:
    path = table(tmp_path / "a.csv", ("受理内容", "cause", "工单编号"), (TEXT, "没电", "1"), encoding=encoding)
    (row,) = load_labelled(path, small)
    assert (row.id, row.cause) == ("1", "dark")


def test_any_format_of_export_may_be_labelled(tmp_path: Path, small: Taxonomy) -> None:
    book = openpyxl.Workbook()
    for cells in [("工单编号", "受理内容", "cause"), (1001, TEXT, "没电")]:
        book.worksheets[0].append(cells)
    book.save(tmp_path / "a.xlsx")
    (row,) = load_labelled(tmp_path / "a.xlsx", small)
    assert (row.id, row.cause) == ("1001", "dark")


def test_columns_that_were_used_before_can_be_given(tmp_path: Path, small: Taxonomy) -> None:
    columns = Columns.load()
    columns.match(["工单编号", "受理内容"])
    (row,) = load_labelled(jsonl(tmp_path / "a.jsonl", {"id": "1", "text": TEXT, "cause": "dark"}), small, columns)
    assert row.cause == "dark"


@pytest.mark.parametrize(
    "labels",
    [{"cause": "darkness"}, {"cause": "电"}, {"type": "dark"}, {"type": "水"}, {"cause": "水", "type": "电"}, {}],
)
def test_an_unknown_or_missing_label_is_told_with_file_and_row(
    tmp_path: Path, small: Taxonomy, labels: dict[str, str]
) -> None:
    good = {"id": "1", "text": TEXT, "cause": "dark"}
    path = jsonl(tmp_path / "a.jsonl", good, {"id": "2", "text": TEXT, **labels}, good | {"id": "3"})
    with pytest.raises(CorpusError) as caught:
        load_labelled(path, small)
    assert caught.value.code == "corpus_invalid"
    (fault,) = caught.value.message.splitlines()
    assert fault.startswith(f"{path}:2: bad_label: ")


def test_rows_that_cannot_be_read_are_told_with_file_row_and_code(tmp_path: Path, small: Taxonomy) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        {"id": "1", "text": TEXT, "cause": "dark"},
        {"id": "", "text": TEXT, "cause": "dark"},
        {"id": "3", "text": "", "cause": "dark"},
        "{",
        {"id": "1", "text": TEXT, "cause": "dark"},
        {"id": "6", "text": "【没电】", "cause": "dark"},
    )
    with pytest.raises(CorpusError) as caught:
        load_labelled(path, small)
    heads = [fault.split(": ")[:2] for fault in caught.value.message.splitlines()]
    assert heads == [
        [f"{path}:2", "missing_id"],
        [f"{path}:3", "missing_text"],
        [f"{path}:4", "bad_json"],
        [f"{path}:5", "duplicate_id"],
        [f"{path}:6", "topic_only"],
    ]


def test_faults_of_all_files_of_a_folder_are_told_together(tmp_path: Path, small: Taxonomy) -> None:
    first = jsonl(tmp_path / "a.jsonl", {"id": "1", "text": TEXT, "cause": "水"})
    second = table(tmp_path / "b.csv", ("id", "text", "cause"), ("2", TEXT, "dark"), ("3", "", "dark"))
    with pytest.raises(CorpusError) as caught:
        load_labelled(tmp_path, small)
    heads = [fault.split(": ")[:2] for fault in caught.value.message.splitlines()]
    assert heads == [[f"{first}:1", "bad_label"], [f"{second}:3", "missing_text"]]


@pytest.mark.parametrize(("count", "ending"), [(10, ""), (11, " (and 1 more)"), (60, " (and 50 more)")])
def test_of_many_faults_the_first_ten_are_told_and_the_others_counted(
    tmp_path: Path, small: Taxonomy, count: int, ending: str
) -> None:
    rows = [{"id": str(number), "text": TEXT, "cause": "水"} for number in range(count)]
    with pytest.raises(CorpusError) as caught:
        load_labelled(jsonl(tmp_path / "a.jsonl", *rows), small)
    lines = caught.value.message.splitlines()
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in lines] == [str(number) for number in range(1, 11)]
    assert lines[-1].endswith("not in the taxonomy" + ending)


def test_a_folder_is_read_in_the_order_of_its_file_names(tmp_path: Path, small: Taxonomy) -> None:
    table(tmp_path / "b.csv", ("id", "text", "cause"), ("2", TEXT, "dark"))
    jsonl(tmp_path / "c.jsonl", {"id": "3", "text": TEXT, "cause": "weak"})
    jsonl(tmp_path / "a.jsonl", {"id": "1", "text": TEXT, "type": "people"})
    table(tmp_path / "d.CSV", ("id", "text", "cause"), ("4", TEXT, "slow"))
    (tmp_path / "README.md").write_text("no corpus", encoding="utf-8")
    assert [(row.id, row.cause) for row in load_labelled(tmp_path, small)] == [
        ("1", None),
        ("2", "dark"),
        ("3", "weak"),
        ("4", "slow"),
    ]


@pytest.mark.parametrize("others", [[], ["README.md"], ["rows.xlsx", "rows.txt"]])
def test_a_folder_without_labelled_files_is_an_empty_corpus(tmp_path: Path, small: Taxonomy, others: list[str]) -> None:
    for name in others:
        (tmp_path / name).write_text("x", encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        load_labelled(tmp_path, small)
    assert caught.value.code == "corpus_empty"
    assert str(tmp_path) in caught.value.message


def test_a_file_with_only_a_header_is_an_empty_corpus(tmp_path: Path, small: Taxonomy) -> None:
    with pytest.raises(CorpusError) as caught:
        load_labelled(table(tmp_path / "a.csv", ("id", "text", "cause")), small)
    assert caught.value.code == "corpus_empty"


def test_a_path_that_does_not_exist_is_missing(tmp_path: Path, small: Taxonomy) -> None:
    with pytest.raises(FileError) as caught:
        load_labelled(tmp_path / "nothing", small)
    assert caught.value.code == "file_missing"


def test_one_file_of_a_folder_that_cannot_be_read_stops_the_loading(tmp_path: Path, small: Taxonomy) -> None:
    jsonl(tmp_path / "a.jsonl", {"id": "1", "text": TEXT, "cause": "dark"})
    (tmp_path / "b.csv").write_bytes(b"")
    with pytest.raises(FileError, match=r"b\.csv") as caught:
        load_labelled(tmp_path, small)
    assert caught.value.code == "file_empty"


@pytest.fixture(scope="module")
def rows(taxonomy: Taxonomy) -> list[Labelled]:
    """Return the shipped corpus."""
    return load_labelled(ROOT / "data" / "corpus", taxonomy)


class TestShippedCorpus:
    def test_it_loads_and_has_every_cause_of_the_taxonomy(self, rows: list[Labelled], taxonomy: Taxonomy) -> None:
        assert {row.cause for row in rows} == set(taxonomy.cause_ids)
        assert {row.type for row in rows} == set(taxonomy.type_ids)

    def test_its_ids_are_unique_over_all_files(self, rows: list[Labelled]) -> None:
        assert len({row.id for row in rows}) == len(rows)

    def test_no_two_of_its_narratives_are_the_same(self, rows: list[Labelled]) -> None:
        assert len({row.text for row in rows}) == len(rows)

    def test_every_file_contributes_as_many_narratives_as_it_has_lines(self, rows: list[Labelled]) -> None:
        files = sorted((ROOT / "data" / "corpus").glob("*.jsonl"))
        assert len(rows) == sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)

    def test_no_narrative_is_empty_or_still_has_its_topic(self, rows: list[Labelled]) -> None:
        assert [row.id for row in rows if not row.text or row.text.startswith("【")] == []
