"""The model in service: which it is, and how another takes its place, so that a crash in between leaves a trace.

1. The candidate's version is registered and tagged: harmless while no alias points at it.
2. The log gets a line `intended`, on the disk.
3. The alias moves.
4. The log gets its line (promoted, forced, rolled back), and the registry the hash of that line.

Stopped after 2, the alias is where it was; stopped after 3, it is where the line says. Either way `gongdan who
--verify` names the line, and the next promotion or rollback begins by writing how it ended.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.classify.model import Model
from pipeline.errors import ModelError
from pipeline.nightly import NightlySettings
from pipeline.promotion.candidate import candidate, subject
from pipeline.promotion.evidence import Subject
from pipeline.promotion.history import before_present
from pipeline.promotion.log import ABANDONED, INTENDED, ROLLED_BACK, Entry, Log, News, Writer
from pipeline.promotion.registry import HEAD, SCHEME, Registry, fetch
from pipeline.promotion.settings import PromoteSettings
from pipeline.settings import load_settings, resolve

logger = logging.getLogger(__name__)

Step = Callable[[str], None]
_SAMPLES = ("台区近两个月停电五次，请尽快处理", "营业厅收费员态度恶劣")  # what a ticket may look like; nobody's words


@dataclass(frozen=True, slots=True)
class Present:
    """The model in service, its folder on this machine, and what it is."""

    folder: Path
    subject: Subject


def opened(settings: PromoteSettings) -> tuple[Registry, Log]:
    """Return registry and log that the settings name."""
    return Registry(settings.registered.name, settings.registered.alias), Log(resolve(settings.log))


def present(settings: PromoteSettings, registry: Registry) -> Present:
    """Return the registry's champion, else the folder that the nightly configuration names; raises ModelError."""
    version = registry.champion()
    if version is not None:
        folder = fetch(version.uri)
        return Present(folder, subject(folder, version=version.number, run_id=version.run_id))
    named = load_settings(resolve(settings.nightly), NightlySettings).model
    if str(named).startswith(SCHEME):
        raise ModelError(
            "model_missing",
            f"{settings.nightly} names {named}, where nothing is registered yet; name the folder in service until a "
            "model was promoted",
        )
    folder = resolve(named)
    return Present(folder, subject(folder, origin=str(settings.nightly)))


def adopted(now: Present, registry: Registry) -> Present:
    """Register what was in service before there was a registry, so that one can roll back to it."""
    if now.subject.version is not None:
        return now
    logged = candidate(str(now.folder), log=True)
    if logged.run_id is None or logged.uri is None:
        raise ModelError("run_without_model", f"{now.folder} could not be logged as a run")
    version = registry.register(logged.run_id, logged.uri, now.subject.digest)
    return replace(now, subject=replace(now.subject, version=version.number, run_id=version.run_id))


def put(writer: Writer, registry: Registry, news: News) -> Entry:
    """Put the subject of the news in service; `news.action` says how."""
    if news.subject.version is None:
        raise ModelError("model_missing", f"{news.subject.model} is not in the registry")
    writer.append(replace(news, action=INTENDED, intends=news.action))
    registry.point(news.subject.version)
    done = writer.append(news)
    mark(registry, done)
    return done


def settle(writer: Writer, registry: Registry) -> None:
    """Write how an intention ended whose command was stopped: by where the alias is.

    Raises ModelError if lines were cut off the log's end; writing on would hide that for good.
    """
    head = registry.head()
    if head is not None and head not in {entry.sha256 for entry in writer.entries}:
        raise ModelError(
            "log_altered",
            f"lines were cut off the end of the log: the registry knows a later one; restore it from a backup (or, if "
            f"it is lost, remove the tag {HEAD} of {registry.name} in MLflow)",
        )
    last = writer.entries[-1] if writer.entries else None
    if last is None or last.action != INTENDED or last.intends is None:
        return
    now = registry.champion()
    arrived = now is not None and now.number == last.subject.version
    ended = "was stopped after the alias had moved" if arrived else "was stopped before the alias moved"
    writer.append(
        News(
            action=last.intends if arrived else ABANDONED,
            who=last.who,
            subject=last.subject,
            previous=last.previous,
            sentence=f"line {last.number} {ended}; {last.sentence}",
            evidence_sha256=last.evidence_sha256,
            evidence_uri=last.evidence_uri,
            reason=last.reason,
            failed=last.failed,
        )
    )


def mark(registry: Registry, entry: Entry) -> None:
    """Let the registry know the newest line; without it, only a cut at the end of the log goes unnoticed."""
    try:
        registry.mark(entry.sha256)
    except ModelError as error:
        logger.warning("the registry does not know the log's newest line", extra={"code": error.code})


def rollback(settings: PromoteSettings, *, by: str, reason: str, step: Step = lambda _: None) -> Entry:
    """Put the model back that was in service before the present one; raises ModelError if it cannot answer.

    What was rolled back is not gone back to: a second rollback goes one further.
    """
    registry, log = opened(settings)
    with log.writing() as writer:
        settle(writer, registry)
        target = before_present(writer.entries)
        step(f"checking {target.model}")
        check(target, registry)
        now = registry.champion()
        folder = None if now is None else fetch(now.uri)
        left = None if now is None or folder is None else subject(folder, version=now.number, run_id=now.run_id)
        sentence = f"{left.model if left else 'nothing'} was rolled back to {target.model}"
        return put(writer, registry, News(ROLLED_BACK, by, target, left, sentence, reason=reason))


def check(target: Subject, registry: Registry) -> None:
    """Raise ModelError unless a registered model can be fetched, is what it was, loads, and answers."""
    if target.version is None:
        raise ModelError("model_missing", f"{target.model} was never registered; there is nothing to roll back to")
    folder = fetch(registry.version(target.version).uri)
    model = Model.load(folder)
    if model.digest != target.digest:
        raise ModelError("model_damaged", f"version {target.version} is not {target.model} any more, but {model.name}")
    sums = model.predict_proba(_SAMPLES).sum(axis=1)
    if not all(math.isclose(float(total), 1.0, abs_tol=1e-6) for total in sums):
        raise ModelError("model_damaged", f"{target.model} gives probabilities that do not sum to 1")
