"""Which tickets of a night come into the queue, and in which order: a mix of reasons, and a random share."""

import heapq
import math
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pipeline.review.reasons import Looked
from pipeline.review.settings import QueueSettings, Reason

Key = tuple[str, str]  # ticket id, sha256 of its text


@dataclass(frozen=True, slots=True)
class Chosen:
    """A ticket for the queue and its place in it, from 0 to 1."""

    ticket: Looked
    position: float
    blind: bool


def choose(tickets: Sequence[Looked], seen: Collection[Key], settings: QueueSettings, seed: str) -> list[Chosen]:
    """Choose from a night's tickets, `seen` being those that were in a queue before.

    The blind ones are a simple random sample of all tickets, so what holds of them holds of the night. They stand at
    random places: whoever reads only the head of the queue has read a random part of the sample.
    """
    source = random.Random(seed)  # noqa: S311 - the same queue for the same night
    worth = [ticket for ticket in tickets if ticket.found and (ticket.ticket_id, ticket.content_sha256) not in seen]
    size = min(len(worth), settings.nightly_most)
    drawn = set(source.sample(range(len(tickets)), _blind_size(size, len(tickets), settings)))
    blind = [Chosen(tickets[index], source.random(), blind=True) for index in sorted(drawn)]
    taken = {id(tickets[index]) for index in drawn}
    mixed = list(_mixed([ticket for ticket in worth if id(ticket) not in taken], settings))[:size]
    return [*(Chosen(ticket, (at + 0.5) / len(mixed), blind=False) for at, ticket in enumerate(mixed)), *blind]


def _blind_size(queue: int, tickets: int, settings: QueueSettings) -> int:
    share = settings.blind.share
    if share == 0:
        return 0
    wanted = math.ceil(queue * share / (1 - share)) if share < 1 else tickets
    return min(max(wanted, settings.blind.least), tickets)


def _mixed(tickets: Sequence[Looked], settings: QueueSettings) -> Iterator[Looked]:
    """Yield tickets so that every stretch holds the reasons in the proportions of the mix, the strongest first.

    Stride scheduling (Waldspurger and Weihl 1995): the k-th ticket of a reason with weight w is due at (k + 1/2) / w.
    """
    by_reason: dict[Reason, list[Looked]] = {}
    for ticket in tickets:
        reason = ticket.reasons[0]
        if settings.mix.get(reason, 0) > 0:
            by_reason.setdefault(reason, []).append(ticket)
    queues = []
    for reason, some in by_reason.items():
        some.sort(key=lambda ticket: (-ticket.found[reason], ticket.ticket_id, ticket.content_sha256))
        weight = settings.mix[reason]
        queues.append([((at + 0.5) / weight, reason, ticket) for at, ticket in enumerate(some)])
    for _, _, ticket in heapq.merge(*queues, key=lambda due: (due[0], due[1])):
        yield ticket
