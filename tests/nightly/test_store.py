from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.errors import StoreError
from pipeline.nightly.store import Store, predictions, runs

RUN = {
    "host": "h", "model": "m", "model_digest": "d", "taxonomy_version": "1", "lexicon_sha256": "l",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/deep/folder/gongdan.db")
    yield opened
    opened.close()


def _prediction(ticket_id: str, run_id: int, **changes: object) -> dict[str, Any]:
    return {
        "ticket_id": ticket_id, "content_sha256": "c", "model_digest": "d", "taxonomy_version": "1", "run_id": run_id,
        "source": "a.csv", "row": 2, "accepted_at": datetime(2026, 11, 1), "fields": {}, "topic": "",
        "narrative": "停电",
        "type": "power_quality", "cause": "frequent_outage", "type_probability": 0.9, "cause_probability": 0.8,
        "answer": "type", "route": "auto", "reasons": [], "alternatives": [],
    } | changes  # fmt: skip


def test_a_prediction_is_kept_once_per_ticket_text_model_and_taxonomy(store: Store) -> None:
    run_id = store.start_run(RUN)
    store.write([_prediction("1", run_id), _prediction("2", run_id)], [])
    store.write([_prediction("1", run_id, type="service")], [])
    for key in ("content_sha256", "model_digest", "taxonomy_version"):
        store.write([_prediction("1", run_id, **{key: "other"})], [])
    with store.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(predictions)) == 5
        # The first answer stands.
        kept = connection.scalars(sa.select(predictions.c.type).where(predictions.c.content_sha256 == "c")).all()
    assert set(kept) == {"power_quality"}


def test_known_keys_are_found_among_many(store: Store) -> None:
    run_id = store.start_run(RUN)
    store.write([_prediction(str(number), run_id) for number in range(1500)], [])
    keys = [(str(number), "c") for number in range(1000, 2000)]
    assert store.known(keys, "d", "1") == set(keys[:500])
    assert store.known(keys, "another model", "1") == set()
    assert store.known([("1", "changed text")], "d", "1") == set()
    assert store.known([], "d", "1") == set()


def test_a_run_without_an_end_can_be_told_from_a_finished_one(store: Store) -> None:
    first, second = store.start_run(RUN), store.start_run(RUN)
    store.finish_run(second, {"read": 3, "scored": 2, "known": 0, "rejected": 1, "before_since": 0})
    with store.engine.connect() as connection:
        rows = {row.id: row for row in connection.execute(sa.select(runs))}
    assert rows[first].finished_at is None
    assert rows[second].finished_at >= rows[second].started_at
    assert (rows[second].read, rows[second].scored, rows[second].rejected) == (3, 2, 1)


def test_holdings_are_those_of_one_model(store: Store) -> None:
    run_id = store.start_run(RUN)
    rejected = {"source_sha256": "s", "row": 9, "source": "a.csv", "run_id": run_id, "code": "bad_date", "message": "…"}
    store.write(
        [
            _prediction("1", run_id),
            _prediction("2", run_id, type="service", route="review", answer="none"),
            _prediction("3", run_id, model_digest="other"),
        ],
        [rejected, rejected],
    )
    holdings = store.holdings("d", "1")
    assert holdings.types == {"power_quality": 1, "service": 1}
    assert holdings.routes == {"auto": 1, "review": 1}
    assert holdings.answers == {"type": 1, "none": 1}
    assert holdings.rejects == {"bad_date": 1}


def test_what_fails_in_the_database_names_no_value_of_the_row(store: Store) -> None:
    run_id = store.start_run(RUN)
    with pytest.raises(StoreError) as caught:
        store.write([_prediction("1", run_id, narrative="电话13800138000", type=None)], [])
    assert caught.value.code == "store_failed"
    assert "13800138000" not in str(caught.value)
    # The transaction was taken back whole.
    with store.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(predictions)) == 0


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("mysql://localhost/x", "store_kind"),
        ("no address", "store_unusable"),
        ("sqlite:////proc/no/db", "store_unusable"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_clear_error(address: str, code: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store(address)
    assert caught.value.code == code
