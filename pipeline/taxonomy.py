"""The classification tree: types, causes, the rules between them, and its cross-walks to other schemes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import TaxonomyError
from pipeline.settings import CONFIGS
from pipeline.taxonomy_changes import Change, Lineage, Retired
from pipeline.taxonomy_file import LINE, SECTIONS, Problem, causes_below, fold_name, listed, read_document
from pipeline.taxonomy_history import find_problems, move_of

DEFAULT_PATH = CONFIGS / "taxonomy.yaml"
OUT_OF_SCOPE = "out_of_scope"  # the id of the type that holds what is no complaint about the utility


@dataclass(frozen=True, slots=True)
class Cause:
    """A leaf of the tree (level 3 of the national scheme)."""

    id: str
    name: str
    type_id: str
    level2_id: str
    level2_name: str
    definition: str = ""
    rule: str = ""
    evidence: str = ""
    department: str | None = None
    theme: str | None = None
    gallup: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    rare: bool = False
    boundary: bool = False
    boundary_note: str = ""
    valid_from: date | None = None  # the first day on which it counts; None: always did
    valid_to: date | None = None  # the first day on which it will not count any more; None: nobody knows one


@dataclass(frozen=True, slots=True)
class TicketType:
    """One of the first-level types."""

    id: str
    name: str
    definition: str = ""
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class BoundaryRule:
    """A decision a labeller takes once: `when` it applies, which causes it leads `to`, which type it is `never`."""

    when: str
    to: tuple[str, ...]
    never: str | None = None
    unless: str = ""
    note: str = ""


@dataclass(frozen=True)
class Taxonomy:
    """A two-level tree of types and causes with what belongs to it.

    Causes keep the order of the file; a probability matrix has one column per cause in that order.
    """

    version: str
    sha256: str
    types: tuple[TicketType, ...]
    causes: tuple[Cause, ...]
    boundary_rules: tuple[BoundaryRule, ...] = ()
    gallup_indicators: Mapping[str, str] = field(default_factory=dict)
    service_themes: Mapping[str, str] = field(default_factory=dict)
    customer_needs: Mapping[str, str] = field(default_factory=dict)
    departments: Mapping[str, str] = field(default_factory=dict)
    retired: tuple[Retired, ...] = ()  # former causes
    changes: tuple[Change, ...] = ()  # what became of them, in the order of time

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> "Taxonomy":
        """Read a tree; raises TaxonomyError that lists every fault with file, line and reason."""
        document, problems = read_document(path)
        problems = problems or find_problems(path, document)
        if problems:
            raise TaxonomyError("taxonomy_invalid", "\n".join(map(str, problems)))
        return _build(document, hashlib.sha256(path.read_bytes()).hexdigest())

    @cached_property
    def cause_ids(self) -> tuple[str, ...]:
        """The ids of all causes, in the order of the probability columns."""
        return tuple(cause.id for cause in self.causes)

    @cached_property
    def type_ids(self) -> tuple[str, ...]:
        """The ids of all types, in the order of the file."""
        return tuple(kind.id for kind in self.types)

    @cached_property
    def membership(self) -> NDArray[np.float64]:
        """The matrix (n_causes, n_types) with 1 where a cause belongs to a type: P(type) = P(cause) @ membership."""
        column = {type_id: index for index, type_id in enumerate(self.type_ids)}
        matrix = np.zeros((len(self.causes), len(self.types)))
        for row, cause in enumerate(self.causes):
            matrix[row, column[cause.type_id]] = 1.0
        return matrix

    def type_probabilities(self, cause_probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum cause probabilities (n, n_causes) to type probabilities (n, n_types)."""
        return cause_probabilities @ self.membership

    def cause(self, cause_id: str) -> Cause:
        """Look a cause up by its id; raises KeyError."""
        return self._causes_by_id[cause_id]

    def type(self, type_id: str) -> TicketType:
        """Look a type up by its id; raises KeyError."""
        return self._types_by_id[type_id]

    def find_cause(self, name: str) -> Cause | None:
        """Find a cause by id, Chinese name or alias; None if there is none.

        The id or name of a former cause finds what it became, unless it was split.
        """
        return self._causes_by_name.get(fold_name(name))

    def find_retired(self, name: str) -> Retired | None:
        """Find a former cause by the id or name it had; None if there is none, or if a present one is called so."""
        return self._retired_by_name.get(fold_name(name))

    def name_of(self, cause_id: str) -> str:
        """Return what people call a cause: a former one 原“…”, one that this tree never knew by its id."""
        if cause := self._causes_by_id.get(cause_id):
            return cause.name
        former = next((it for it in self.retired if it.id == cause_id), None)
        return f"原“{former.name}”" if former else cause_id

    @cached_property
    def tree(self) -> tuple[tuple[str, str], ...]:
        """What of a taxonomy a model depends on: (cause id, type id) in the order of the probability columns."""
        return tuple((cause.id, cause.type_id) for cause in self.causes)

    @cached_property
    def lineage(self) -> Lineage:
        """The way from former causes to the present ones."""
        return Lineage(self.tree, self.changes)

    def find_type(self, name: str) -> TicketType | None:
        """Find a type by id or Chinese name, with or without the ending 投诉; None if there is none."""
        return self._types_by_name.get(fold_name(name))

    def filed_under(self, fields: Mapping[str, str]) -> tuple[str | None, str | None]:
        """Return the ids of the type and the cause that an agent filed a ticket under, None where unknown.

        `fields` are those of an export. The type is that of the cause where there is one.
        """
        kind, cause = self.find_type(fields.get("agent_type", "")), self.find_cause(fields.get("agent_cause", ""))
        if cause is not None:
            return cause.type_id, cause.id
        return (kind.id if kind else None), None

    def causes_of(self, type_id: str) -> tuple[Cause, ...]:
        """Return the causes below a type, in the order of the file."""
        return tuple(cause for cause in self.causes if cause.type_id == type_id)

    def causes_by_indicator(self, indicator: str) -> tuple[Cause, ...]:
        """Return the causes whose primary Gallup indicator this is."""
        return tuple(cause for cause in self.causes if cause.gallup[:1] == (indicator,))

    def causes_by_theme(self, theme: str) -> tuple[Cause, ...]:
        """Return the causes that belong to one of the service themes."""
        return tuple(cause for cause in self.causes if cause.theme == theme)

    def rules_for(self, cause_id: str) -> tuple[BoundaryRule, ...]:
        """Return the boundary rules that lead to a cause or forbid its type."""
        type_id = self.cause(cause_id).type_id
        return tuple(rule for rule in self.boundary_rules if cause_id in rule.to or rule.never == type_id)

    @cached_property
    def _causes_by_id(self) -> dict[str, Cause]:
        return {cause.id: cause for cause in self.causes}

    @cached_property
    def _types_by_id(self) -> dict[str, TicketType]:
        return {kind.id: kind for kind in self.types}

    @cached_property
    def _causes_by_name(self) -> dict[str, Cause]:
        names = ((name, cause) for cause in self.causes for name in (cause.id, cause.name, *cause.aliases))
        found = {fold_name(name): cause for name, cause in names}
        for former in self.retired:
            if successor := self.lineage.successor(former.id):
                for name in (former.id, former.name):
                    found.setdefault(fold_name(name), self.cause(successor))
        return found

    @cached_property
    def _retired_by_name(self) -> dict[str, Retired]:
        present = {fold_name(name) for cause in self.causes for name in (cause.id, cause.name, *cause.aliases)}
        names = {fold_name(name): former for former in self.retired for name in (former.name, former.id)}
        return {name: former for name, former in names.items() if name not in present}

    @cached_property
    def _types_by_name(self) -> dict[str, TicketType]:
        names = {
            fold_name(name): kind
            for kind in self.types
            for name in (kind.id, kind.name, kind.name.removesuffix("投诉"))
        }
        names.pop("", None)
        return names


def check(path: Path = DEFAULT_PATH) -> list[Problem]:
    """Return every fault of a taxonomy file with its line; an empty list means that it can be used."""
    document, problems = read_document(path)
    return problems or find_problems(path, document)


def _build(document: dict[str, Any], sha256: str) -> Taxonomy:
    kinds: Sequence[dict[str, Any]] = document["types"]
    return Taxonomy(
        version=str(document["version"]),
        sha256=sha256,
        types=tuple(
            TicketType(kind["id"], kind["zh"], kind.get("definition") or "", kind.get("owner")) for kind in kinds
        ),
        causes=tuple(_cause(kind, group, cause) for kind in kinds for group, cause in causes_below(kind)),
        boundary_rules=tuple(
            BoundaryRule(
                rule["when"],
                _strings(rule.get("to")),
                rule.get("not"),
                rule.get("unless") or "",
                rule.get("note") or "",
            )
            for rule in document.get("boundary_rules") or []
        ),
        retired=tuple(
            Retired(former["id"], former["zh"], former["type"], former["valid_to"])
            for former in document.get("retired") or []
        ),
        changes=tuple(map(_change, document.get("changes") or [])),
        **{
            section: {key: name for key, name in (document.get(section) or {}).items() if key != LINE}
            for section in SECTIONS
        },
    )


def _cause(kind: dict[str, Any], group: dict[str, Any], node: dict[str, Any]) -> Cause:
    return Cause(
        id=node["id"],
        name=node["zh"],
        type_id=kind["id"],
        level2_id=group["id"],
        level2_name=group["zh"],
        definition=node.get("definition") or "",
        rule=node.get("rule") or "",
        evidence=node.get("evidence") or "",
        department=node.get("department"),
        theme=node.get("theme"),
        gallup=_strings(node.get("gallup")),
        aliases=_strings(node.get("alias")),
        cues=_strings(node.get("cues")),
        scenes=_strings(node.get("scenes")),
        rare=bool(node.get("rare")),
        boundary=bool(node.get("boundary")),
        boundary_note=node.get("boundary_note") or "",
        valid_from=node.get("valid_from"),
        valid_to=node.get("valid_to"),
    )


def _change(node: dict[str, Any]) -> Change:
    move = move_of(node)
    assert move is not None  # noqa: S101 - the checks came before
    return Change(node["on"], move[0], _strings(move[1]["from"]), _strings(move[1]["to"]))


def _strings(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(str(item) for item in listed(value))
