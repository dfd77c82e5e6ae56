"""The classification tree: types, causes, the rules between them, and its cross-walks to other schemes."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from pipeline.errors import TaxonomyError
from pipeline.settings import CONFIGS

DEFAULT_PATH = CONFIGS / "taxonomy.yaml"
OUT_OF_SCOPE = "out_of_scope"  # the id of the type that holds what is no complaint about the utility
ID_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
SECTIONS = ("gallup_indicators", "service_themes", "customer_needs", "departments")
LINE = "__line__"  # the key under which the loader keeps a mapping's line number


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


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a taxonomy file."""

    file: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code}: {self.message}"


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

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> "Taxonomy":
        """Read a tree; raises TaxonomyError that lists every fault with file, line and reason."""
        document, problems = _read(path)
        problems = problems or _Checker(path).check(document)
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
        """Find a cause by id, Chinese name or alias; None if there is none."""
        return self._causes_by_name.get(_fold(name))

    def find_type(self, name: str) -> TicketType | None:
        """Find a type by id or Chinese name, with or without the ending 投诉; None if there is none."""
        return self._types_by_name.get(_fold(name))

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
        return {_fold(name): cause for name, cause in names}

    @cached_property
    def _types_by_name(self) -> dict[str, TicketType]:
        names = {
            _fold(name): kind for kind in self.types for name in (kind.id, kind.name, kind.name.removesuffix("投诉"))
        }
        names.pop("", None)
        return names


def check(path: Path = DEFAULT_PATH) -> list[Problem]:
    """Return every fault of a taxonomy file with its line; an empty list means that it can be used."""
    document, problems = _read(path)
    return problems or _Checker(path).check(document)


class _LineLoader(yaml.SafeLoader):
    """Builds plain data in which every mapping also knows the line it starts on."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        mapping[LINE] = node.start_mark.line + 1
        return mapping


def _read(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LineLoader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        return {}, [Problem(str(path), 0, "unreadable", f"the file cannot be read: {error}")]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return {}, [Problem(str(path), line, "not_yaml", f"{error.problem}; mend the indentation or quoting there")]
    except yaml.YAMLError as error:  # a character that no YAML file may hold
        return {}, [Problem(str(path), 0, "not_yaml", str(error))]
    if not isinstance(document, dict):
        return {}, [Problem(str(path), 1, "not_yaml", "the file must hold a mapping with `version` and `types`")]
    return document, []


class _Checker:
    """Walks a document and notes every fault; nothing is built from a document with faults."""

    TYPE_KEYS = frozenset({"id", "zh", "definition", "owner", "evidence", "level2", "causes"})
    LEVEL2_KEYS = frozenset({"id", "zh", "evidence", "level3"})
    CAUSE_KEYS = frozenset(
        [
            "id",
            "zh",
            "evidence",
            "definition",
            "cues",
            "scenes",
            "rule",
            "department",
            "gallup",
            "theme",
            "alias",
            "rare",
            "boundary",
            "boundary_note",
        ]
    )
    RULE_KEYS = frozenset({"when", "to", "not", "unless", "note"})

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.problems: list[Problem] = []
        self.seen: dict[str, int] = {}
        self.cause_ids: list[Any] = []
        self.names: dict[str, tuple[str, int]] = {}
        self.type_names: dict[str, tuple[str, int]] = {}
        self.document: dict[str, Any] = {}

    def check(self, document: dict[str, Any]) -> list[Problem]:
        """Return all faults, in the order of the file."""
        self.document = document
        if not document.get("version"):
            self._note(document, "no_version", '`version` is missing; name the edition, for example "2026.11"')
        for section in SECTIONS:
            if not isinstance(document.get(section) or {}, dict):
                self._note(document, "bad_shape", f"`{section}` must be a mapping of ids to names")
        types = self._mappings(document, "types")
        if not types:
            self._note(document, "no_types", "`types` is missing or empty")
        for kind in types:
            self._type(kind)
        for rule in self._mappings(document, "boundary_rules"):
            self._rule(rule, [kind.get("id") for kind in types])
        return sorted(self.problems, key=lambda problem: problem.line)

    def _type(self, kind: dict[str, Any]) -> None:
        self._node(kind, "type", self.TYPE_KEYS)
        self._reference(kind, "owner", "departments")
        self._names_once(kind, [kind.get("id"), kind.get("zh")], self.type_names)
        causes: list[dict[str, Any]] = []
        for group in self._mappings(kind, "level2"):
            self._node(group, "level-2 group", self.LEVEL2_KEYS)
            below = self._mappings(group, "level3")
            if not below:
                self._note(group, "no_causes", f"group {group.get('id')!r} has no causes under `level3`")
            causes += below
        causes += self._mappings(kind, "causes")
        if not causes:
            self._note(kind, "no_causes", f"type {kind.get('id')!r} has no causes")
        for cause in causes:
            self._cause(cause)

    def _cause(self, cause: dict[str, Any]) -> None:
        self._node(cause, "cause", self.CAUSE_KEYS)
        self._reference(cause, "department", "departments")
        self._reference(cause, "theme", "service_themes")
        self._reference(cause, "gallup", "gallup_indicators")
        self._names_once(cause, [cause.get("id"), cause.get("zh"), *_listed(cause.get("alias"))], self.names)
        self.cause_ids.append(cause.get("id"))

    def _names_once(self, node: dict[str, Any], names: list[Any], taken: dict[str, tuple[str, int]]) -> None:
        """Note a name by which another node of the same kind is found already."""
        for name in names:
            known = taken.setdefault(_fold(str(name)), (str(node.get("id")), node[LINE])) if name else None
            if known and known[0] != str(node.get("id")):
                self._note(node, "duplicate_name", f"name {name!r} already names {known[0]!r} (line {known[1]})")

    def _rule(self, rule: dict[str, Any], type_ids: list[Any]) -> None:
        self._unknown_keys(rule, "boundary rule", self.RULE_KEYS)
        if not rule.get("when"):
            self._note(rule, "missing_name", "boundary rule without `when`")
        for target in _listed(rule.get("to")):
            if target not in self.cause_ids:
                self._note(rule, "unknown_reference", f"boundary rule leads to {target!r}, which is no cause")
        if rule.get("not") is not None and rule["not"] not in type_ids:
            self._note(rule, "unknown_reference", f"boundary rule excludes {rule['not']!r}, which is no type")

    def _node(self, node: dict[str, Any], kind: str, keys: frozenset[str]) -> None:
        """Check what every node of the tree has: a well-formed id used once, a Chinese name, known keys."""
        node_id = node.get("id")
        if not isinstance(node_id, str) or not ID_PATTERN.fullmatch(node_id):
            self._note(node, "bad_id", f"{kind} id {node_id!r} must be lower-case letters, digits and underscores")
        elif node_id in self.seen:
            self._note(node, "duplicate_id", f"{kind} id {node_id!r} is used before (line {self.seen[node_id]})")
        else:
            self.seen[node_id] = node[LINE]
        if not isinstance(node.get("zh"), str) or not node["zh"].strip():
            self._note(node, "missing_name", f"{kind} {node_id!r} has no name; add `zh`")
        self._unknown_keys(node, kind, keys)

    def _unknown_keys(self, node: dict[str, Any], kind: str, keys: frozenset[str]) -> None:
        for key in sorted(str(key) for key in node.keys() - keys - {LINE}):
            self._note(node, "unknown_key", f"{kind} has an unknown key {key!r}; known are {', '.join(sorted(keys))}")

    def _reference(self, node: dict[str, Any], key: str, section: str) -> None:
        known = [name for name in self.document.get(section) or {} if name != LINE]
        for value in _listed(node.get(key)):
            if value not in known:
                self._note(node, "unknown_reference", f"{key} {value!r} of {node.get('id')!r} is not in `{section}`")

    def _mappings(self, node: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """Return the nodes listed under a key; whatever is no node is noted and left out."""
        items = node.get(key) or []
        nodes = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        if not isinstance(items, list) or len(nodes) < len(items):
            self._note(node, "bad_shape", f"`{key}` must be a list of mappings: `- {{id: ..., zh: ...}}`")
        return nodes

    def _note(self, node: dict[str, Any], code: str, message: str) -> None:
        self.problems.append(Problem(self.path, node.get(LINE, 1), code, message))


def _causes_below(kind: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pair every cause with its group; a tree of only two levels lists `causes` directly below the type."""
    grouped = [(group, cause) for group in kind.get("level2") or [] for cause in group.get("level3") or []]
    return grouped + [(kind, cause) for cause in kind.get("causes") or []]


def _build(document: dict[str, Any], sha256: str) -> Taxonomy:
    kinds: Sequence[dict[str, Any]] = document["types"]
    return Taxonomy(
        version=str(document["version"]),
        sha256=sha256,
        types=tuple(
            TicketType(kind["id"], kind["zh"], kind.get("definition") or "", kind.get("owner")) for kind in kinds
        ),
        causes=tuple(_cause(kind, group, cause) for kind in kinds for group, cause in _causes_below(kind)),
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
    )


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - whatever YAML holds
    """Return a list of what stands for a list: nothing, one value, or several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _strings(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(str(item) for item in _listed(value))


def _fold(name: str) -> str:
    """Compare names without blanks and without regard to case."""
    return re.sub(r"\s+", "", name).lower()
