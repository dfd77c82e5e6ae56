"""Tickets about things that nobody has seen stand out among a call centre's usual ones."""

import numpy as np
import pytest
import yaml

from pipeline.corpus import load_labelled
from pipeline.nightly.watch import WatchSettings
from pipeline.nightly.watch.settings import ProposalSettings
from pipeline.review.unlike import unlike
from pipeline.settings import CORPUS, ROOT
from pipeline.taxonomy import Taxonomy
from pipeline.text import read_narrative
from pipeline.tickets import Columns, Ticket, read_tickets

TOPICS = yaml.safe_load((ROOT / "tests" / "nightly" / "watch" / "topics.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def usual() -> list[str]:
    """A call centre's tickets."""
    (export,) = (ROOT / "data" / "demo").glob("*.csv")
    entries = (entry for entry in read_tickets(export, Columns.load()) if isinstance(entry, Ticket))
    return [read_narrative(entry.text, entry.personal).text for entry in entries]


@pytest.fixture(scope="module")
def corpus(taxonomy: Taxonomy) -> list[str]:
    return [row.text for row in load_labelled(CORPUS, taxonomy)][::3]


@pytest.fixture
def limits() -> ProposalSettings:
    return WatchSettings.load().proposals


def test_new_things_stand_out_and_usual_ones_do_not(
    corpus: list[str], usual: list[str], limits: ProposalSettings
) -> None:
    strange = [text for texts in TOPICS.values() for text in texts]
    found = unlike(corpus, usual[:500], [*strange, *usual[500:700]], limits, seed=1)
    assert (found[: len(strange)] > 0).mean() > 0.8
    assert (found[len(strange) :] > 0).mean() < 0.05
    assert found.max() <= 1


def test_where_nobody_can_say_what_is_usual_nothing_is_unlike(corpus: list[str], limits: ProposalSettings) -> None:
    assert np.array_equal(unlike(corpus, ["停电"] * 10, ["换电柜"], limits, seed=1), [0.0])
    assert len(unlike(corpus, corpus[:60], [], limits, seed=1)) == 0
