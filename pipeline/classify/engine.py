"""Many tickets through one model: several processes, answers in the order of the tickets, bounded memory."""

import logging
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection
from pathlib import Path

from pipeline.classify.answer import Answer, ScoreSettings
from pipeline.classify.model import Model
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative, read_narrative
from pipeline.tickets import Ticket

_AHEAD = 2  # chunks waiting per process: enough to keep it busy, few enough to keep memory flat
_ALONE = 2  # up to so many chunks, starting processes takes longer than the work

# What a worker needs of a ticket: the narrative as typed, the row's own personal values, and the agent's type.
_Task = tuple[str, tuple[tuple[str, str], ...], str | None]


@dataclass(frozen=True, slots=True)
class Scored:
    """A ticket with what models read of it and what was answered."""

    ticket: Ticket
    narrative: Narrative
    answer: Answer


def score_chunks(
    chunks: Iterable[Sequence[Ticket]], folder: Path, model: Model, settings: ScoreSettings
) -> Iterator[list[Scored]]:
    """Answer chunks of tickets, in order. `model` is what `folder` holds; further processes load it from there.

    A chunk is asked for only when a process is about to need it, so that memory does not grow with the input.
    """
    chunks = iter(chunks)
    head = list(islice(chunks, _ALONE + 1))
    workers = settings.workers or _cores()
    if len(head) <= _ALONE or workers == 1:
        yield from (_score_here(chunk, model, settings) for chunk in _chain(head, chunks))
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    with ProcessPoolExecutor(workers, context, _start_worker, (folder, settings)) as pool:
        waiting: deque[tuple[Sequence[Ticket], Future[list[tuple[Narrative, Answer]]]]] = deque()
        try:
            for chunk in _chain(head, chunks):
                waiting.append((chunk, pool.submit(_score_in_worker, _tasks(chunk, model.taxonomy))))
                if len(waiting) > workers * _AHEAD:
                    yield _joined(*waiting.popleft())
            while waiting:
                yield _joined(*waiting.popleft())
        finally:
            # After an error, or when the reader stops early, what has not begun need not be done.
            for _, future in waiting:
                future.cancel()


def agent_type(ticket: Ticket, taxonomy: Taxonomy) -> str | None:
    """Return the id of the type the agent chose: that of the agent's cause, else the type itself; None if unknown."""
    return taxonomy.filed_under(ticket.fields)[0]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chain(head: list[Sequence[Ticket]], rest: Iterator[Sequence[Ticket]]) -> Iterator[Sequence[Ticket]]:
    yield from head
    head.clear()  # a generator's frame would keep the first chunks alive to the end
    yield from rest


def _tasks(tickets: Sequence[Ticket], taxonomy: Taxonomy) -> list[_Task]:
    return [(ticket.text, ticket.personal, agent_type(ticket, taxonomy)) for ticket in tickets]


def _joined(tickets: Sequence[Ticket], future: Future[list[tuple[Narrative, Answer]]]) -> list[Scored]:
    return [Scored(ticket, *result) for ticket, result in zip(tickets, future.result(), strict=True)]


def _score_here(tickets: Sequence[Ticket], model: Model, settings: ScoreSettings) -> list[Scored]:
    results = _answer(_tasks(tickets, model.taxonomy), model, settings)
    return [Scored(ticket, *result) for ticket, result in zip(tickets, results, strict=True)]


def _answer(tasks: Sequence[_Task], model: Model, settings: ScoreSettings) -> list[tuple[Narrative, Answer]]:
    narratives = [read_narrative(text, personal) for text, personal, _ in tasks]
    answers = model.answer([narrative.text for narrative in narratives], settings, [agent for *_, agent in tasks])
    return list(zip(narratives, answers, strict=True))


_worker: tuple[Model, ScoreSettings] | None = None


def _start_worker(folder: Path, settings: ScoreSettings) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("pipeline.classify.model").setLevel(logging.ERROR)  # what is to be warned of, the parent has said
    _worker = (Model.load(folder, threads=1), settings)  # one process per core already


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it cannot tell its workers any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _score_in_worker(tasks: Sequence[_Task]) -> list[tuple[Narrative, Answer]]:
    assert _worker is not None, "the pool starts every process with _start_worker"  # noqa: S101
    return _answer(tasks, *_worker)
