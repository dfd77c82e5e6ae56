"""One night: read what is new, score it, keep it, and account for every row."""

import hashlib
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.engine import Scored, score_chunks
from pipeline.classify.probe import Verdict
from pipeline.errors import DiskFullError, FileError, GongdanError
from pipeline.nightly.customers import Pseudonyms
from pipeline.nightly.files import OutputSettings, leave_files
from pipeline.nightly.ledger import NIGHT, REPLAY, Batch, Counts, Holdings, Key, Ledger, RunKey
from pipeline.nightly.service import Choice, KeptSettings, choose, keep
from pipeline.nightly.sources import Folder, FolderSettings, Page, Part, Place, Position, Source, file_sha256
from pipeline.nightly.table import Table, TableSettings
from pipeline.nightly.watch import WatchSettings
from pipeline.settings import Settings, load_settings, resolve
from pipeline.store.database import Store
from pipeline.store.patience import RetrySettings, full
from pipeline.tickets import Columns, Reject, Ticket
from pipeline.tickets.readers import Chunk

logger = logging.getLogger(__name__)

# Told of each part, with what counts its rows; returns what is to be told how many of them were done.
Begin = Callable[[str, Callable[[], int | None]], Callable[[int], None]]
_PER_MB = 1 << 20


class NightlySettings(Settings):
    """configs/nightly.yaml."""

    source: FolderSettings | TableSettings
    database: str
    retry: RetrySettings
    min_free_mb: int = Field(ge=0)
    model: Path
    kept_models: KeptSettings
    pseudonym_key: Path
    columns: Path
    score: Path
    outputs: OutputSettings
    watch: Path | None  # settings of the watch for drift and new causes; null: none is kept


@dataclass(slots=True)
class Night:
    """What one run did. read = scored + review + known + rejected + before_since, or the run does not close."""

    run_id: int
    model: str
    resumed: int  # how often the run was killed and went on; its figures are those of the whole
    parts: int = 0
    counts: Counts = field(default_factory=Counts)
    failures: list[GongdanError] = field(default_factory=list)  # files that could not be read at all
    instead: GongdanError | None = None  # why another model than the one in service was used
    verdict: Verdict | None = None  # how its arithmetic was examined on this processor
    holdings: Holdings = field(default_factory=lambda: Holdings({}, {}, {}, {}))
    files: list[Path] = field(default_factory=list)  # what it left beside the database
    alarms: list[str] = field(default_factory=list)  # what the watch wants somebody to look at
    unwritten: GongdanError | None = None  # why not all files are there; the answers are


class _Waiting(NamedTuple):
    """What was read and is not written yet."""

    part: Part
    page: Page
    fresh: list[Key]
    before_since: int


def run_night(
    settings: NightlySettings,
    *,
    since: datetime | None = None,
    fallback: bool = False,
    replay: bool = False,
    begin: Begin = lambda _name, _count: lambda _rows: None,
) -> Night:
    """Score every ticket of the source that this model has not answered yet; go on where a killed run stopped.

    Tickets accepted before `since` are left out; those without a date are not. With `fallback`, a model that cannot be
    used is replaced by the last one that closed a night. With `replay`, only the rows that were rejected are tried
    again. Raises ConfigError, SourceError, ModelError, BusyError, DiskFullError or StoreError before the first row; a
    file that cannot be read at all is noted in `failures` and the others go on.
    """
    columns = Columns.load(resolve(settings.columns))
    score = ScoreSettings.load(resolve(settings.score))
    watching = load_settings(resolve(settings.watch), WatchSettings) if settings.watch else None
    source = open_source(settings, columns)
    choice = choose(resolve(settings.model), settings.kept_models, score, fallback=fallback)
    pseudonyms = Pseudonyms(resolve(settings.pseudonym_key))
    with closing(Store.exclusive(settings.database, settings.retry)) as store:
        _require_room(store, settings.min_free_mb)
        key = _run_key(settings, source, choice, score, since, replay=replay)
        problems = list(map(_problem, choice.problems))
        ledger = Ledger(store, key, socket.gethostname(), problems)
        logger.info("run started", extra={"run": ledger.run_id, "resumed": ledger.resumed, "model": key.model})
        job = _Job(ledger, source, choice, score, pseudonyms, since, begin)
        night = job.replay() if replay else job.run()
        night.counts = ledger.close([*problems, *map(_problem, night.failures)])
        night.holdings = ledger.holdings()
        figures = {name: getattr(night.counts, name) for name in Counts.__dataclass_fields__}
        logger.info("run closed", extra={"run": night.run_id, **figures})
        try:
            keep(choice, settings.kept_models)
            if not replay:
                _leave_files(settings, watching, choice, night)
        except GongdanError as error:
            night.unwritten = error
        except OSError as error:
            night.unwritten = full(error) or FileError(
                "file_unwritable", f"无法写入 {error.filename}：{error.strerror}。"
            )
        return night


def _leave_files(settings: NightlySettings, watching: WatchSettings | None, choice: Choice, night: Night) -> None:
    # Read beside the run's own connection: what takes its time should keep nobody else from writing.
    with closing(Store.reading(settings.database, settings.retry)) as store:
        left = leave_files(store, settings.outputs, watching, choice.model, night.run_id)
    night.files += left.paths
    night.alarms += left.alarms


def open_source(settings: NightlySettings, columns: Columns) -> Source:
    """Return what the configuration names; raises SourceError."""
    if isinstance(settings.source, FolderSettings):
        return Folder(settings.source, columns)
    return Table(settings.source, columns, settings.retry)


def key_of(ticket: Ticket) -> Key:
    """Return what tells one version of a ticket from another: its id and the sha256 of its text as typed."""
    return _plain(ticket.ticket_id), hashlib.sha256(ticket.text.encode("utf-8", "surrogatepass")).hexdigest()


def _run_key(
    settings: NightlySettings,
    source: Source,
    choice: Choice,
    score: ScoreSettings,
    since: datetime | None,
    *,
    replay: bool,
) -> RunKey:
    manifest = choice.model.manifest
    return RunKey(
        purpose=REPLAY if replay else NIGHT,
        source=source.name,
        model=choice.model.name,
        model_digest=choice.model.digest,
        taxonomy_version=choice.model.taxonomy.version,
        lexicon_sha256=manifest.lexicon_sha256,
        settings={
            "since": since.isoformat() if since else None,
            "columns_sha256": file_sha256(resolve(settings.columns)),
            "alternatives": score.alternatives,
            "review_reasons": list(score.review_reasons),
        },
    )


def _require_room(store: Store, least: int) -> None:
    free = store.free_bytes()
    if free is not None and free < least * _PER_MB:
        raise DiskFullError(
            "disk_full", f"{free // _PER_MB} MB are left where the database is, {least} are wanted (min_free_mb)"
        )


@dataclass(slots=True)
class _Job:
    ledger: Ledger
    source: Source
    choice: Choice
    score: ScoreSettings
    pseudonyms: Pseudonyms
    since: datetime | None
    begin: Begin
    night: Night = field(init=False)
    waiting: deque[_Waiting] = field(default_factory=deque)
    in_flight: set[Key] = field(default_factory=set)  # read as new and not written yet
    progress: dict[Part, Callable[[int], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.night = Night(self.ledger.run_id, self.choice.model.name, self.ledger.resumed)
        self.night.instead, self.night.verdict = self.choice.instead, self.choice.verdict

    def run(self) -> Night:
        """Score all parts of the source."""
        self._score(self._new_tickets())
        return self.night

    def replay(self) -> Night:
        """Try the rejected rows of this source again."""
        self._score(self._rejected_before())
        return self.night

    def _score(self, chunks: Iterator[list[Ticket]]) -> None:
        for scored in score_chunks(chunks, self.choice.folder, self.choice.model, self.score):
            read = self.waiting.popleft()
            self.ledger.write(self._batch(read, scored))
            self.in_flight.difference_update(read.fresh)
            if read.page.position.done and self.ledger.key.purpose == NIGHT:
                self.ledger.supersede(read.part)
            self.progress[read.part](read.page.chunk.rows)

    def _new_tickets(self) -> Iterator[list[Ticket]]:
        """Read ahead of the scoring and let through what is new."""
        for part in self.source.parts():
            try:
                position = self.ledger.position(part) or self.source.first(
                    part, self.ledger.last_position(part), self.since
                )
                self._begin(part, position.rows)
                if not position.done:
                    for page in self.source.read(part, position, self.score.chunk_rows):
                        yield self._let_through(part, page)
                self.night.parts += 1
            except FileError as error:
                logger.error("file not read", extra={"run": self.ledger.run_id, "file": part.name, "code": error.code})
                self.night.failures.append(error)

    def _rejected_before(self) -> Iterator[list[Ticket]]:
        size = self.score.chunk_rows
        mine = {part.name: part.sha256 for part in self.source.parts()}
        for part, places in self.ledger.open_rejects().items():
            if part.name not in mine and not isinstance(self.source, Folder):
                continue
            self._begin(part, 0)
            try:
                tried: list[tuple[Place, Ticket | Reject]] = []
                for place, entry in self.source.again(part, places):
                    if entry is not None:
                        tried.append((place, entry))
                for at in range(0, len(tried), size):
                    yield self._let_through(part, _page_of(tried[at : at + size], at))
                self.night.parts += 1
            except FileError as error:
                self.night.failures.append(error)

    def _begin(self, part: Part, rows: int) -> None:
        self.progress[part] = self.begin(part.name, lambda: self.source.count(part))
        self.progress[part](rows)

    def _let_through(self, part: Part, page: Page) -> list[Ticket]:
        wanted = [ticket for ticket in page.chunk.tickets if self._is_wanted(ticket)]
        keys = [key_of(ticket) for ticket in wanted]
        known = self.ledger.known(keys) | self.in_flight
        fresh: list[Ticket] = []
        fresh_keys: list[Key] = []
        for ticket, key in zip(wanted, keys, strict=True):
            if key not in known:
                known.add(key)  # the same ticket may come twice in a table
                fresh.append(ticket)
                fresh_keys.append(key)
        self.in_flight.update(fresh_keys)
        self.waiting.append(_Waiting(part, page, fresh_keys, len(page.chunk.tickets) - len(wanted)))
        return fresh

    def _is_wanted(self, ticket: Ticket) -> bool:
        return self.since is None or ticket.accepted_at is None or ticket.accepted_at >= self.since

    def _batch(self, read: _Waiting, scored: Sequence[Scored]) -> Batch:
        chunk, places = read.page.chunk, read.page.places
        review = sum(entry.answer.route == "review" for entry in scored)
        counts = Counts(
            read=chunk.rows,
            scored=len(scored) - review,
            review=review,
            known=len(chunk.tickets) - read.before_since - len(scored),
            rejected=len(chunk.rejects),
            before_since=read.before_since,
        )
        rows = [self._prediction(entry, read.part, key) for entry, key in zip(scored, read.fresh, strict=True)]
        resolved = []
        if self.ledger.key.purpose == REPLAY:
            resolved = [places[ticket.row] for ticket in chunk.tickets if self._is_wanted(ticket)]
        return Batch(
            read.part,
            read.page.position,
            counts,
            rows,
            [(places[entry.row], entry) for entry in chunk.rejects],
            resolved,
        )

    def _prediction(self, entry: Scored, part: Part, key: Key) -> dict[str, Any]:
        ticket, answer = entry.ticket, entry.answer
        return {
            "ticket_id": key[0],
            "content_sha256": key[1],
            "model_digest": self.choice.model.digest,
            "taxonomy_version": self.choice.model.taxonomy.version,
            "source": part.name,
            "row": ticket.row,
            "accepted_at": ticket.accepted_at,
            "customer": self.pseudonyms.of(ticket),
            "fields": {name: _plain(value) for name, value in ticket.fields.items()},
            "topic": _plain(entry.narrative.topic),
            "narrative": _plain(entry.narrative.text),
            "type": answer.type,
            "cause": answer.cause,
            "type_probability": answer.type_probability,
            "cause_probability": answer.cause_probability,
            "answer": answer.answer,
            "route": answer.route,
            "reasons": list(answer.reasons),
            "alternatives": [list(alternative) for alternative in answer.alternatives],
        }


def _page_of(tried: Sequence[tuple[Place, Ticket | Reject]], before: int) -> Page:
    chunk = Chunk.of([entry for _, entry in tried])
    return Page(chunk, Position(before + len(tried)), {entry.row: place for place, entry in tried})


def _problem(error: GongdanError) -> Mapping[str, str]:
    return {"code": error.code, "message": error.message}


def _plain(text: str) -> str:
    """Return text that every database keeps: no NUL (PostgreSQL) and no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
