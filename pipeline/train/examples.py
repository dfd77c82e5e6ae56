"""Labelled narratives as batches of token windows, the same ones in every run."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from pipeline.classify.windows import Windows, batches, flatten, pad
from pipeline.corpus.noise import add_noise
from pipeline.text import read_narrative

_CHUNK_TOKENS = 1024  # of windows of similar length that go through the encoder together; more is slower on a CPU


@dataclass(frozen=True, slots=True)
class Example:
    """A narrative as windows, with the columns of its cause (-1: not labelled) and of its type."""

    windows: list[list[int]]
    label: int
    type: int


class Examples(Dataset[Example]):
    """Narratives by (epoch, number): every epoch has its own noise, the same in every run."""

    def __init__(
        self,
        texts: Sequence[str],
        labels: NDArray[np.int64],
        types: NDArray[np.int64],
        windows: Windows,
        *,
        noise: float,
        seed: int,
    ) -> None:
        """Take prepared narratives with the columns of their causes and types (n,); a share `noise` gets defects."""
        self.texts, self.labels, self.types = texts, labels, types
        self.windows, self.noise, self.seed = windows, noise, seed

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, key: tuple[int, int]) -> Example:
        epoch, number = key
        source = random.Random(f"{self.seed}-{epoch}-{number}")  # noqa: S311 - noise, not secrets
        text = self.texts[number]
        if source.random() < self.noise:
            # As in service: what normalising undoes is undone, what it cannot undo is learned.
            text = read_narrative(add_noise(text, source)).text or text
        return Example(self.windows.cut([text])[0], int(self.labels[number]), int(self.types[number]))


class Batches(Sampler[list[tuple[int, int]]]):
    """Batches of so many narratives, shuffled anew in every epoch, as (epoch, number).

    Short and long ones are mixed: a step on two letters alone would be one on their quirks.
    """

    def __init__(self, rows: int, size: int, seed: int) -> None:
        self.rows, self.size, self.seed, self.epoch = rows, size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Make the order depend on the epoch alone; the Trainer calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.rows / self.size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        for start in range(0, self.rows, self.size):
            yield [(self.epoch, int(number)) for number in order[start : start + self.size]]


def collate_with(filler: int) -> Callable[[Sequence[Example]], dict[str, Any]]:
    """Return what turns examples into tensors: windows of similar length together, so that little is filled up."""

    def collate(examples: Sequence[Example]) -> dict[str, Any]:
        windows, owners = flatten([example.windows for example in examples])
        parts = list(batches([len(window) for window in windows], _CHUNK_TOKENS))
        padded = [pad([windows[position] for position in part], filler) for part in parts]
        return {
            "labels": torch.tensor([example.label for example in examples]),
            "types": torch.tensor([example.type for example in examples]),
            "input_ids": [torch.from_numpy(ids) for ids, _ in padded],
            "attention_mask": [torch.from_numpy(mask) for _, mask in padded],
            "owners": torch.from_numpy(owners[np.concatenate(parts)]),
        }

    return collate
