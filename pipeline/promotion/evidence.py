"""What a verdict rests on: kept with the version as evidence.json for programs and evidence.md for people."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.promotion.checks import Finding


@dataclass(frozen=True, slots=True)
class Subject:
    """A model as the log names it: what it is, where it is kept, what it was trained on."""

    model: str
    digest: str
    version: str | None = None  # in the registry; None: it is not in there
    run_id: str | None = None
    corpus_sha256: str | None = None
    corpus_rows: int | None = None
    origin: str | None = None  # of a model that is not in the registry: the configuration that names its folder


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the gate looked at; `settings` are those it was asked with."""

    at: str  # UTC
    host: str
    candidate: Subject
    champion: Subject
    rows: Mapping[str, Any]
    findings: Sequence[Finding]
    settings: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every check was passed."""
        return all(finding.passed for finding in self.findings)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the checks that were not."""
        return tuple(finding.name for finding in self.findings if not finding.passed)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.passed:
            return f"{self.candidate.model} passed all {len(self.findings)} checks against {self.champion.model}"
        reasons = "; ".join(f"{it.name}: {it.sentence}" for it in self.findings if not it.passed)
        return f"{self.candidate.model} was refused against {self.champion.model}: {reasons}"

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, with the verdict."""
        return {**asdict(self), "passed": self.passed, "sentence": self.sentence}

    def to_json(self) -> str:
        """Return evidence.json."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    @property
    def sha256(self) -> str:
        """The digest of evidence.json, which the log keeps."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_markdown(self) -> str:
        """Return evidence.md."""
        rows = "\n".join(
            f"| {it.name} | {'passed' if it.passed else '**refused**'} | {it.sentence} |" for it in self.findings
        )
        return (
            f"# {self.candidate.model} against {self.champion.model}\n\n{self.sentence}.\n\n"
            f"| check | | what was compared |\n|---|---|---|\n{rows}\n{_flows(self.findings)}\n"
            f"{self.at} on {self.host}; {_told(self.rows)}.\n\n"
            f"| | candidate | champion |\n|---|---|---|\n{_subjects(self.candidate, self.champion)}\n"
        )


def _told(rows: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in rows.items())


def _subjects(candidate: Subject, champion: Subject) -> str:
    ours, theirs = asdict(candidate), asdict(champion)
    return "\n".join(f"| {name} | {ours[name] or '-'} | {theirs[name] or '-'} |" for name in ours)


def _flows(findings: Sequence[Finding]) -> str:
    lines = [
        f"- {flow['from_name']} → {flow['to_name']}: {flow['tickets']}\n"
        + "".join(f"  - {it['ticket']}: {it['narrative']}\n" for it in flow["examples"])
        for finding in findings
        for flow in finding.figures.get("flows", ())
    ]
    return f"\nTickets of the last nights that would change their type:\n\n{''.join(lines)}" if lines else ""
