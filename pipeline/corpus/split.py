"""Which narratives teach, which calibrate, which test: fixed by content, near-duplicates always together."""

import hashlib
from collections.abc import Mapping, Sequence

from datasketch import MinHash, MinHashLSH

from pipeline.corpus.load import SPLITS, Labelled, Split

SHARES: Mapping[Split, float] = {"train": 0.7, "calibration": 0.15, "test": 0.15}
SHINGLE = 5  # characters
# Two narratives that share more than this part of the shorter one's shingles are near-duplicates. Half is what must
# never lie on both sides; a little less leaves a margin.
NEAR = 0.4
_PERMUTATIONS = 128
# A short narrative inside a long one has a small Jaccard index, so candidates are taken from far down and checked.
_CANDIDATE = 0.1


def shingles(text: str) -> frozenset[str]:
    """Return the runs of five characters of a narrative without its punctuation and blanks."""
    letters = "".join(character for character in text if character.isalnum())
    return frozenset(letters[at : at + SHINGLE] for at in range(max(len(letters) - SHINGLE + 1, 1)))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return which part of the smaller set is in the other."""
    return len(one & other) / min(len(one), len(other))


def own_split(text: str) -> Split:
    """Return the split a narrative would lie in alone: its sha256 taken as a number between 0 and 1."""
    draw = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
    if draw < SHARES["test"]:
        return "test"
    return "calibration" if draw < SHARES["test"] + SHARES["calibration"] else "train"


def near_duplicates(texts: Sequence[str]) -> list[int]:
    """Return a group number for every narrative; near-duplicates, and their near-duplicates, share one.

    Broder 1997, "On the resemblance and containment of documents", by datasketch's MinHash; candidates are checked.
    """
    sets = [shingles(text) for text in texts]
    index = MinHashLSH(threshold=_CANDIDATE, num_perm=_PERMUTATIONS)
    groups = list(range(len(texts)))
    for number, pieces in enumerate(sets):
        signature = MinHash(num_perm=_PERMUTATIONS)
        signature.update_batch([piece.encode() for piece in sorted(pieces)])
        for found in index.query(signature):
            if overlap(pieces, sets[found]) > NEAR:
                groups[_root(groups, number)] = _root(groups, found)
        index.insert(number, signature)
    return [_root(groups, number) for number in range(len(texts))]


def assign(texts: Sequence[str], said: Sequence[Split | None] = ()) -> list[Split]:
    """Return the split of every narrative: a group of near-duplicates lies where its most protected member lies.

    `said` is what rows say of themselves (None: nothing); it counts in place of their content. The rest follows from
    content alone, so adding narratives moves a row at most towards test, never from test to train.
    """
    groups = near_duplicates(texts)
    protected: dict[int, int] = {}
    for group, text, own in zip(groups, texts, said or [None] * len(texts), strict=True):
        protected[group] = max(protected.get(group, 0), SPLITS.index(own or own_split(text)))
    return [SPLITS[protected[group]] for group in groups]


def splits_of(rows: Sequence[Labelled]) -> list[Split]:
    """Return the split of every row: as all of them say, else by content and by what some say.

    A row that says train lies elsewhere if it is a near-duplicate of what calibrates or tests.
    """
    said = [row.split for row in rows]
    found = [split for split in said if split is not None]
    return found if len(found) == len(rows) else assign([row.text for row in rows], said)


def _root(groups: list[int], number: int) -> int:
    while groups[number] != number:
        groups[number] = groups[groups[number]]
        number = groups[number]
    return number
