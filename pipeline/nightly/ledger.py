"""One night: read what was dropped into the inbox, score what is new, keep it, and account for every row."""

import hashlib
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.engine import Scored, score_chunks
from pipeline.classify.model import Model
from pipeline.errors import ConfigError, FileError, StoreError
from pipeline.nightly.store import Holdings, Key, Store
from pipeline.settings import Settings, resolve
from pipeline.tickets import Columns, Reject, Ticket, read_chunks
from pipeline.tickets.readers import OPENERS, Chunk

logger = logging.getLogger(__name__)


class NightlySettings(Settings):
    """configs/nightly.yaml."""

    inbox: Path
    database: str
    model: Path
    columns: Path
    score: Path


@dataclass(slots=True)
class Night:
    """What one run did. read = scored + known + rejected + before_since, or the run fails."""

    model: str
    files: int = 0
    read: int = 0
    scored: int = 0
    known: int = 0  # already answered by this model
    rejected: int = 0
    before_since: int = 0
    failures: list[FileError] = field(default_factory=list)  # files that could not be read at all
    holdings: Holdings = field(default_factory=lambda: Holdings({}, {}, {}, {}))

    def counts(self) -> dict[str, int]:
        """Return the figures that are stored with the run."""
        return {name: getattr(self, name) for name in ("read", "scored", "known", "rejected", "before_since")}


def run_night(
    settings: NightlySettings,
    *,
    since: datetime | None = None,
    begin_file: Callable[[Path], Callable[[int], None]] = lambda _: lambda _: None,
) -> Night:
    """Score every ticket of the inbox that this model has not answered yet.

    Tickets accepted before `since` are left out; those without a date are not. `begin_file` is told of each file and
    returns what is to be told how many of its rows were done. Raises ConfigError, ModelError or StoreError before the
    first row; a file that cannot be read at all is noted in `failures` and the others go on.
    """
    inbox = resolve(settings.inbox)
    if not inbox.is_dir():
        raise ConfigError(
            "inbox_missing", f"inbox {inbox} is no folder; make it or change `inbox` in the configuration"
        )
    folder = resolve(settings.model)
    model = Model.load(folder)
    job = _Job(
        Store(settings.database),
        model,
        folder,
        ScoreSettings.load(resolve(settings.score)),
        Columns.load(resolve(settings.columns)),
        since,
    )
    try:
        return job.run(sorted(path for path in inbox.iterdir() if path.suffix.lower() in OPENERS), begin_file)
    finally:
        job.store.close()


@dataclass(slots=True)
class _Job:
    store: Store
    model: Model
    folder: Path
    settings: ScoreSettings
    columns: Columns
    since: datetime | None

    def run(self, files: Sequence[Path], begin_file: Callable[[Path], Callable[[int], None]]) -> Night:
        manifest = self.model.manifest
        night = Night(self.model.name)
        run_id = self.store.start_run(
            {
                "host": socket.gethostname(),
                "model": self.model.name,
                "model_digest": self.model.digest,
                "taxonomy_version": manifest.taxonomy_version,
                "lexicon_sha256": manifest.lexicon_sha256,
            }
        )
        logger.info("run started", extra={"run": run_id, "model": self.model.name, "files": len(files)})
        for path in files:
            try:
                self._file(path, run_id, night, begin_file(path))
                night.files += 1
            except FileError as error:
                logger.error("file not read", extra={"run": run_id, "file": path.name, "code": error.code})
                night.failures.append(error)
        accounted = night.scored + night.known + night.rejected + night.before_since
        if night.read != accounted:
            raise StoreError("accounts_open", f"{night.read} rows were read but {accounted} accounted for; not closed")
        self.store.finish_run(run_id, night.counts())
        night.holdings = self.store.holdings(self.model.digest, manifest.taxonomy_version)
        logger.info("run finished", extra={"run": run_id, **night.counts()})
        return night

    def _file(self, path: Path, run_id: int, night: Night, advance: Callable[[int], None]) -> None:
        with path.open("rb") as file:
            source = {"source": path.name, "run_id": run_id}
            source_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        unwritten: deque[Chunk] = deque()
        tickets = self._new_tickets(path, night, unwritten)
        for scored in score_chunks(tickets, self.folder, self.model, self.settings):
            chunk = unwritten.popleft()
            self.store.write(
                [self._prediction(entry) | source for entry in scored],
                [_reject(entry) | source | {"source_sha256": source_sha256} for entry in chunk.rejects],
            )
            night.scored += len(scored)
            night.rejected += len(chunk.rejects)
            advance(chunk.rows)

    def _new_tickets(self, path: Path, night: Night, unwritten: deque[Chunk]) -> Iterator[list[Ticket]]:
        """Read a file ahead of the scoring and let through what is new."""
        for chunk in read_chunks(path, self.columns, self.settings.chunk_rows):
            wanted = [ticket for ticket in chunk.tickets if self._is_wanted(ticket)]
            keys = [key_of(ticket) for ticket in wanted]
            known = self.store.known(keys, self.model.digest, self.model.manifest.taxonomy_version)
            fresh = [ticket for ticket, key in zip(wanted, keys, strict=True) if key not in known]
            night.read += chunk.rows
            night.before_since += len(chunk.tickets) - len(wanted)
            night.known += len(wanted) - len(fresh)
            unwritten.append(chunk)
            yield fresh

    def _is_wanted(self, ticket: Ticket) -> bool:
        return self.since is None or ticket.accepted_at is None or ticket.accepted_at >= self.since

    def _prediction(self, entry: Scored) -> dict[str, Any]:
        ticket, answer = entry.ticket, entry.answer
        return {
            "ticket_id": ticket.ticket_id,
            "content_sha256": key_of(ticket)[1],
            "model_digest": self.model.digest,
            "taxonomy_version": self.model.manifest.taxonomy_version,
            "row": ticket.row,
            "accepted_at": ticket.accepted_at,
            "fields": dict(ticket.fields),
            "topic": entry.narrative.topic,
            "narrative": entry.narrative.text,
            "type": answer.type,
            "cause": answer.cause,
            "type_probability": answer.type_probability,
            "cause_probability": answer.cause_probability,
            "answer": answer.answer,
            "route": answer.route,
            "reasons": list(answer.reasons),
            "alternatives": [list(alternative) for alternative in answer.alternatives],
        }


def key_of(ticket: Ticket) -> Key:
    """Return what tells one version of a ticket from another: its id and the sha256 of its text as typed."""
    return ticket.ticket_id, hashlib.sha256(ticket.text.encode("utf-8", "surrogatepass")).hexdigest()


def _reject(entry: Reject) -> dict[str, Any]:
    return {"row": entry.row, "code": entry.code, "message": entry.message}
