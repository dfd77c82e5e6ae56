"""From a closed night to its queue."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.nightly import NightlySettings, run_night
from pipeline.review.fill import Filler
from pipeline.review.settings import QueueSettings, ReviewSettings
from pipeline.review.worker import Worker
from pipeline.settings import ROOT
from pipeline.store.database import Pool
from pipeline.store.review import BLIND, OPEN, SHOWN, WAITING, readings, review_items, review_nights
from pipeline.store.schema import runs
from pipeline.taxonomy import Taxonomy

from ..conftest import MakeNight, everything
from .filled import RETRY

DEMO = ROOT / "data" / "demo" / "云山县供电公司投诉工单.csv"
TICKETS = 200


def an_export(folder: Path) -> None:
    """Tickets of the demo export."""
    lines = DEMO.read_text(encoding="gb18030", errors="replace").splitlines()[: TICKETS + 1]
    (folder / "demo.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def nightly(make_night: MakeNight, database: str, tmp_path: Path) -> NightlySettings:
    settings = make_night(database=database)
    an_export(tmp_path / "inbox")
    run_night(settings)
    return settings


@pytest.fixture
def pool(nightly: NightlySettings) -> Iterator[Pool]:
    made = Pool(nightly.database, RETRY)
    yield made
    made.close()


@pytest.fixture
def queue() -> QueueSettings:
    return ReviewSettings.load().queue


def test_a_night_is_chosen_from_once(
    pool: Pool, nightly: NightlySettings, queue: QueueSettings, taxonomy: Taxonomy
) -> None:
    filler = Filler(pool, nightly, queue, taxonomy)
    (filled,) = filler.fill()
    assert filler.fill() == []
    (night,) = everything(nightly.database, review_nights)
    assert (night.run_id, night.tickets, night.items, night.blind) == (1, filled.tickets, filled.items, filled.blind)
    assert TICKETS * 0.9 < night.tickets <= TICKETS
    items = everything(nightly.database, review_items)
    assert len(items) == filled.items
    assert sum(item.blind for item in items) == filled.blind >= queue.blind.least
    reasons = {item.reason for item in items if not item.blind}
    assert {"label_error", "model_error"} & reasons
    assert {item.week[:6] for item in items} == {"2026-W"}


def test_every_item_has_the_readings_it_should(
    pool: Pool, nightly: NightlySettings, queue: QueueSettings, taxonomy: Taxonomy
) -> None:
    Filler(pool, nightly, queue, taxonomy).fill()
    blind = {item.id: item.blind for item in everything(nightly.database, review_items)}
    looks = everything(nightly.database, readings)
    first = [look for look in looks if look.number == 1]
    assert {look.item_id for look in first} == set(blind)
    assert all((look.kind, look.status) == (BLIND if blind[look.item_id] else SHOWN, OPEN) for look in first)
    later = [look for look in looks if look.number > 1]
    assert {look.item_id for look in later if look.kind == SHOWN} == {item for item in blind if blind[item]}
    assert all(look.status == WAITING and blind[look.item_id] for look in later)
    places = {look.item_id: look.position for look in first}
    assert all(0 <= places[look.item_id] <= look.position <= 1 for look in later)


def test_two_desks_fill_the_same_night_once(
    pool: Pool, nightly: NightlySettings, queue: QueueSettings, taxonomy: Taxonomy
) -> None:
    one, other = (Filler(pool, nightly, queue, taxonomy) for _ in range(2))
    (night,) = one.fill()
    other._fill(_run(pool))  # as if it had looked before the first one wrote
    assert len(everything(nightly.database, review_items)) == night.items


def _run(pool: Pool) -> sa.Row:
    return pool.read(lambda connection: connection.execute(sa.select(runs)).one())


def test_another_taxonomy_is_left_alone(
    pool: Pool, nightly: NightlySettings, queue: QueueSettings, small_tree: Path
) -> None:
    assert Filler(pool, nightly, queue, Taxonomy.load(small_tree)).fill() == []


def test_without_its_model_a_night_is_filled_all_the_same(
    pool: Pool, nightly: NightlySettings, queue: QueueSettings, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    gone = nightly.model_copy(
        update={
            "model": tmp_path / "none",
            "kept_models": nightly.kept_models.model_copy(update={"folder": tmp_path / "no"}),
        }
    )
    assert len(Filler(pool, gone, queue, taxonomy).fill()) == 1
    assert "near_threshold" not in {item.reason for item in everything(nightly.database, review_items)}
    assert Worker(pool, Filler(pool, gone, queue, taxonomy), gone).step() == 0


def test_the_worker_fills_and_explains(
    pool: Pool, nightly: NightlySettings, queue: QueueSettings, taxonomy: Taxonomy
) -> None:
    worker = Worker(pool, Filler(pool, nightly, queue, taxonomy), nightly)
    explained = worker.step()
    assert explained == 20
    items = everything(nightly.database, review_items)
    known = [item for item in items if item.evidence is not None]
    assert len(known) == explained
    assert all(set(item.evidence) == {"type", "cause"} for item in known)
    worker.start()
    worker.stop()
    assert worker.thread is not None
    assert not worker.thread.is_alive()
