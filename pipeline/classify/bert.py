"""The BERT in service: an OpenVINO graph with int8 weights, its tokenizer, and nothing of torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from scipy.special import logsumexp

from pipeline.classify.base import Floats
from pipeline.classify.calibrate import probabilities
from pipeline.classify.windows import Windows, WindowSettings, batches, flatten, pad
from pipeline.settings import load_settings
from pipeline.text import Segmenter

KIND = "bert"
GRAPH, WEIGHTS, TOKENIZER, WINDOWS = "model.xml", "model.bin", "tokenizer.json", "windows.json"
_BATCH_TOKENS = 4096  # larger batches are no faster and need more memory


class BertClassifier:
    """Scores = the scores of a narrative's windows, weighted by how much each has to say (see `join_windows`)."""

    def __init__(self, graph: Path, windows: Windows, threads: int = 0) -> None:
        """Compile a graph (.xml, its .bin beside it); `threads` of 0 takes every core."""
        self.windows = windows
        options = {"INFERENCE_NUM_THREADS": threads} if threads else {}
        self._compiled = openvino.Core().compile_model(graph, "CPU", options)

    @classmethod
    def load(cls, folder: Path, segmenter: Segmenter, threads: int = 0) -> "BertClassifier":
        """Read the files that `pipeline.train.export` wrote; words are not needed, so the segmenter is not used."""
        del segmenter
        settings = load_settings(folder / WINDOWS, WindowSettings)
        return cls(folder / GRAPH, Windows.load(folder / TOKENIZER, settings), threads)

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return unnormalised log-probabilities (n_texts, n_causes)."""
        windows, owners = flatten(self.windows.cut(texts))
        parts: list[tuple[list[int], Floats, Floats]] = []
        for batch in batches([len(window) for window in windows], _BATCH_TOKENS):
            ids, mask = pad([windows[position] for position in batch], self.windows.settings.pad)
            found = self._compiled((ids, mask))
            parts.append((batch, found[0].astype(np.float64), found[1].astype(np.float64)))
        order = np.argsort(np.concatenate([batch for batch, *_ in parts]), kind="stable")
        scores = np.concatenate([scores for _, scores, _ in parts])[order]
        weights = np.concatenate([weights for *_, weights in parts])[order]
        return join_windows(scores, weights, owners)

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return uncalibrated probabilities (n_texts, n_causes)."""
        return probabilities(self.scores(texts))


def join_windows(scores: Floats, weights: Floats, owners: NDArray[np.int64]) -> Floats:
    """Return the scores of narratives (n_texts, n_causes) from those of their windows (n_windows, n_causes).

    `weights` (n_windows,) are the logarithms of how much attention the tokens of each window got together, `owners`
    (n_windows,) tell each window's narrative, ascending. As scores are linear in what is read, this is exactly what one
    window of any length would give with the same attention over all its tokens.
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    totals = np.array([logsumexp(part) for part in np.split(weights, starts[1:])])
    shares = np.exp(weights - totals[owners])
    joined: Floats = np.add.reduceat(scores * shares[:, None], starts, axis=0)
    return joined
