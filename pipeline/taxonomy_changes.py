"""What became of causes that were renamed, merged or split, and how an older tree adds up to the present one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

RENAME, MERGE, SPLIT = "rename", "merge", "split"
KINDS = (RENAME, MERGE, SPLIT)
Tree = Sequence[tuple[str, str]]  # (cause id, type id) in the order of the probability columns


@dataclass(frozen=True, slots=True)
class Retired:
    """A former cause: it stands in the tree no more, but old labels and predictions name it."""

    id: str
    name: str
    type_id: str
    valid_to: date  # the first day on which it did not count any more


@dataclass(frozen=True, slots=True)
class Change:
    """What happened on a day: the causes `sources` became the causes `targets`.

    Of a rename both have one; of a merge only `targets` has, which may be one of the sources; of a split only
    `sources` has.
    """

    on: date
    kind: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Projection:
    """How the columns of an older tree add up to those of the present one.

    `matrix` (n_old, n_new) has a 1 where an old column belongs to a new one: new = old @ matrix. The row of a cause in
    `stopped_by` is empty: it was split, or the present tree does not know it, so nobody can say where its probability
    belongs, and the matrix must not be used. `blind_to` are present causes that no old one leads to.
    """

    matrix: NDArray[np.float64]
    stopped_by: tuple[str, ...]
    blind_to: tuple[str, ...]


class Lineage:
    """The way from any former cause to the present tree; changes are followed in a chain.

    >>> day = date(2027, 1, 1)
    >>> merge = Change(day, MERGE, ("a", "b"), ("c",))
    >>> lineage = Lineage([("c", "x"), ("d", "x"), ("e", "y")], [merge, Change(day, SPLIT, ("f",), ("d", "e"))])
    >>> lineage.successor("a"), lineage.successor("f"), lineage.parts("f")
    ('c', None, ('d', 'e'))
    >>> lineage.projection([("a", "x"), ("b", "x"), ("e", "y")]).matrix.tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    def __init__(self, tree: Tree, changes: Sequence[Change] = ()) -> None:
        """Take the present tree and everything that led to it, in the order of time."""
        self.tree = tuple(tree)
        self._types: Mapping[str, str] = dict(self.tree)
        # What each former cause became; None stands for a cause that is gone without a successor.
        self._became: dict[str, tuple[str | None, ...]] = {}
        for change in reversed(changes):
            leaves = tuple(dict.fromkeys(leaf for target in change.targets for leaf in self._leaves(target)))
            self._became |= {source: leaves for source in change.sources if source not in change.targets}

    def successor(self, cause_id: str) -> str | None:
        """Return the one present cause that a cause is or became; None if it was split, or is not known."""
        leaves = self._leaves(cause_id)
        return leaves[0] if len(leaves) == 1 else None

    def parts(self, cause_id: str) -> tuple[str, ...]:
        """Return the present causes that a cause was split into; none if it was not."""
        leaves = self._leaves(cause_id)
        return tuple(leaf for leaf in leaves if leaf is not None) if len(leaves) > 1 else ()

    def former(self, cause_id: str) -> tuple[str, ...]:
        """Return the causes that became a present one."""
        return tuple(source for source, leaves in self._became.items() if leaves == (cause_id,))

    def read(self, type_id: str, cause_id: str) -> tuple[str, str]:
        """Return type and cause as the present tree has them; unchanged where a cause was split or is not known."""
        successor = self.successor(cause_id)
        return (type_id, cause_id) if successor is None else (self._types[successor], successor)

    def projection(self, old_tree: Tree) -> Projection:
        """Return how the columns of an older tree add up to the present ones."""
        column = {cause_id: at for at, (cause_id, _) in enumerate(self.tree)}
        matrix = np.zeros((len(old_tree), len(self.tree)))
        stopped = []
        for row, (cause_id, _) in enumerate(old_tree):
            successor = self.successor(cause_id)
            if successor is None:
                stopped.append(cause_id)
            else:
                matrix[row, column[successor]] = 1.0
        blind = tuple(cause_id for cause_id, at in column.items() if not matrix[:, at].any())
        return Projection(matrix, tuple(stopped), blind)

    def _leaves(self, cause_id: str) -> tuple[str | None, ...]:
        return (cause_id,) if cause_id in self._types else self._became.get(cause_id, (None,))
