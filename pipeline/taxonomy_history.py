"""The history in a taxonomy file: former causes, what became of them and when, searched for contradictions."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipeline.taxonomy_changes import KINDS, MERGE, SPLIT
from pipeline.taxonomy_file import LINE, Checker, Problem, listed

Node = dict[str, Any]

_RETIRED_KEYS = frozenset({"id", "zh", "type", "valid_to"})
_CHANGE_KEYS = frozenset({"on", *KINDS})
_MOVE_KEYS = frozenset({"from", "to"})
_FEWEST_PARTS = 2


def find_problems(path: Path, document: Node) -> list[Problem]:
    """Return every fault of a document, of its tree and of its history, in the order of its lines."""
    tree = Checker(path)
    tree.check(document)
    _History(tree).check()
    return sorted(tree.problems, key=lambda problem: problem.line)


def move_of(change: Node) -> tuple[str, Node] | None:
    """Return what a change does (rename, merge or split) and its `from` and `to`; None if it is not exactly one."""
    found = [(kind, change[kind]) for kind in KINDS if kind in change]
    return found[0] if len(found) == 1 and isinstance(found[0][1], dict) else None


class _History:
    """Walks the changes in the order of time, after the tree itself was checked."""

    def __init__(self, tree: Checker) -> None:
        self.tree = tree
        self.note = tree.note
        self.standing: dict[str, Node] = {str(cause.get("id")): cause for cause in tree.causes}
        self.retired: dict[str, Node] = {}
        self.ended: dict[str, int] = {}  # former causes and the line of the change that ended them
        self.latest: date | None = None  # the day of the change before

    def check(self) -> None:
        """Note every fault."""
        for cause in self.tree.causes:
            self._span(cause)
        for node in self.tree.mappings(self.tree.document, "retired"):
            self._retired(node)
        changes = self.tree.mappings(self.tree.document, "changes")
        for change in changes:
            self._change(change)
        for change in changes:
            self._targets_exist(change)

    def _span(self, cause: Node) -> None:
        begin, end = self._date(cause, "valid_from"), self._date(cause, "valid_to")
        if begin is not None and end is not None and begin >= end:
            self.note(cause, "bad_dates", f"{cause.get('id')!r} is valid to {end}, but from {begin} on")

    def _retired(self, node: Node) -> None:
        node_id = node.get("id")
        if isinstance(node_id, str) and node_id in self.tree.cause_ids:
            self.note(node, "former_stands", f"{node_id!r} is retired and stands in the tree; ids are not used again")
        else:
            self.tree.node(node, "retired cause", _RETIRED_KEYS)
        if node.get("type") not in self.tree.type_ids:
            self.note(node, "unknown_reference", f"retired {node_id!r} belongs to {node.get('type')!r}, no type")
        if node.get("valid_to") is None:
            self.note(node, "bad_dates", f"retired {node_id!r} has no `valid_to`, the day from which on it is former")
        self._date(node, "valid_to")
        self.retired.setdefault(str(node_id), node)

    def _change(self, change: Node) -> None:
        self.tree.unknown_keys(change, "change", _CHANGE_KEYS)
        day = self._date(change, "on")
        if day is None and change.get("on") is None:
            self.note(change, "bad_dates", "change without `on`, the day from which on it counts")
        self._in_order(change, day)
        move = move_of(change)
        if move is None:
            self.note(change, "bad_shape", "a change is one of rename, merge and split: `rename: {from: a, to: b}`")
            return
        kind, body = move
        self.tree.unknown_keys(body, kind, _MOVE_KEYS)
        sources, targets = listed(body.get("from")), listed(body.get("to"))
        self._counts(change, kind, sources, targets)
        for source in sources:
            if not (kind == MERGE and source in targets):
                self._source(change, str(source), day)
        for target in targets:
            self._target(change, str(target), day)

    def _counts(self, change: Node, kind: str, sources: list[Any], targets: list[Any]) -> None:
        """Note a change with too few or too many causes on a side."""
        for side in (sources, targets):
            if len({str(cause) for cause in side}) < len(side):
                self.note(change, "bad_shape", f"{kind} names a cause twice")
        if kind == SPLIT:
            if len(targets) < _FEWEST_PARTS:
                self.note(change, "few_parts", "a split has two parts or more; into one it is a rename")
            if len(sources) != 1:
                self.note(change, "bad_shape", "split: `from` is one cause")
            return
        if len(targets) != 1:
            self.note(change, "bad_shape", f"{kind}: `to` is one cause")
        if kind == MERGE and not set(map(str, sources)).difference(map(str, targets)):
            self.note(change, "few_parts", "merge: `from` names the causes that go, at least one beside `to`")
        if kind != MERGE and len(sources) != 1:
            self.note(change, "bad_shape", f"{kind}: `from` is one cause")

    def _in_order(self, change: Node, day: date | None) -> None:
        if day is not None and self.latest is not None and day < self.latest:
            self.note(change, "bad_dates", f"changes stand in the order of time; {day} comes after {self.latest}")
        self.latest = day or self.latest

    def _source(self, change: Node, source: str, day: date | None) -> None:
        if source in self.tree.cause_ids:
            self.note(change, "former_stands", f"{source!r} goes with this change, but still stands in the tree")
        elif source not in self.retired:
            self.note(change, "unknown_reference", f"{source!r} is not in `retired`; keep its id, zh and type there")
        elif day is not None and (end := self._day(self.retired[source].get("valid_to"))) and end != day:
            self.note(change, "bad_dates", f"{source!r} goes on {day}, but its `valid_to` in `retired` is {end}")
        if source in self.ended:
            self.note(change, "cycle", f"{source!r} went before (line {self.ended[source]}); it cannot go again")
        self.ended.setdefault(source, change[LINE])

    def _target(self, change: Node, target: str, day: date | None) -> None:
        if target in self.ended:
            self.note(change, "cycle", f"{target!r} is former itself (line {self.ended[target]}); use another id")
        cause = self.standing.get(target, {})
        begin, end = self._day(cause.get("valid_from")), self._day(cause.get("valid_to"))
        if day is not None and begin is not None and begin > day:
            self.note(change, "bad_dates", f"{target!r} is valid from {begin}, after the change of {day} leads to it")
        if day is not None and end is not None and end <= day:
            self.note(change, "bad_dates", f"{target!r} is valid to {end}, but the change of {day} leads to it")

    def _targets_exist(self, change: Node) -> None:
        move = move_of(change)
        for target in listed(move[1].get("to")) if move else []:
            if target not in self.tree.cause_ids and str(target) not in self.retired:
                self.note(change, "unknown_reference", f"change leads to {target!r}, which is no cause")
            elif target not in self.tree.cause_ids and str(target) not in self.ended:
                self.note(
                    change, "unknown_reference", f"change leads to {target!r}, and no later one tells where it went"
                )

    def _date(self, node: Node, key: str) -> date | None:
        """Return a date; whatever else is there is noted."""
        value = node.get(key)
        if value is not None and self._day(value) is None:
            self.note(node, "bad_dates", f"`{key}` is {value!r}, no date; write it as 2027-01-01 without quotes")
        return self._day(value)

    @staticmethod
    def _day(value: Any) -> date | None:  # noqa: ANN401 - whatever YAML holds
        return value if isinstance(value, date) and not isinstance(value, datetime) else None
