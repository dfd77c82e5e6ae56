"""What the log says about a moment: which model was in service, and which one before it."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from pipeline.errors import ModelError
from pipeline.promotion.evidence import Subject
from pipeline.promotion.log import IN_SERVICE, ROLLED_BACK, Entry


def in_service(entries: Sequence[Entry], at: datetime | None = None) -> Entry | None:
    """Return the line that put a model in service as it is at a time (with its zone; now unless told), if any."""
    lines = [entry for entry in entries if entry.action in IN_SERVICE and (at is None or entry.at <= at)]
    return lines[-1] if lines else None


def end_of(day: date) -> datetime:
    """Return the last moment of a day where this machine stands."""
    return datetime.combine(day + timedelta(days=1), time.min).astimezone() - timedelta(microseconds=1)


def before_log(entries: Sequence[Entry]) -> Subject | None:
    """Return what was in service before the log began, as its first promotion found it."""
    return next((entry.previous for entry in entries if entry.action in IN_SERVICE), None)


def standing(entries: Sequence[Entry]) -> list[Subject]:
    """Return the models one can roll back through, the one in service last.

    A promotion puts one on top; a rollback takes off what it left. What was in service without a promotion (before the
    log began, or because somebody moved the alias by hand) stands where the next line found it.
    """
    stack: list[Subject] = []
    for entry in entries:
        if entry.action not in IN_SERVICE:
            continue
        if entry.previous is not None and (not stack or stack[-1].digest != entry.previous.digest):
            stack.append(entry.previous)
        if entry.action == ROLLED_BACK:
            while stack and stack[-1].digest != entry.subject.digest:
                stack.pop()
        if not stack or stack[-1].digest != entry.subject.digest:
            stack.append(entry.subject)
    return stack


def before_present(entries: Sequence[Entry]) -> Subject:
    """Return the last champion before the present one; raises ModelError if there is none."""
    stack = standing(entries)
    if len(stack) < 2:
        raise ModelError("nothing_before", "the log knows no model before the one in service; there is no way back")
    return stack[-2]


def put_by(entries: Sequence[Entry], digest: str, second: datetime) -> Entry | None:
    """Return the line by which a model was in service within a second; None if it was not by any."""
    before, end = in_service(entries, second), second + timedelta(seconds=1)
    within = [entry for entry in entries if entry.action in IN_SERVICE and second < entry.at <= end]
    return next((entry for entry in (*reversed(within), before) if entry and entry.subject.digest == digest), None)
