"""The BERT in service: an OpenVINO graph with int8 weights, its tokenizer, and nothing of torch."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import logsumexp

from pipeline.classify.base import Floats
from pipeline.classify.calibrate import probabilities
from pipeline.classify.windows import Ids, Windows, WindowSettings, batches, flatten, pad
from pipeline.settings import load_settings
from pipeline.text import Segmenter

KIND = "bert"
GRAPH, WEIGHTS, TOKENIZER, WINDOWS = "model.xml", "model.bin", "tokenizer.json", "windows.json"
OUTPUTS = ("scores", "weights", "vectors")  # of the graph: (windows, causes), (windows,), (windows, width)
_BATCH_TOKENS = 4096  # larger batches are no faster and need more memory


class BertClassifier:
    """Scores = the scores of a narrative's windows, weighted by how much each has to say (see `join_windows`)."""

    def __init__(self, graph: Path, windows: Windows, threads: int = 0) -> None:
        """Compile a graph (.xml, its .bin beside it); `threads` of 0 takes every core."""
        self.windows = windows
        # In bf16, which OpenVINO takes where the processor has it, half as many tickets again get another cause than
        # the trained model gave them (18 instead of 12 of 2,575), others on other processors. It saves a tenth of the
        # time.
        options: dict[str, str | int] = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        self._compiled = openvino.Core().compile_model(graph, "CPU", options)

    @classmethod
    def load(cls, folder: Path, segmenter: Segmenter, threads: int = 0) -> "BertClassifier":
        """Read the files that `pipeline.train.export` wrote; words are not needed, so the segmenter is not used."""
        del segmenter
        settings = load_settings(folder / WINDOWS, WindowSettings)
        return cls(folder / GRAPH, Windows.load(folder / TOKENIZER, settings), threads)

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return unnormalised log-probabilities (n_texts, n_causes)."""
        return read_windows(self.windows, texts, self._run("scores"))

    def vectors(self, texts: Sequence[str]) -> csr_array:
        """Return the vectors (n_texts, width) that attention over all tokens makes of narratives."""
        return csr_array(read_windows(self.windows, texts, self._run("vectors")).astype(np.float32))

    def _run(self, values: str) -> Callable[[Ids, Ids], tuple[Floats, Floats]]:
        place, weights = OUTPUTS.index(values), OUTPUTS.index("weights")

        def run(ids: Ids, mask: Ids) -> tuple[Floats, Floats]:
            found = self._compiled((ids, mask))
            return found[place], found[weights]

        return run

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return uncalibrated probabilities (n_texts, n_causes)."""
        return probabilities(self.scores(texts))


def read_windows(windows: Windows, texts: Sequence[str], run: Callable[[Ids, Ids], tuple[Floats, Floats]]) -> Floats:
    """Run a network over the windows of narratives and join what it gives: (n_texts, width).

    `run` takes ids and mask of some windows (n, longest) and returns their values (n, width) and weights (n,).
    """
    every, owners = flatten(windows.cut(texts))
    order: list[int] = []
    values, weights = [], []
    for batch in batches([len(window) for window in every], _BATCH_TOKENS):
        found, weight = run(*pad([every[position] for position in batch], windows.settings.pad))
        order += batch
        values.append(np.asarray(found, dtype=np.float64))
        weights.append(np.asarray(weight, dtype=np.float64))
    back = np.argsort(order)
    return join_windows(np.concatenate(values)[back], np.concatenate(weights)[back], owners)


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
