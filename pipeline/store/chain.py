"""A chain of hashes: every entry of a log carries the hash of the one before, so that none changes unnoticed.

An entry that was altered, removed from the middle or moved breaks the chain. That the newest entries were cut off, the
chain alone cannot tell: whoever must be sure of that keeps the newest hash elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable

START = "0" * 64  # stands before the first entry


def link(previous: str, fields: Iterable[object]) -> str:
    """Return the hash of an entry; JSON keeps its fields apart, so that none can borrow from its neighbour.

    >>> link(START, ["a", "bc"]) == link(START, ["ab", "c"])
    False
    """
    return hashlib.sha256(json.dumps([previous, *fields]).encode()).hexdigest()
