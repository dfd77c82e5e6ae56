"""A cause that the taxonomy lacks: tickets that hint at it, and a taxonomy file that has it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from pipeline.corpus import Labelled
from pipeline.errors import TaxonomyError
from pipeline.nightly.watch.groups import Rows, contrast, cores, members, separate, threshold
from pipeline.nightly.watch.known import Corpus
from pipeline.nightly.watch.settings import WatchSettings
from pipeline.nightly.watch.telling import telling_words
from pipeline.nightly.watch.vectors import nearness, space
from pipeline.settings import LEXICON, resolve
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy
from pipeline.text import Lexicon, Segmenter
from pipeline.workbench.reading import Place

_VERSION = re.compile(r"^version:.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class UnlikeTickets:
    """Groups of tickets that are more like each other than like anything known."""

    frame: (
        pd.DataFrame
    )  # one row per ticket: group, ticket_id, narrative (masked), nearness (0 to 1, to anything known)
    groups: pd.DataFrame  # one row per group, the largest first: group, tickets, words (that set it apart)


def unlike_tickets(
    answers: pd.DataFrame, corpus: Sequence[Labelled], watch: Place = "configs/watch.yaml"
) -> UnlikeTickets:
    """Find tickets unlike anything known, in groups; each may be a cause that the taxonomy lacks.

    `answers` is the frame of `stored_answers` or `answer` (it needs ticket_id, narrative, type, answer). Known are the
    `corpus` and the tickets with a safe answer; groups begin among the others. These are the proposals of the nightly
    report (docs/watch.md), with all their tickets, the least known first. No group is no error.
    """
    settings = WatchSettings.load(resolve(Path(watch)))
    limits, texts = settings.proposals, answers["narrative"].tolist()
    safe = (answers["answer"] != "none") & (answers["type"] != OUT_OF_SCOPE)
    unsure = np.flatnonzero(~safe.to_numpy())[: limits.candidates]
    if len(unsure) < limits.core or len(corpus) < limits.core:
        return _grouped(answers, [], np.zeros(len(answers)), corpus, limits.words)
    placed = space([row.text for row in corpus], texts, np.flatnonzero(safe.to_numpy()).tolist(), (), limits.common)
    found = contrast(placed.tonight[unsure], placed.known, limits)
    least = threshold(placed.known, len(found.kept), limits, settings.seed)
    starts = [unsure[core] for core in cores(found, least, limits)]
    groups = [np.union1d(core, members(placed.tonight[core], placed.tonight, placed.known, limits)) for core in starts]
    near = nearness(placed.tonight, placed.known, limits.nearest)
    kept = [groups[at] for at in separate(groups) if len(groups[at]) >= limits.tickets]
    return _grouped(answers, sorted(kept, key=len, reverse=True), near, corpus, limits.words)


def add_cause(
    cause_id: str,
    name: str,
    *,
    below: str,
    definition: str,
    output: Place,
    cues: Sequence[str] = (),
    version: str | None = None,
    taxonomy: Place = "configs/taxonomy.yaml",
) -> Taxonomy:
    """Write a taxonomy file with one more cause, and return it as it was read again.

    `below` is the id of a level-2 group (or of a type without groups), whose last cause it becomes; `version` that of
    the new tree, the old one's with "+" and the id unless told. The rest of the file stays as it was, comments too.
    `gongdan taxonomy check --file` checks it as well. Raises TaxonomyError if there is no such group, or for an id or
    name that is taken.
    """
    source = resolve(Path(taxonomy))
    before, text = Taxonomy.load(source), source.read_text(encoding="utf-8")
    node = {"id": cause_id, "zh": name, "evidence": "practice", "definition": definition, "cues": list(cues)}
    line = yaml.safe_dump(node, allow_unicode=True, default_flow_style=True, sort_keys=False, width=10_000).strip()
    last = _last_cause(text, below)
    lines = text.splitlines()
    # A block ends where the next thing begins, a {...} on its own last line.
    end = last.end_mark.line + 1 if last.flow_style else max(last.end_mark.line, last.start_mark.line + 1)
    lines.insert(end, f"{' ' * (last.start_mark.column - 2)}- {line}")  # "- " stands before each
    told = version or f"{before.version}+{cause_id}"
    path = resolve(Path(output))
    path.parent.mkdir(parents=True, exist_ok=True)
    changed = _VERSION.sub(lambda _: f"version: {yaml.safe_dump(told).splitlines()[0]}", "\n".join(lines), count=1)
    path.write_text(changed + "\n", encoding="utf-8")
    return Taxonomy.load(path)


def _last_cause(text: str, below: str) -> yaml.MappingNode:
    """Return the node of the last cause of a group or type; raises TaxonomyError."""
    document = yaml.compose(text)
    for kind in _items(document, "types"):
        for group, causes in [(kind, "causes"), *((group, "level3") for group in _items(kind, "level2"))]:
            found = _items(group, causes)
            if _value(group, "id") == below and found:
                return found[-1]
    raise TaxonomyError("group_missing", f"the taxonomy has no group {below!r} with causes; give a level-2 id")


def _items(node: Any, key: str) -> list[yaml.MappingNode]:  # noqa: ANN401 - yaml's nodes are not typed
    return next((list(value.value) for name, value in node.value if name.value == key), [])


def _value(node: yaml.MappingNode, key: str) -> str | None:
    return next((value.value for name, value in node.value if name.value == key), None)


def _grouped(
    answers: pd.DataFrame, groups: Sequence[Rows], near: np.ndarray[Any, Any], corpus: Sequence[Labelled], words: int
) -> UnlikeTickets:
    known = Corpus(corpus, Segmenter(Lexicon.load(LEXICON)))
    parts, told = [], []
    for number, rows in enumerate(groups, start=1):
        part = answers.iloc[rows][["ticket_id", "narrative"]].assign(group=number, nearness=near[rows])
        parts.append(part.sort_values("nearness"))
        told.append((number, len(rows), " ".join(telling_words(part["narrative"].tolist(), known, words))))
    columns = ["group", "ticket_id", "narrative", "nearness"]
    frame = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return UnlikeTickets(frame, pd.DataFrame(told, columns=["group", "tickets", "words"]))
