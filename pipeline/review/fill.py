"""A night is looked through and its queue written, once."""

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from pipeline.classify.answer import Level, Thresholds
from pipeline.classify.folder import read_manifest
from pipeline.corpus import load_labelled
from pipeline.errors import GongdanError
from pipeline.nightly import NightlySettings
from pipeline.nightly.service import find
from pipeline.nightly.watch import WatchSettings
from pipeline.nightly.watch.settings import ProposalSettings
from pipeline.review.choose import Chosen, choose
from pipeline.review.clock import now
from pipeline.review.reasons import SPOT_CHECK, Looked, Reading, add_label_errors
from pipeline.review.settings import QueueSettings
from pipeline.review.unlike import unlike
from pipeline.settings import CORPUS, load_settings, resolve
from pipeline.store.database import Pool
from pipeline.store.review import BLIND, OPEN, SHOWN, WAITING, readings, review_items, review_nights
from pipeline.store.schema import CLOSED, predictions, runs
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy

logger = logging.getLogger(__name__)

_ROWS = 2000  # held at a time
_LOCAL = timedelta(hours=8)  # from UTC, in which runs note their times, to the time of exports
_NEVER = Level(threshold=None, error=0, confidence=0, rows=0, wrong=0, judged_on=0)


@dataclass(frozen=True, slots=True)
class Filled:
    """A night whose tickets were chosen from."""

    run_id: int
    tickets: int
    items: int
    blind: int


@dataclass(frozen=True, slots=True)
class Filler:
    """Chooses from the nights of one database."""

    pool: Pool
    nightly: NightlySettings
    settings: QueueSettings
    taxonomy: Taxonomy

    def fill(self) -> list[Filled]:
        """Choose from every closed night that was not chosen from yet, and return those nights; raises StoreError."""
        filled = []
        for run in self.pool.read(_unfilled):
            if run.taxonomy_version != self.taxonomy.version:
                logger.warning("night not filled: another taxonomy", extra={"run": run.id})
                continue
            filled.append(self._fill(run))
            logger.info("night filled", extra={"run": run.id, "items": filled[-1].items})
        return filled

    def _fill(self, run: sa.Row[Any]) -> Filled:
        tickets = self.look(run)
        seen = self.pool.read(_seen)
        chosen = choose(tickets, seen, self.settings, f"{self.settings.seed}-{run.id}")
        return self.pool.write(lambda connection: self._write(connection, run, len(tickets), chosen))

    def look(self, run: sa.Row[Any]) -> list[Looked]:
        """Return every ticket of a run with its reasons, in the order of its key."""
        reading = Reading(
            self.taxonomy, self._thresholds(run.model_digest), self.settings.margin, (run.started_at + _LOCAL).date()
        )
        limits = load_settings(resolve(self.nightly.watch), WatchSettings).proposals if self.nightly.watch else None

        def read(connection: sa.Connection) -> tuple[list[Looked], _Texts]:
            texts = _Texts(limits.candidates if limits else 0)
            tickets: list[Looked] = []
            for row in _rows_of(connection, run.id):
                texts.add(len(tickets), row)
                tickets.append(reading.look(row))
            return tickets, texts

        tickets, texts = self.pool.read(read)
        add_label_errors(tickets, self.taxonomy)
        if limits is not None:
            self._add_unlike(tickets, texts, limits)
        return tickets

    def _thresholds(self, digest: str) -> Thresholds:
        folder = find(digest, resolve(self.nightly.model), self.nightly.kept_models)
        if folder is None:
            logger.warning("model gone: nothing is near its thresholds", extra={"digest": digest[:12]})
            return Thresholds(type=_NEVER, cause=_NEVER)
        return read_manifest(folder)[0].thresholds

    def _add_unlike(self, tickets: Sequence[Looked], texts: "_Texts", limits: ProposalSettings) -> None:
        try:
            known = [row.text for row in load_labelled(CORPUS, self.taxonomy)]
        except GongdanError as error:  # without the corpus the queue lacks one of its reasons
            logger.warning("no corpus to compare with", extra={"code": error.code})
            return
        found = unlike(known, texts.answered, list(texts.unsure.values()), limits, self.settings.seed)
        for at, strength in zip(texts.unsure, found, strict=True):
            if strength > 0:
                tickets[at].found["unlike"] = float(strength)

    def _write(self, connection: sa.Connection, run: sa.Row[Any], tickets: int, chosen: Sequence[Chosen]) -> Filled:
        drawn = [one for one in chosen if one.blind]
        filled = Filled(run.id, tickets, len(chosen), len(drawn))
        if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
            connection.execute(sa.text("LOCK TABLE review_nights IN EXCLUSIVE MODE"))
        if connection.scalar(sa.select(review_nights.c.run_id).where(review_nights.c.run_id == run.id)) is not None:
            return filled  # another desk was faster
        connection.execute(
            review_nights.insert().values(
                run_id=run.id,
                filled_at=now().replace(microsecond=0),
                tickets=tickets,
                items=len(chosen),
                blind=len(drawn),
                settings=self.settings.model_dump(mode="json"),
            )
        )
        first = (connection.scalar(sa.select(sa.func.max(review_items.c.id))) or 0) + 1
        rows = [_item(first + at, one, run) for at, one in enumerate(chosen)]
        if rows:
            connection.execute(review_items.insert(), rows)
            plan = random.Random(f"{self.settings.seed}-{run.id}-readings")  # noqa: S311 - the same for the same night
            looks = [reading for at, one in enumerate(chosen) for reading in self._readings(first + at, one, run, plan)]
            connection.execute(readings.insert(), looks)
        return filled

    def _readings(
        self, item: int, chosen: Chosen, run: sa.Row[Any], plan: random.Random
    ) -> Iterator[Mapping[str, Any]]:
        base = {"item_id": item, "run_id": run.id}
        first = BLIND if chosen.blind else SHOWN
        yield base | {"number": 1, "kind": first, "status": OPEN, "position": chosen.position}
        if not chosen.blind:
            return
        again = [kind for kind, share in ((BLIND, self.settings.blind.second), (SHOWN, self.settings.blind.shown))
                 if plan.random() < share]  # fmt: skip
        for number, kind in enumerate(again, start=2):
            # Somewhere behind the first, so that nothing tells it from the tickets around it.
            position = chosen.position + (1 - chosen.position) * plan.random()
            yield base | {"number": number, "kind": kind, "status": WAITING, "position": position}


@dataclass(slots=True)
class _Texts:
    """Narratives of a night: of tickets without a safe answer by their row, and of some with one."""

    most: int
    unsure: dict[int, str] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)

    def add(self, at: int, row: Mapping[str, Any]) -> None:
        if row["answer"] == "none" or row["type"] == OUT_OF_SCOPE:
            if len(self.unsure) < self.most:
                self.unsure[at] = row["narrative"]
        elif len(self.answered) < self.most:
            self.answered.append(row["narrative"])


def _unfilled(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    done = sa.select(review_nights.c.run_id)
    query = sa.select(runs).where(runs.c.status == CLOSED, runs.c.id.not_in(done)).order_by(runs.c.id)
    return connection.execute(query).all()


def _rows_of(connection: sa.Connection, run_id: int) -> Iterator[Mapping[str, Any]]:
    query = sa.select(predictions).where(predictions.c.run_id == run_id).order_by(*predictions.primary_key.columns)
    for row in connection.execution_options(yield_per=_ROWS).execute(query):
        yield row._asdict()


def _seen(connection: sa.Connection) -> set[tuple[str, str]]:
    query = sa.select(review_items.c.ticket_id, review_items.c.content_sha256)
    return {(row.ticket_id, row.content_sha256) for row in connection.execute(query)}


def _item(number: int, chosen: Chosen, run: sa.Row[Any]) -> Mapping[str, Any]:
    ticket = chosen.ticket
    reasons: Sequence[str] = ticket.reasons or [SPOT_CHECK]
    return {
        "id": number,
        "run_id": run.id,
        "ticket_id": ticket.ticket_id,
        "content_sha256": ticket.content_sha256,
        "model_digest": run.model_digest,
        "taxonomy_version": run.taxonomy_version,
        "blind": chosen.blind,
        "reason": reasons[0],
        "reasons": list(reasons),
        "agent_type": ticket.agent_type,
        "agent_cause": ticket.agent_cause,
        "unit": ticket.unit,
        "week": ticket.week,
    }
