"""The gate: a candidate and the model in service on the same rows, every check, and what follows from them."""

import getpass
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.classify.model import Model
from pipeline.corpus import Labelled, corpus_sha256
from pipeline.errors import CorpusError, ModelError, StoreError
from pipeline.nightly import NightlySettings
from pipeline.promotion.candidate import Candidate, candidate, subject
from pipeline.promotion.checks import CHECKS
from pipeline.promotion.compared import Compared, Recent, Rows
from pipeline.promotion.evidence import Evidence
from pipeline.promotion.log import FORCED, PROMOTED, REFUSED, Entry, Log, News
from pipeline.promotion.measure import Advance, side
from pipeline.promotion.registry import Registry, asked
from pipeline.promotion.rows import Library, recent_tickets, reviewed_rows
from pipeline.promotion.service import Present, adopted, mark, opened, present, put, settle
from pipeline.promotion.settings import PromoteSettings
from pipeline.settings import load_settings, resolve
from pipeline.store.database import reading
from pipeline.taxonomy import Taxonomy

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEAST_REASON = 10  # characters: "ok" is no reason
_NO_NIGHTS = "store_missing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a candidate: `action` as the log has it, `entry` None of a dry run."""

    action: str
    evidence: Evidence
    entry: Entry | None


def me() -> str:
    """Return who is at work, where nobody says so: the operating system's user and the host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def promote(
    settings: PromoteSettings,
    told: str,
    *,
    by: str,
    force: str | None = None,
    dry_run: bool = False,
    advance: Advance = lambda *_: None,
) -> Outcome:
    """Judge a candidate and, if it passes or is forced with a reason, put it in service.

    Raises ModelError, CorpusError or StoreError if it cannot be judged; nothing has moved then.
    """
    registry, log = opened(settings)
    advance("fetching both models", 0, None)
    chosen, now = candidate(told, log=not dry_run), present(settings, registry)
    evidence = judge(settings, chosen, now, advance)
    wanted = PROMOTED if evidence.passed else FORCED if force is not None else REFUSED
    action = REFUSED if evidence.candidate.digest == evidence.champion.digest else wanted
    if dry_run:
        return Outcome(action, evidence, None)
    advance("keeping the evidence", 0, None)
    return Outcome(action, evidence, _follow(registry, log, chosen, now, evidence, News(
        action=action,
        who=by,
        subject=evidence.candidate,
        previous=evidence.champion,
        sentence=evidence.sentence,
        evidence_sha256=evidence.sha256,
        evidence_uri=_keep(chosen, evidence),
        reason=force or "" if action == FORCED else "",
        failed=evidence.failed,
    )))  # fmt: skip


def judge(settings: PromoteSettings, chosen: Candidate, now: Present, advance: Advance = lambda *_: None) -> Evidence:
    """Run every check, also after one that was not passed."""
    taxonomy = Taxonomy.load()
    nightly = load_settings(resolve(settings.nightly), NightlySettings)
    advance("reading the corpus", 0, None)
    library = Library(taxonomy)
    reviewed, recent = _from_nights(nightly, settings, taxonomy)
    rows = Rows(tuple(library.corpus(settings.corpus).of("test")), tuple(reviewed))
    if not rows.all:
        raise CorpusError("corpus_empty", f"{settings.corpus} has no test rows, and nothing was decided blind lately")
    sides = []
    for folder in (chosen.folder, now.folder):
        model = Model.load(folder)
        learned = library.learned(model.manifest, rows.frozen)
        sides.append(side(model, folder, rows, recent, settings.speed, learned, advance))
    compared = Compared(taxonomy, rows, recent, *sides)
    advance("checking", 0, None)
    return Evidence(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        host=socket.gethostname(),
        candidate=subject(chosen.folder, run_id=chosen.run_id),
        champion=now.subject,
        rows={"test": len(rows.frozen), "reviewed": len(reviewed), "sha256": corpus_sha256(rows.all)},
        findings=tuple(check(compared, settings) for check in CHECKS),
        settings=settings.model_dump(mode="json"),
    )


def _from_nights(
    nightly: NightlySettings, settings: PromoteSettings, taxonomy: Taxonomy
) -> tuple[Sequence[Labelled], Sequence[Recent]]:
    """Return the reviewed rows and the recent tickets; none of either before the first night."""

    def read(connection: "Connection") -> tuple[Sequence[Labelled], Sequence[Recent]]:
        reviewed = reviewed_rows(connection, settings.reviewed_days, taxonomy)
        return reviewed, recent_tickets(connection, settings.churn)

    try:
        return reading(nightly.database, nightly.retry, read)
    except StoreError as error:
        if error.code == _NO_NIGHTS:
            return (), ()
        raise


def _follow(registry: Registry, log: Log, chosen: Candidate, now: Present, evidence: Evidence, news: News) -> Entry:
    if news.action == REFUSED:
        with log.writing() as writer:
            settle(writer, registry)
            entry = writer.append(news)
            mark(registry, entry)
            return entry
    if chosen.run_id is None or chosen.uri is None:
        raise ModelError("run_without_model", "only what a run logged can be registered")
    now = adopted(now, registry)
    version = registry.register(chosen.run_id, chosen.uri, evidence.candidate.digest)
    registry.tag(version.number, _tags(evidence, news))
    with log.writing() as writer:
        settle(writer, registry)
        found = registry.champion()
        if found is not None and found.number != now.subject.version:
            raise ModelError("champion_changed", "another model went into service meanwhile; run the command again")
        subject_now = replace(evidence.candidate, version=version.number)
        return put(writer, registry, replace(news, subject=subject_now, previous=now.subject))


def _keep(chosen: Candidate, evidence: Evidence) -> str | None:
    """Keep the evidence with the run and return its address."""
    if chosen.run_id is None:
        return None
    folder = f"promotion/{evidence.sha256[:12]}"
    with asked() as client:
        client.log_text(chosen.run_id, evidence.to_json(), f"{folder}/evidence.json")
        client.log_text(chosen.run_id, evidence.to_markdown(), f"{folder}/evidence.md")
    return f"runs:/{chosen.run_id}/{folder}/evidence.json"


def _tags(evidence: Evidence, news: News) -> dict[str, str]:
    """Return what the registry's page shows of a version."""
    told = {it.name: "passed" if it.passed else f"not passed: {it.sentence}" for it in evidence.findings}
    return {
        "gongdan.verdict": news.action,
        "gongdan.by": news.who,
        "gongdan.against": evidence.champion.model,
        "gongdan.evidence": news.evidence_uri or "",
        "gongdan.evidence_sha256": evidence.sha256,
        **({"gongdan.reason": news.reason} if news.reason else {}),
        **{f"gongdan.check.{name.replace(' ', '_')}": said for name, said in told.items()},
    }
