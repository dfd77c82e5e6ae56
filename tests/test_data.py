"""The corpus and the demo are what data/README.md says they are."""

import csv
import gzip
import importlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from pipeline.corpus import Labelled, load_labelled, report
from pipeline.corpus.quality import VOICES, shortcut
from pipeline.corpus.readings import Reading, load_readings, pairs_per_rule
from pipeline.corpus.split import near_duplicates
from pipeline.settings import ROOT
from pipeline.taxonomy import Taxonomy
from pipeline.text import normalize
from pipeline.tickets import Columns, Reject, Ticket, read_tickets

CORPUS, HARD, DEMO = ROOT / "data" / "corpus", ROOT / "data" / "hard.jsonl", ROOT / "data" / "demo"
BEHAVIOUR = ("attitude", "conduct")
# The boundary rules of the taxonomy by the names of their pairs, with the causes that fall under them.
RULES: dict[str, set[str]] = {
    "repair_staff": {"repair_staff_attitude", "repair_staff_conduct"},
    "works_staff": {"works_staff_attitude", "works_staff_conduct", "works_site_restoration"},
    "frequent": {"frequent_outage"},
    "notice": {"outage_notice_missing"},
    "off_plan": {"outage_off_plan"},
    "arrears": {"arrears_cutoff_reconnect"},
    "meter_test": {"meter_test"},
    "bill": {"bill"},
    "burnt": {"voltage_abnormal"},
    "upgrade": {"voltage_abnormal"},
    "integrity": {"integrity_report"},
    "third_party": {"third_party"},
    "fault": {"fault_report"},
    "siting": {"facility_safety"},
    "policy": {"suggestion"},
    "several": set(),
}
SHARED = ROOT.parent / "shared" / "data"


def _demo_entries() -> dict[str, list[Ticket | Reject]]:
    files = sorted(path for path in DEMO.iterdir() if path.is_file())
    return {path.suffix: list(read_tickets(path, Columns.load())) for path in files}


@pytest.fixture(scope="module")
def rows(taxonomy: Taxonomy) -> list[Labelled]:
    return load_labelled(CORPUS, taxonomy)


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    return load_readings(ROOT / "data" / "readings.csv")


@pytest.fixture(scope="module")
def hard(taxonomy: Taxonomy) -> list[Labelled]:
    return load_labelled(HARD, taxonomy)


def test_every_cause_has_as_many_narratives_as_it_needs(rows: list[Labelled], taxonomy: Taxonomy) -> None:
    counted = Counter(row.cause for row in rows)
    assert len(rows) >= 4500
    least = {cause.id: 15 if cause.rare else 50 for cause in taxonomy.causes}
    least |= dict.fromkeys(("frequent_outage", "voltage_abnormal", "expansion_overdue"), 200)
    staff = (f"{who}_{what}" for who in ("hall_staff", "meter_collector", "repair_staff") for what in BEHAVIOUR)
    least |= dict.fromkeys(staff, 120)
    least |= dict.fromkeys(
        ("bill", "arrears_cutoff_reconnect", "outage_notice_missing", "repair_overdue", "facility_safety"), 120
    )
    least["third_party"] = 120
    assert {cause: counted[cause] for cause, needed in least.items() if counted[cause] < needed} == {}
    assert sum(row.type == "out_of_scope" for row in rows) >= 500


def test_every_type_comes_in_every_voice_and_as_a_long_letter(rows: list[Labelled], taxonomy: Taxonomy) -> None:
    for kind in taxonomy.type_ids:
        voices = Counter(row.style for row in rows if row.type == kind)
        shares = {voice: voices[voice] / voices.total() for voice in VOICES}
        assert 0.40 <= shares["agent"] <= 0.55, (kind, shares)
        assert 0.28 <= shares["customer"] <= 0.45, (kind, shares)
        assert 0.10 <= shares["speech"] <= 0.20, (kind, shares)
        assert sum(len(row.raw) >= 900 for row in rows if row.type == kind) >= 20
    assert max(len(row.raw) for row in rows) >= 2500


def test_form_alone_does_not_tell_the_type(rows: list[Labelled]) -> None:
    found = shortcut(rows)
    assert found.accuracy <= found.largest + 0.05


def test_every_narrative_has_two_readings_and_a_fifth_is_hard(rows: list[Labelled], readings: list[Reading]) -> None:
    assert {row.id for row in rows} == {reading.id for reading in readings}
    assert sum(bool(reading.hard) for reading in readings) >= 0.2 * len(rows)


def test_a_narrative_keeps_the_label_of_one_of_its_readers(rows: list[Labelled], readings: list[Reading]) -> None:
    labels = {reading.id: {reading.first, reading.second} for reading in readings}
    assert [row.id for row in rows if row.cause not in labels[row.id]] == []


def test_every_boundary_rule_has_fifteen_pairs_with_the_right_labels(
    rows: list[Labelled], readings: list[Reading], taxonomy: Taxonomy
) -> None:
    assert {rule: count for rule, count in pairs_per_rule(readings).items() if count >= 15}.keys() == RULES.keys()
    cause = {row.id: row.cause for row in rows}
    sides = {(it.pair, it.side): cause[it.id] for it in readings if it.pair}
    for (pair, side), label in sides.items():
        under = RULES[pair.rsplit("-", 1)[0]]
        if under:
            assert (label in under) == (side == "here"), (pair, side, label)
        else:  # several grievances: which one is the main one decides
            assert sides[pair, "here"] != sides[pair, "there"], pair


def test_the_readme_gives_the_counts_and_the_agreement_of_this_corpus(
    rows: list[Labelled], readings: list[Reading], taxonomy: Taxonomy
) -> None:
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert report.counts(rows, taxonomy) in readme
    assert report.second_reading(readings, taxonomy) in readme


def test_hard_letters_stand_apart_from_the_corpus(rows: list[Labelled], hard: list[Labelled]) -> None:
    assert f"{len(hard):,} letters" in (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert not {row.id for row in hard} & {row.id for row in rows}
    groups = near_duplicates([row.text for row in [*rows, *hard]])
    assert not set(groups[: len(rows)]) & set(groups[len(rows) :])
    assert {row.style for row in hard} <= set(VOICES)


def test_the_demo_is_an_export_of_two_thousand_rows_with_every_kind_of_bad_row(taxonomy: Taxonomy) -> None:
    entries = _demo_entries()
    assert {ending: len(found) for ending, found in entries.items()} == {".csv": 800, ".xlsx": 1200}
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


def test_no_demo_narrative_repeats_a_sentence_of_the_corpus(rows: list[Labelled], hard: list[Labelled]) -> None:
    corpus = set().union(*(_runs(row.text, 14) for row in [*rows, *hard]))
    for entries in _demo_entries().values():
        for ticket in entries:
            if isinstance(ticket, Ticket):
                assert not _runs(ticket.text, 14) & corpus, ticket.ticket_id


def _measuring_texts() -> Iterator[str]:
    """Every text that is kept for measuring and lies open."""
    for line in (SHARED / "real_dev.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)["text"]
    with gzip.open(SHARED / "other_topics.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]
    with gzip.open(SHARED / "teddy_c.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield f"{row['title']}\n{row['text']}"
    for path in sorted((SHARED / "thucnews").glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from lines


@pytest.mark.skipif(not SHARED.is_dir(), reason="the texts for measuring are not in this checkout")
def test_no_narrative_of_ours_repeats_a_text_kept_for_measuring(rows: list[Labelled], hard: list[Labelled]) -> None:
    ours = {run: row.id for row in [*rows, *hard] for run in _runs(row.text, 12)}
    found = {ours[run]: run for text in _measuring_texts() for run in _runs(text, 12) if run in ours}
    assert found == {}
