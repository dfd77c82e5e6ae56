"""What the checks look at: two models' answers to the same rows, nothing that still has to be computed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.classify.base import Floats
from pipeline.classify.folder import Manifest
from pipeline.corpus import Labelled
from pipeline.taxonomy import Taxonomy

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Labelled narratives that a model is judged on: the corpus's test split, and what was decided blind lately."""

    frozen: tuple[Labelled, ...]
    reviewed: tuple[Labelled, ...] = ()

    @property
    def all(self) -> tuple[Labelled, ...]:
        """Both, the frozen ones first."""
        return self.frozen + self.reviewed


@dataclass(frozen=True, slots=True)
class Recent:
    """A ticket of the last nights, masked."""

    id: str
    narrative: str


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models: what it is, and what it said of n rows and of m recent tickets."""

    name: str
    digest: str
    manifest: Manifest
    types: Ints  # (n,) columns of the taxonomy
    causes: Ints  # (n,)
    confidence: Floats  # (n,) probability of the type
    recent: Ints  # (m,) types
    learned: int | None  # of the frozen rows taught it; None: nobody can tell
    per_second: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Candidate and champion on the same rows."""

    taxonomy: Taxonomy
    rows: Rows
    recent: Sequence[Recent]
    candidate: Side
    champion: Side

    @property
    def true_types(self) -> Ints:
        """The labelled type of every row (n,)."""
        return np.array([self.taxonomy.type_ids.index(row.type) for row in self.rows.all], dtype=np.int64)

    @property
    def true_causes(self) -> Ints:
        """The labelled cause of every row (n,), -1 where only the type is labelled."""
        ids = self.taxonomy.cause_ids
        return np.array([-1 if row.cause is None else ids.index(row.cause) for row in self.rows.all], dtype=np.int64)

    @property
    def same(self) -> bool:
        """Whether both give the same answers to everything."""
        return self.candidate.digest == self.champion.digest
