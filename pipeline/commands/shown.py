"""What `gongdan promote` and `gongdan who` show."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipeline import console
from pipeline.promotion.log import FORCED, REFUSED

if TYPE_CHECKING:
    from pipeline.promotion.evidence import Subject
    from pipeline.promotion.gate import Outcome
    from pipeline.promotion.log import Entry
    from pipeline.promotion.who import Answered, Service


def show_outcome(outcome: "Outcome", *, dry_run: bool) -> None:
    """Show every check, the tickets that would change, and what became of the candidate."""
    screen, evidence = console.out(), outcome.evidence
    table = Table(title=f"{evidence.candidate.model} against {evidence.champion.model}", title_justify="left")
    table.add_column("check")
    table.add_column("passed")
    table.add_column("what was compared", overflow="fold")
    for finding in evidence.findings:
        passed = Text("yes", "green") if finding.passed else Text("no", "bold red")
        table.add_row(finding.name, passed, Text(finding.sentence))
    screen.print(table)
    for finding in evidence.findings:
        for flow in finding.figures.get("flows", ()):
            _line(f"{flow['from_name']} → {flow['to_name']}: {flow['tickets']}")
            for example in flow["examples"]:
                _line(f"    {example['ticket']}  {example['narrative']}")
    _line(_verdict(outcome, dry_run=dry_run))


def show_service(service: "Service") -> None:
    """Show a model in service and the line that put it there."""
    for line in (*_of(service.subject), *_by(service.entry)):
        _line(line)
    if service.note:
        _line(service.note)


def show_answers(answers: Sequence["Answered"]) -> None:
    """Show each stored answer to a ticket, and whose it is."""
    for answer in answers:
        _line(f"{answer.ticket} run {answer.run}, {answer.at}: {answer.type} / {answer.cause}")
        for line in (*_of(answer.subject), *_by(answer.entry)):
            _line(f"  {line}")
        if answer.note:
            _line(f"  {answer.note}")


def _verdict(outcome: "Outcome", *, dry_run: bool) -> str:
    evidence = outcome.evidence
    if outcome.action == REFUSED:
        reason = "it is in service already" if evidence.candidate.digest == evidence.champion.digest else _why(outcome)
        return f"refused: {reason}"
    if outcome.action == FORCED:
        kept = f"forced although not passed: {', '.join(evidence.failed) or 'nothing'}"
        return f"{'would be ' if dry_run else ''}{kept}{_place(outcome)}"
    return f"passed{'; with no --dry-run it would go into service' if dry_run else _place(outcome)}"


def _why(outcome: "Outcome") -> str:
    failed = [finding for finding in outcome.evidence.findings if not finding.passed]
    return "; ".join(f"{finding.name}: {finding.sentence}" for finding in failed)


def _place(outcome: "Outcome") -> str:
    entry = outcome.entry
    return "" if entry is None else f"; version {entry.subject.version} is in service (line {entry.number} of the log)"


def _of(subject: "Subject") -> Iterator[str]:
    version = f"version {subject.version}" if subject.version else "in no registry"
    yield f"{subject.model} ({version}), digest {subject.digest}"
    if subject.corpus_sha256:
        run = f", run {subject.run_id}" if subject.run_id else ""
        yield f"trained on {subject.corpus_rows} rows, corpus {subject.corpus_sha256}{run}"


def _by(entry: "Entry | None") -> Iterator[str]:
    if entry is None:
        return
    yield f"{entry.action} by {entry.who} at {entry.when} (line {entry.number})"
    if entry.reason:
        yield f"reason: {entry.reason}"
    yield entry.sentence
    if entry.evidence_uri:
        yield f"evidence: {entry.evidence_uri}, sha256 {entry.evidence_sha256}"


def _line(text: str) -> None:
    console.out().print(Text(text), highlight=False, soft_wrap=True)
