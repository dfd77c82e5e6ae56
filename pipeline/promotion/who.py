"""Who put which model in service: now, on a day, for a ticket; and whether all of that still fits together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from pipeline.errors import ModelError
from pipeline.nightly import NightlySettings
from pipeline.nightly.service import find
from pipeline.promotion.candidate import subject
from pipeline.promotion.evidence import Subject
from pipeline.promotion.history import before_log, end_of, in_service, put_by
from pipeline.promotion.log import INTENDED, Entry
from pipeline.promotion.registry import SCHEME
from pipeline.promotion.service import opened
from pipeline.promotion.settings import PromoteSettings
from pipeline.settings import load_settings, resolve
from pipeline.store.database import reading
from pipeline.store.schema import predictions, runs


@dataclass(frozen=True, slots=True)
class Service:
    """A model in service and the line that put it there; None: it was there before the log began."""

    subject: Subject
    entry: Entry | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A stored answer to a ticket, by which model, and who had put that in service then."""

    ticket: str
    run: int
    at: str  # UTC: when the run began
    type: str
    cause: str
    subject: Subject
    entry: Entry | None
    note: str = ""


def now(settings: PromoteSettings) -> Service:
    """Return the model in service, by the log; before any promotion, the one that the night uses."""
    _, log = opened(settings)
    named = load_settings(resolve(settings.nightly), NightlySettings).model
    entry = in_service(log.entries())
    if entry is not None:
        note = "" if str(named).startswith(SCHEME) else f"{settings.nightly} uses the folder {named} instead"
        return Service(entry.subject, entry, note)
    note = f"{settings.nightly} names it; nothing was promoted yet"
    return Service(subject(resolve(named), origin=str(settings.nightly)), None, note)


def on(settings: PromoteSettings, day: date) -> Service:
    """Return the model that was in service at the end of a day here; raises ModelError if nobody knows."""
    entries = opened(settings)[1].entries()
    entry = in_service(entries, end_of(day))
    if entry is not None:
        return Service(entry.subject, entry)
    first = before_log(entries)
    if first is None:
        return now(settings)
    return Service(first, None, "it was in service when the log began, put there by nobody that the log knows")


def ticket(settings: PromoteSettings, ticket_id: str) -> list[Answered]:
    """Return the stored answers to a ticket, oldest first; raises ModelError if there is none."""
    entries = opened(settings)[1].entries()
    nightly = load_settings(resolve(settings.nightly), NightlySettings)

    def read(connection: sa.Connection) -> "list[sa.Row[Any]]":
        columns = predictions.c
        query = (
            sa.select(
                columns.run_id, columns.type, columns.cause, columns.model_digest, runs.c.model, runs.c.started_at
            )
            .join(runs, runs.c.id == columns.run_id)
            .where(columns.ticket_id == ticket_id)
            .order_by(columns.run_id)
        )
        return list(connection.execute(query))

    rows = reading(nightly.database, nightly.retry, read)
    if not rows:
        raise ModelError("ticket_missing", f"no night answered a ticket {ticket_id}")
    return [_answered(ticket_id, row, entries, nightly) for row in rows]


def problems(settings: PromoteSettings) -> list[str]:
    """Return what does not fit together, the log's first fault before anything else; empty: all is well."""
    registry, log = opened(settings)
    fault = log.fault()
    if fault is not None:
        return [f"{log.path}, line {fault.line}: {fault.why}"]
    entries, champion, head = log.entries(), registry.champion(), registry.head()
    found = []
    if head is not None and head not in {entry.sha256 for entry in entries}:
        found.append(f"{log.path}, line {len(entries) + 1}: it was removed: the registry knows it")
    last, pending = in_service(entries), entries[-1] if entries and entries[-1].action == INTENDED else None
    pointed = None if champion is None else champion.number
    where = f"the alias {registry.alias} points at {f'version {pointed}' if pointed else 'nothing'}"
    if pending is not None:
        found.append(
            f"{log.path}, line {pending.number}: version {pending.subject.version} was to be {pending.intends} and the "
            f"command was stopped; {where}; the next promotion or rollback writes how it ended"
        )
    elif pointed != (None if last is None else last.subject.version):
        said = "nothing was promoted" if last is None else f"version {last.subject.version} since line {last.number}"
        found.append(f"{where}, the log says: {said}; somebody moved it by hand")
    return found


def _answered(ticket_id: str, row: sa.Row[Any], entries: Sequence[Entry], nightly: NightlySettings) -> Answered:
    at = row.started_at.replace(tzinfo=UTC)
    entry = put_by(entries, row.model_digest, at)
    known = entry.subject if entry is not None else _known(row, entries, nightly)
    note = "" if entry is not None else _why_unknown(entries, row.model_digest, at)
    return Answered(ticket_id, row.run_id, at.isoformat(), row.type, row.cause, known, entry, note)


def _known(row: sa.Row[Any], entries: Sequence[Entry], nightly: NightlySettings) -> Subject:
    """Describe a model that no line had put in service: from another line, else from its folder, else by its name."""
    named = [it for entry in entries for it in (entry.subject, entry.previous) if it is not None]
    for found in named:
        if found.digest == row.model_digest:
            return found
    folder = find(row.model_digest, resolve(nightly.model), nightly.kept_models)
    return Subject(row.model, row.model_digest) if folder is None else subject(folder)


def _why_unknown(entries: Sequence[Entry], digest: str, at: datetime) -> str:
    entry = in_service(entries, at)
    if entry is None:
        first = before_log(entries)
        same = first is None or first.digest == digest
        return "no model had been promoted then" + ("" if same else "; the log does not know this one")
    return f"the log has {entry.subject.model} in service then; the night was configured to use another folder"
