"""What comes into the queue: a mix in its proportions, and a random share of all tickets."""

import collections

import numpy as np
import pytest

from pipeline.review.choose import choose
from pipeline.review.reasons import Looked
from pipeline.review.settings import QueueSettings, ReviewSettings


def a_ticket(number: int, **found: float) -> Looked:
    return Looked(f"T{number:05}", "c", None, None, "", "2026-W48", np.zeros(6, dtype=np.float32), found)


@pytest.fixture
def queue() -> QueueSettings:
    return ReviewSettings.load().queue


def tickets(**reasons: int) -> list[Looked]:
    """So many tickets of each reason, the first of them the strongest, and a thousand with none."""
    made = [(reason, 1 - at / 1000) for reason, number in reasons.items() for at in range(number)]
    return [a_ticket(at, **{reason: strength}) for at, (reason, strength) in enumerate(made)] + [
        a_ticket(50_000 + at) for at in range(1000)
    ]


def test_every_stretch_holds_the_reasons_in_the_proportions_of_the_mix(queue: QueueSettings) -> None:
    settings = queue.model_copy(update={"mix": {"model_error": 3, "near_threshold": 1}, "nightly_most": 40})
    chosen = choose(tickets(model_error=500, near_threshold=500), set(), settings, "a")
    ordinary = sorted((one for one in chosen if not one.blind), key=lambda one: one.position)
    assert len(ordinary) == 40
    for at in range(0, 40, 8):
        counts = collections.Counter(one.ticket.reasons[0] for one in ordinary[at : at + 8])
        assert counts == {"model_error": 6, "near_threshold": 2}
    strengths = [one.ticket.found["model_error"] for one in ordinary if "model_error" in one.ticket.found]
    assert strengths == sorted(strengths, reverse=True)


def test_a_reason_that_has_run_out_leaves_its_place_to_the_others(queue: QueueSettings) -> None:
    settings = queue.model_copy(update={"mix": {"model_error": 3, "near_threshold": 1}, "nightly_most": 40})
    chosen = choose(tickets(model_error=4, near_threshold=500), set(), settings, "a")
    counts = collections.Counter(one.ticket.reasons[0] for one in chosen if not one.blind)
    assert counts["model_error"] + counts["near_threshold"] == 40
    assert counts["model_error"] <= 4


def test_a_reason_without_weight_stays_out(queue: QueueSettings) -> None:
    settings = queue.model_copy(update={"mix": {"model_error": 1}})
    chosen = choose(tickets(model_error=5, unlike=5), set(), settings, "a")
    assert {one.ticket.reasons[0] for one in chosen if not one.blind} == {"model_error"}


def test_the_blind_share_is_of_the_queue_and_drawn_from_all_tickets(queue: QueueSettings) -> None:
    every = tickets(model_error=2000)
    counts: collections.Counter[bool] = collections.Counter()
    for number in range(200):
        chosen = choose(every, set(), queue, str(number))
        drawn = [one for one in chosen if one.blind]
        assert len(drawn) == 22  # with 400 others they are five in a hundred
        assert len({one.ticket.ticket_id for one in chosen}) == len(chosen)
        counts.update("model_error" in one.ticket.found for one in drawn)
    # Two of three tickets have a reason: among 4,400 draws a standard error is 0.7 %.
    assert abs(counts[True] / counts.total() - 2 / 3) < 0.03


def test_a_short_queue_has_the_least_of_blind_ones_and_never_more_than_there_are(queue: QueueSettings) -> None:
    assert sum(one.blind for one in choose(tickets(model_error=3), set(), queue, "a")) == queue.blind.least
    assert sum(one.blind for one in choose([a_ticket(1), a_ticket(2)], set(), queue, "a")) == 2
    none = queue.model_copy(update={"blind": queue.blind.model_copy(update={"share": 0.0})})
    assert not any(one.blind for one in choose(tickets(model_error=3), set(), none, "a"))


def test_blind_ones_stand_anywhere(queue: QueueSettings) -> None:
    places = [
        one.position
        for seed in range(50)
        for one in choose(tickets(model_error=500), set(), queue, str(seed))
        if one.blind
    ]
    assert np.histogram(places, bins=4, range=(0, 1))[0].min() > len(places) / 4 * 0.7


def test_the_same_night_gives_the_same_queue(queue: QueueSettings) -> None:
    def keys(seed: str) -> list[tuple[str, float, bool]]:
        chosen = choose(tickets(model_error=50, unlike=50), set(), queue, seed)
        return [(one.ticket.ticket_id, one.position, one.blind) for one in chosen]

    assert keys("1") == keys("1") != keys("2")


def test_what_was_in_a_queue_before_does_not_come_again_for_its_reasons(queue: QueueSettings) -> None:
    every = tickets(model_error=5)
    seen = {(ticket.ticket_id, ticket.content_sha256) for ticket in every[:5]}
    assert all(one.blind for one in choose(every, seen, queue, "a"))
