"""Who read what: the labels of both readers, and which narratives are hard on purpose."""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import CorpusError, FileError

# Why a narrative is hard. `other_words`: those of another cause are there and the grievance is not that one.
HARD = ("other_words", "negation", "sarcasm", "last_sentence", "no_domain_word", "boundary")
HERE, THERE = "here", "there"  # does a narrative of a boundary pair fall under its rule, or is it the counterpart


@dataclass(frozen=True, slots=True)
class Reading:
    """One narrative: the writer's label, the second reader's, and why it is hard ('' if it is not).

    A narrative of a boundary pair names the pair (`arrears-03`: the rule and a number) and its side of the rule.
    """

    id: str
    first: str
    second: str
    hard: str = ""
    pair: str = ""
    side: str = ""


_COLUMNS = ("id", "first", "second", "hard", "pair", "side")


def load_readings(path: Path) -> list[Reading]:
    """Read a .csv with the columns of `Reading`.

    Raises FileError if there is none, CorpusError for other columns, an unknown reason, or an id that stands twice.
    """
    if not path.is_file():
        raise FileError("file_missing", f"找不到文件 {path}，请检查路径。")
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != _COLUMNS:
            raise CorpusError("corpus_invalid", f"{path}: the columns must be {','.join(_COLUMNS)}")
        readings = [Reading(**row) for row in table]
    if twice := [name for name, count in Counter(reading.id for reading in readings).items() if count > 1]:
        raise CorpusError("corpus_invalid", f"{path}: {twice[0]} stands twice")
    for reading in readings:
        if reading.hard not in ("", *HARD) or reading.side not in ("", HERE, THERE):
            known = f"hard may be {', '.join(HARD)}, side {HERE} or {THERE}, or empty"
            raise CorpusError("corpus_invalid", f"{path}: {reading.id}: {known}")
    return readings


def pairs_per_rule(readings: Sequence[Reading]) -> dict[str, int]:
    """Count the pairs of every boundary rule of which both sides are there."""
    sides: dict[str, set[str]] = defaultdict(set)
    for reading in readings:
        if reading.pair:
            sides[reading.pair].add(reading.side)
    return dict(Counter(pair.rsplit("-", 1)[0] for pair, found in sorted(sides.items()) if found == {HERE, THERE}))
