"""Many tickets through one model: all cores busy, answers in the order of the tickets, bounded memory.

A model that works on one core is started once per core; one that uses several is fed by threads, so that there is one
copy of it.
"""

import logging
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection
from pathlib import Path

from pipeline.classify.answer import Answer, ScoreSettings
from pipeline.classify.base import Floats
from pipeline.classify.model import ONE_CORE, Model
from pipeline.classify.once import prepare_once
from pipeline.classify.runtime import cores
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
    if model.classifier.threads > 1:
        yield from _score_beside(chunks, model, settings)
        return
    chunks = iter(chunks)
    head = list(islice(chunks, _ALONE + 1))
    workers = settings.workers or cores()
    if len(head) <= _ALONE or workers == 1:
        yield from (_score_here(chunk, model, settings) for chunk in _chain(head, chunks))
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    with ProcessPoolExecutor(workers, context, _start_worker, (folder, settings, model.without_bert)) as pool:
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


def _chain(head: list[Sequence[Ticket]], rest: Iterator[Sequence[Ticket]]) -> Iterator[Sequence[Ticket]]:
    yield from head
    head.clear()  # a generator's frame would keep the first chunks alive to the end
    yield from rest


def _tasks(tickets: Sequence[Ticket], taxonomy: Taxonomy) -> list[_Task]:
    return [(ticket.text, ticket.personal, agent_type(ticket, taxonomy)) for ticket in tickets]


def _joined(tickets: Sequence[Ticket], future: Future[list[tuple[Narrative, Answer]]]) -> list[Scored]:
    return [Scored(ticket, *result) for ticket, result in zip(tickets, future.result(), strict=True)]


def _score_beside(chunks: Iterable[Sequence[Ticket]], model: Model, settings: ScoreSettings) -> Iterator[list[Scored]]:
    """Have a model that keeps all cores busy read chunk after chunk, while the next are segmented and cut beside it."""
    with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(1) as at_work:
        waiting: deque[tuple[Sequence[Ticket], Future[_Read], Future[Floats]]] = deque()

        def next_scored() -> list[Scored]:
            tickets, read, chances = waiting.popleft()
            return _scored(tickets, read.result(), chances.result(), model, settings)

        try:
            for chunk in chunks:
                read = reading.submit(_read, chunk, model)
                waiting.append((chunk, read, at_work.submit(_finish, read)))
                if len(waiting) > _AHEAD:
                    yield next_scored()
            while waiting:
                yield next_scored()
        finally:
            # After an error, or when the reader stops early, what has not begun need not be done.
            for _, read, chances in waiting:
                read.cancel()
                chances.cancel()


@dataclass(frozen=True, slots=True)
class _Read:
    """A chunk as models read it, and what gives its probabilities."""

    narratives: Sequence[Narrative]
    chances: Callable[[], Floats]


def _read(tickets: Sequence[Ticket], model: Model) -> _Read:
    narratives = [read_narrative(ticket.text, ticket.personal) for ticket in tickets]
    return _Read(narratives, prepare_once(model, [narrative.text for narrative in narratives]))


def _finish(read: Future[_Read]) -> Floats:
    return read.result().chances()


def _scored(
    tickets: Sequence[Ticket], read: _Read, chances: Floats, model: Model, settings: ScoreSettings
) -> list[Scored]:
    answers = model.decide(chances, settings, [agent_type(ticket, model.taxonomy) for ticket in tickets])
    return [Scored(*parts) for parts in zip(tickets, read.narratives, answers, strict=True)]


def _score_here(tickets: Sequence[Ticket], model: Model, settings: ScoreSettings) -> list[Scored]:
    results = _answer(_tasks(tickets, model.taxonomy), model, settings)
    return [Scored(ticket, *result) for ticket, result in zip(tickets, results, strict=True)]


def _answer(tasks: Sequence[_Task], model: Model, settings: ScoreSettings) -> list[tuple[Narrative, Answer]]:
    narratives = [read_narrative(text, personal) for text, personal, _ in tasks]
    chances = prepare_once(model, [narrative.text for narrative in narratives])()
    answers = model.decide(chances, settings, [agent for *_, agent in tasks])
    return list(zip(narratives, answers, strict=True))


_worker: tuple[Model, ScoreSettings] | None = None


def _start_worker(folder: Path, settings: ScoreSettings, without_bert: bool) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger("pipeline.classify.model").setLevel(logging.ERROR)  # what is to be warned of, the parent has said
    bert = None if without_bert else ONE_CORE  # one process per core already
    _worker = (Model.load(folder, bert=bert), settings)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it cannot tell its workers any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _score_in_worker(tasks: Sequence[_Task]) -> list[tuple[Narrative, Answer]]:
    assert _worker is not None, "the pool starts every process with _start_worker"  # noqa: S101
    return _answer(tasks, *_worker)
