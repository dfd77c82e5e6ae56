"""The corpus and the demo are what data/README.md says they are."""

import importlib
import re
import sys
from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from pipeline.corpus import load_labelled
from pipeline.settings import ROOT
from pipeline.taxonomy import Taxonomy
from pipeline.text import normalize
from pipeline.tickets import Columns, Reject, Ticket, read_tickets

CORPUS, DEMO = ROOT / "data" / "corpus", ROOT / "data" / "demo"
SHARED = ROOT.parent / "shared" / "data"


def _demo_entries() -> dict[str, list[Ticket | Reject]]:
    files = sorted(path for path in DEMO.iterdir() if path.is_file())
    return {path.suffix: list(read_tickets(path, Columns.load())) for path in files}


def test_the_corpus_has_every_cause_and_every_voice_as_the_readme_counts_them(taxonomy: Taxonomy) -> None:
    rows = load_labelled(CORPUS, taxonomy)
    assert {row.cause for row in rows} == set(taxonomy.cause_ids)
    assert len({row.id for row in rows}) == len({row.text for row in rows}) == len(rows)
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    counted = Counter((taxonomy.type(row.type).name, row.style) for row in rows)
    for kind in taxonomy.types:
        cells = [counted[kind.name, style] for style in ("agent", "customer", "speech")]
        assert f"| {kind.name} | {' | '.join(map(str, [*cells, sum(cells)]))} |" in readme


def test_the_demo_is_an_export_of_two_thousand_rows_with_every_kind_of_bad_row(taxonomy: Taxonomy) -> None:
    entries = _demo_entries()
    assert {ending: len(rows) for ending, rows in entries.items()} == {".csv": 800, ".xlsx": 1200}
    codes = {ending: {row.code for row in rows if isinstance(row, Reject)} for ending, rows in entries.items()}
    in_both = {"missing_id", "damaged_id", "missing_text", "topic_only", "duplicate_id", "bad_date"}
    assert codes == {".xlsx": in_both, ".csv": in_both | {"undecodable", "broken_quote", "wrong_columns"}}
    for rows in entries.values():
        tickets = [row for row in rows if isinstance(row, Ticket)]
        assert {"agent_type", "unit", "county", "urban_rural", "transformer_area"} <= {
            name for ticket in tickets for name in ticket.fields
        }
        assert all(ticket.accepted_at and ticket.personal for ticket in tickets)


def test_the_committed_demo_is_what_its_composer_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DEMO / "source")
    compose = importlib.import_module("compose")
    compose.main(tmp_path)
    for committed in (path for path in DEMO.iterdir() if path.is_file()):
        made = tmp_path / committed.name
        if committed.suffix == ".csv":
            assert made.read_bytes() == committed.read_bytes()
        else:  # compressed by whichever zlib Python was built with
            assert _cells(made) == _cells(committed)
    for name in ("compose", "office", "places", "sheets", "wording"):
        sys.modules.pop(name, None)


def _cells(path: Path) -> list[tuple[object, ...]]:
    book = openpyxl.load_workbook(path, read_only=True)
    rows = list(book.active.iter_rows(values_only=True))
    book.close()
    return rows


def _runs(text: str, length: int) -> set[str]:
    """Stretches of Chinese characters of one length, not across punctuation."""
    parts = re.findall("[\u4e00-\u9fff]+", normalize(text))
    return {part[at : at + length] for part in parts for at in range(len(part) - length + 1)}


def test_no_demo_narrative_repeats_a_sentence_of_the_corpus(taxonomy: Taxonomy) -> None:
    corpus = set().union(*(_runs(row.text, 14) for row in load_labelled(CORPUS, taxonomy)))
    for rows in _demo_entries().values():
        for ticket in rows:
            if isinstance(ticket, Ticket):
                assert not _runs(ticket.text, 14) & corpus, ticket.ticket_id


@pytest.mark.skipif(not SHARED.is_dir(), reason="the texts for measuring are not in this checkout")
def test_no_narrative_of_ours_repeats_a_text_kept_for_measuring(taxonomy: Taxonomy) -> None:
    real = set().union(*(_runs(row.text, 12) for row in load_labelled(SHARED / "real_dev.jsonl", taxonomy)))
    for row in load_labelled(CORPUS, taxonomy):
        assert not _runs(row.text, 12) & real, row.id
