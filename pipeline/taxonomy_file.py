"""A taxonomy file: read with its line numbers, and searched for faults before anything is built from it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_ID_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
SECTIONS = ("gallup_indicators", "service_themes", "customer_needs", "departments")
_BOOLEAN, _STRING = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:str"
LINE = "__line__"  # the key under which the loader keeps a mapping's line number


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a taxonomy file."""

    file: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code}: {self.message}"


class _LineLoader(yaml.SafeLoader):
    """Builds plain data in which every mapping also knows the line it starts on."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if key.tag == _BOOLEAN:  # `on` is a key like any other, whatever YAML 1.1 makes of the word
                key.tag = _STRING
        mapping = super().construct_mapping(node, deep=deep)
        mapping[LINE] = node.start_mark.line + 1
        return mapping


def read_document(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Read a file into plain data whose mappings know their lines, or say why it cannot be read."""
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


class Checker:
    """Walks the tree of a document and notes every fault; nothing is built from a document with faults."""

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
            "valid_from",
            "valid_to",
        ]
    )
    RULE_KEYS = frozenset({"when", "to", "not", "unless", "note"})

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.problems: list[Problem] = []
        self.seen: dict[str, int] = {}
        self.causes: list[dict[str, Any]] = []
        self.names: dict[str, tuple[str, int]] = {}
        self.type_names: dict[str, tuple[str, int]] = {}
        self.document: dict[str, Any] = {}

    @property
    def cause_ids(self) -> list[Any]:
        """Whatever the causes that were walked call themselves."""
        return [cause.get("id") for cause in self.causes]

    @property
    def type_ids(self) -> list[Any]:
        """Whatever the types call themselves."""
        types = self.document.get("types")
        return [kind.get("id") for kind in types if isinstance(kind, dict)] if isinstance(types, list) else []

    def check(self, document: dict[str, Any]) -> None:
        """Note all faults of the tree."""
        self.document = document
        if not document.get("version"):
            self.note(document, "no_version", '`version` is missing; name the edition, for example "2026.11"')
        for section in SECTIONS:
            if not isinstance(document.get(section) or {}, dict):
                self.note(document, "bad_shape", f"`{section}` must be a mapping of ids to names")
        types = self.mappings(document, "types")
        if not types:
            self.note(document, "no_types", "`types` is missing or empty")
        for kind in types:
            self._type(kind)
        for rule in self.mappings(document, "boundary_rules"):
            self._rule(rule)

    def _type(self, kind: dict[str, Any]) -> None:
        self.node(kind, "type", self.TYPE_KEYS)
        self._reference(kind, "owner", "departments")
        self._names_once(kind, [kind.get("id"), kind.get("zh")], self.type_names)
        causes: list[dict[str, Any]] = []
        for group in self.mappings(kind, "level2"):
            self.node(group, "level-2 group", self.LEVEL2_KEYS)
            below = self.mappings(group, "level3")
            if not below:
                self.note(group, "no_causes", f"group {group.get('id')!r} has no causes under `level3`")
            causes += below
        causes += self.mappings(kind, "causes")
        if not causes:
            self.note(kind, "no_causes", f"type {kind.get('id')!r} has no causes")
        for cause in causes:
            self._cause(cause)

    def _cause(self, cause: dict[str, Any]) -> None:
        self.node(cause, "cause", self.CAUSE_KEYS)
        self._reference(cause, "department", "departments")
        self._reference(cause, "theme", "service_themes")
        self._reference(cause, "gallup", "gallup_indicators")
        self._names_once(cause, [cause.get("id"), cause.get("zh"), *listed(cause.get("alias"))], self.names)
        self.causes.append(cause)

    def _names_once(self, node: dict[str, Any], names: list[Any], taken: dict[str, tuple[str, int]]) -> None:
        """Note a name by which another node of the same kind is found already."""
        for name in names:
            known = taken.setdefault(fold_name(str(name)), (str(node.get("id")), node[LINE])) if name else None
            if known and known[0] != str(node.get("id")):
                self.note(node, "duplicate_name", f"name {name!r} already names {known[0]!r} (line {known[1]})")

    def _rule(self, rule: dict[str, Any]) -> None:
        self.unknown_keys(rule, "boundary rule", self.RULE_KEYS)
        if not rule.get("when"):
            self.note(rule, "missing_name", "boundary rule without `when`")
        for target in listed(rule.get("to")):
            if target not in self.cause_ids:
                self.note(rule, "unknown_reference", f"boundary rule leads to {target!r}, which is no cause")
        if rule.get("not") is not None and rule["not"] not in self.type_ids:
            self.note(rule, "unknown_reference", f"boundary rule excludes {rule['not']!r}, which is no type")

    def node(self, node: dict[str, Any], kind: str, keys: frozenset[str]) -> None:
        """Check what every node of the tree has: a well-formed id used once, a Chinese name, known keys."""
        node_id = node.get("id")
        if not isinstance(node_id, str) or not _ID_PATTERN.fullmatch(node_id):
            self.note(node, "bad_id", f"{kind} id {node_id!r} must be lower-case letters, digits and underscores")
        elif node_id in self.seen:
            self.note(node, "duplicate_id", f"{kind} id {node_id!r} is used before (line {self.seen[node_id]})")
        else:
            self.seen[node_id] = node[LINE]
        if not isinstance(node.get("zh"), str) or not node["zh"].strip():
            self.note(node, "missing_name", f"{kind} {node_id!r} has no name; add `zh`")
        self.unknown_keys(node, kind, keys)

    def unknown_keys(self, node: dict[str, Any], kind: str, keys: frozenset[str]) -> None:
        """Note every key that a mapping of this kind does not have."""
        for key in sorted(str(key) for key in node.keys() - keys - {LINE}):
            self.note(node, "unknown_key", f"{kind} has an unknown key {key!r}; known are {', '.join(sorted(keys))}")

    def _reference(self, node: dict[str, Any], key: str, section: str) -> None:
        known = [name for name in self.document.get(section) or {} if name != LINE]
        for value in listed(node.get(key)):
            if value not in known:
                self.note(node, "unknown_reference", f"{key} {value!r} of {node.get('id')!r} is not in `{section}`")

    def mappings(self, node: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """Return the nodes listed under a key; whatever is no node is noted and left out."""
        items = node.get(key) or []
        nodes = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        if not isinstance(items, list) or len(nodes) < len(items):
            self.note(node, "bad_shape", f"`{key}` must be a list of mappings: `- {{id: ..., zh: ...}}`")
        return nodes

    def note(self, node: dict[str, Any], code: str, message: str) -> None:
        """Note a fault where a mapping begins."""
        self.problems.append(Problem(self.path, node.get(LINE, 1), code, message))


def causes_below(kind: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pair every cause with its group; a tree of only two levels lists `causes` directly below the type."""
    grouped = [(group, cause) for group in kind.get("level2") or [] for cause in group.get("level3") or []]
    return grouped + [(kind, cause) for cause in kind.get("causes") or []]


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - whatever YAML holds
    """Return a list of what stands for a list: nothing, one value, or several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def fold_name(name: str) -> str:
    """Compare names without blanks and without regard to case."""
    return re.sub(r"\s+", "", name).lower()
