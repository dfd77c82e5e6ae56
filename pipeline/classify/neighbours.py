"""The labelled narratives that a model reads most like a ticket."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, load_npz, save_npz, vstack

from pipeline.classify.model import Model
from pipeline.corpus import Labelled, corpus_sha256

if TYPE_CHECKING:
    from pipeline.classify.base import Floats

_BATCH = 200  # narratives between two signs of progress
_DIGITS = 12  # of a digest, in the name of a file


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labelled narrative and its cosine to what was asked about."""

    row: Labelled
    similarity: float


class Neighbours:
    """Labelled narratives as a model reads them."""

    def __init__(self, model: Model, rows: Sequence[Labelled], vectors: csr_array) -> None:
        """Take `vectors` (n_rows, width) of the rows; `load` makes and keeps them."""
        self.model, self.rows, self.vectors = model, rows, vectors
        self._lengths = _lengths(vectors)

    @classmethod
    def load(
        cls, model: Model, rows: Sequence[Labelled], folder: Path, advance: Callable[[int, int], None] = lambda *_: None
    ) -> "Neighbours":
        """Read the rows once per model and corpus, keep the vectors in `folder`; `advance` is told done and total."""
        rows = sorted(rows, key=lambda row: (row.id, row.text))  # the file's name does not tell their order
        path = folder / f"{model.digest[:_DIGITS]}-{corpus_sha256(rows)[:_DIGITS]}.npz"
        if path.is_file():
            return cls(model, rows, csr_array(load_npz(path)))
        parts = []
        for at in range(0, len(rows), _BATCH):
            advance(at, len(rows))
            parts.append(model.classifier.vectors([row.text for row in rows[at : at + _BATCH]]))
        vectors = csr_array(vstack(parts, format="csr"))
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{os.getpid()}-{path.name}")
        save_npz(partial, vectors)
        partial.replace(path)
        return cls(model, rows, vectors)

    def nearest(self, text: str, n: int = 3) -> list[Neighbour]:
        """Return the `n` labelled narratives nearest to a prepared one by cosine, without that text itself."""
        asked = self.model.classifier.vectors([text])
        cosines = (self.vectors @ asked.T).toarray().ravel() / (self._lengths * _lengths(asked)[0])
        ranked = (index for index in np.argsort(-cosines, kind="stable") if self.rows[index].text != text)
        return [Neighbour(self.rows[index], float(cosines[index])) for index, _ in zip(ranked, range(n), strict=False)]


def _lengths(vectors: csr_array) -> "Floats":
    lengths: Floats = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1), dtype=np.float64)).ravel()
    return np.maximum(lengths, np.finfo(np.float64).tiny)
