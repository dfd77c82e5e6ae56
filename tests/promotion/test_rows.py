"""Which rows and tickets are compared."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from pipeline.classify.folder import read_manifest
from pipeline.promotion.rows import Library, recent_tickets, reviewed_rows
from pipeline.promotion.settings import PromoteSettings
from pipeline.review.clock import now
from pipeline.settings import load_settings
from pipeline.store.schema import runs
from pipeline.taxonomy import Taxonomy
from pipeline.train.linear import LinearSettings, train_linear

from ..review.filled import Filled

SETTINGS = PromoteSettings.load()


@pytest.fixture
def filled(database: str) -> Filled:
    return Filled(database)


def test_reviewed_rows_are_the_recent_blind_decisions_that_the_tree_knows(filled: Filled, taxonomy: Taxonomy) -> None:
    for cause, narrative in (("frequent_outage", "甲"), ("voltage_abnormal", "乙"), ("gone", "丙")):
        item = filled.item(cause, blind=True, narrative=narrative)
        filled.decide(filled.reading(item, "blind"), cause, decided_at=now() - timedelta(days=1))
    old = filled.item("frequent_outage", blind=True, narrative="丁")
    filled.decide(filled.reading(old, "blind"), "frequent_outage", decided_at=now() - timedelta(days=400))
    filled.shown("frequent_outage", narrative="戊")  # picked and suggested: no fair sample
    rows = filled.read(reviewed_rows, 180, taxonomy)
    assert [(row.text, row.cause, row.type) for row in rows] == [
        ("甲", "frequent_outage", "power_quality"),
        ("乙", "voltage_abnormal", "power_quality"),
    ]


def test_recent_tickets_are_those_of_the_last_closed_nights_each_once(filled: Filled) -> None:
    for number in range(30):
        filled.item(run_id=1, narrative=f"甲{number}", content_sha256=format(number * 8 + 1, "02x") * 32)
    filled.item(run_id=2, narrative="旧", content_sha256="00" * 32)
    with filled.engine.begin() as connection:
        counts = {"read": 30, "scored": 20, "review": 10}
        connection.execute(sa.update(runs).where(runs.c.id == 1).values(finished_at=now(), **counts))
        connection.execute(sa.update(runs).where(runs.c.id == 2).values(finished_at=now() - timedelta(days=60)))
    found = filled.read(recent_tickets, SETTINGS.churn)
    assert len(found) == 30
    assert "旧" not in {ticket.narrative for ticket in found}
    some = filled.read(recent_tickets, SETTINGS.churn.model_copy(update={"rows": 10}))
    assert len(some) == 10
    assert some == sorted(found, key=lambda ticket: int(ticket.narrative[1:]))[:10]
    assert some == filled.read(recent_tickets, SETTINGS.churn.model_copy(update={"rows": 10}))


def test_what_a_model_learned_is_found_by_its_settings(
    linear_config: Path, small_tree: Path, small_model: Path, tmp_path: Path
) -> None:
    library = Library(Taxonomy.load(small_tree))
    settings = load_settings(linear_config, LinearSettings)
    corpus = library.corpus(settings.corpus)
    assert library.learned(read_manifest(small_model)[0], corpus.rows) == len(corpus.rows)
    # Trained without the test rows, because the corpus says which they are.
    lines = settings.corpus.read_text(encoding="utf-8").splitlines()
    split = tmp_path / "split.jsonl"
    said = [line[:-1] + f', "split": "{"test" if at % 4 == 0 else "train"}"}}' for at, line in enumerate(lines)]
    split.write_text("\n".join(said) + "\n", encoding="utf-8")
    config = yaml.safe_load(linear_config.read_text(encoding="utf-8"))
    config |= {"corpus": str(split), "output": str(tmp_path / "model")}
    honest = train_linear(LinearSettings.model_validate(config)).folder
    test = library.corpus(split).of("test")
    assert len(test) == 24
    assert library.learned(read_manifest(honest)[0], test) == 0
    split.write_text(split.read_text(encoding="utf-8").replace("停电", "断电"), encoding="utf-8")
    assert Library(Taxonomy.load(small_tree)).learned(read_manifest(honest)[0], test) is None
