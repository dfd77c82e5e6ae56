"""A narrative as token windows: what is longer than a model's window is read in several that overlap."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from tokenizers import Tokenizer

from pipeline.settings import Settings

Ids = NDArray[np.int64]
TextWindows = Sequence[Sequence[int]]  # the windows of one narrative, each with its begin and end mark


class WindowSettings(Settings):
    """How narratives become windows: lengths in tokens, and the ids of the marks around and after them."""

    window: int = Field(ge=8)  # with the two marks
    overlap: int = Field(ge=0)
    begin: int
    end: int
    pad: int

    @model_validator(mode="after")
    def _moves_on(self) -> "WindowSettings":
        if self.overlap * 2 >= self.window - 2:
            raise ValueError("overlap must be less than half of what a window holds")
        return self


class Windows:
    """Cuts narratives into windows of token ids; every token is in at least one of them."""

    def __init__(self, tokenizer: Tokenizer, settings: WindowSettings) -> None:
        self.tokenizer = tokenizer
        self.settings = settings

    @classmethod
    def load(cls, tokenizer: Path, settings: WindowSettings) -> "Windows":
        """Read a tokenizer.json."""
        return cls(Tokenizer.from_file(str(tokenizer)), settings)

    def cut(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """Return the windows of every narrative, each with its begin and end mark."""
        return [
            self._windows(found.ids) for found in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ]

    def _windows(self, ids: list[int]) -> list[list[int]]:
        held, overlap = self.settings.window - 2, self.settings.overlap
        starts = range(0, max(len(ids) - overlap, 1), held - overlap)
        return [[self.settings.begin, *ids[start : start + held], self.settings.end] for start in starts]


def pad(windows: Sequence[Sequence[int]], filler: int) -> tuple[Ids, Ids]:
    """Return ids and mask (n_windows, longest): 1 where a token stands, 0 where the filler does."""
    ids = np.full((len(windows), max(map(len, windows))), filler, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, window in enumerate(windows):
        ids[row, : len(window)] = window
        mask[row, : len(window)] = 1
    return ids, mask


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield the positions of items, short ones first, so that count times longest stays within a budget of tokens."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and lengths[position] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def flatten(texts: Iterable[TextWindows]) -> tuple[list[Sequence[int]], NDArray[np.int64]]:
    """Return all windows in a row, and for each the number of the narrative it belongs to."""
    windows: list[Sequence[int]] = []
    owners: list[int] = []
    for number, found in enumerate(texts):
        windows += found
        owners += [number] * len(found)
    return windows, np.array(owners, dtype=np.int64)
