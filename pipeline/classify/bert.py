"""The BERT in service: an OpenVINO graph with int8 weights, its tokenizer, and nothing of torch."""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as opset
from scipy.sparse import csr_array
from scipy.special import logsumexp

from pipeline.classify.base import Floats
from pipeline.classify.calibrate import probabilities
from pipeline.classify.runtime import Runtime
from pipeline.classify.windows import Ids, TextWindows, Windows, WindowSettings, batches, flatten, pad
from pipeline.settings import load_settings

KIND = "bert"
GRAPH, WEIGHTS, TOKENIZER, WINDOWS = "model.xml", "model.bin", "tokenizer.json", "windows.json"
OUTPUTS = ("scores", "weights", "vectors")  # of the graph: (windows, causes), (windows,), (windows, width)

Batch = tuple[Ids, Ids]  # ids and mask of some windows (n, longest)
Run = Callable[[Iterable[Batch]], Iterable[tuple[Floats, Floats]]]  # values (n, width) and weights (n,), batch by batch


class WindowClassifier(ABC):
    """Scores = the scores of a narrative's windows, weighted by how much each has to say (see `join_windows`)."""

    windows: Windows

    @property
    @abstractmethod
    def threads(self) -> int:
        """How many cores it uses by itself."""

    @abstractmethod
    def _read(self, cut: Sequence[TextWindows], values: str) -> Floats:
        """Run the network over the windows of narratives and join its "scores" or "vectors": (n_texts, width)."""

    def prepare(self, texts: Sequence[str]) -> Callable[[], Floats]:
        """Cut narratives into tokens; what is returned runs the network over them and gives their scores."""
        return partial(self._read, self.windows.cut(texts), "scores")

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return unnormalised log-probabilities (n_texts, n_causes)."""
        return self.prepare(texts)()

    def vectors(self, texts: Sequence[str]) -> csr_array:
        """Return the vectors (n_texts, width) that attention over all tokens makes of narratives."""
        return csr_array(self._read(self.windows.cut(texts), "vectors").astype(np.float32))

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return uncalibrated probabilities (n_texts, n_causes)."""
        return probabilities(self.scores(texts))


class BertClassifier(WindowClassifier):
    """OpenVINO on the cores of a processor."""

    def __init__(self, graph: Path, windows: Windows, runtime: Runtime) -> None:
        """Compile a graph (.xml, its .bin beside it) for an arithmetic."""
        self.windows, self.runtime = windows, runtime
        core = openvino.Core()
        model = core.read_model(graph)
        if runtime.arithmetic != "int8":
            _unpack(model)
        compiled = core.compile_model(model, "CPU", runtime.options())
        self._requests = [compiled.create_infer_request() for _ in range(runtime.streams)]
        self._one_caller = threading.Lock()

    @classmethod
    def load(cls, folder: Path, runtime: Runtime | None = None) -> "BertClassifier":
        """Read the files that `pipeline.train.export` wrote."""
        return cls(folder / GRAPH, load_windows(folder), runtime or Runtime())

    @property
    def threads(self) -> int:
        """As many as batches are at work at once."""
        return self.runtime.streams

    def _read(self, cut: Sequence[TextWindows], values: str) -> Floats:
        return read_windows(cut, self.windows.settings.pad, partial(self._run, values), self.runtime.batch_tokens)

    def _run(self, values: str, inputs: Iterable[Batch]) -> Iterator[tuple[Floats, Floats]]:
        """Run batches side by side, and give what they say in their order.

        Requests take turns. OpenVINO's own queue calls back into Python from its threads, and a model that is dropped
        while one of them still waits for the interpreter never ends.
        """
        at_work: deque[openvino.InferRequest] = deque()
        free = deque(self._requests)
        with self._one_caller:  # several would only wait for one another's cores
            for batch in inputs:
                if not free:
                    yield self._taken(at_work.popleft(), values, free)
                request = free.popleft()
                request.start_async(batch)
                at_work.append(request)
            while at_work:
                yield self._taken(at_work.popleft(), values, free)

    @staticmethod
    def _taken(
        request: openvino.InferRequest, values: str, free: deque[openvino.InferRequest]
    ) -> tuple[Floats, Floats]:
        request.wait()
        found, weights = (request.get_output_tensor(OUTPUTS.index(name)).data.copy() for name in (values, "weights"))
        free.append(request)
        return found, weights


def _unpack(model: openvino.Model) -> None:
    """Put the numbers that packed weights stand for in their place.

    With bf16, OpenVINO 2026.4 computes matrix products with packed weights wrongly (one of two narratives got another
    cause) and, where it is right, slower than with plain ones.
    """
    fixed: set[str] = set()  # what depends on no input
    packed: dict[str, list[openvino.Input]] = {}
    sources: dict[str, openvino.Output] = {}
    for node in model.get_ordered_ops():
        places = node.inputs()
        given = [place.get_source_output() for place in places]
        if all(output.get_node().get_name() in fixed for output in given) and node.get_type_name() != "Parameter":
            fixed.add(node.get_name())
            continue
        for place, output in zip(places, given, strict=True):
            name = output.get_node().get_name()
            is_packed = name in fixed and output.get_node().get_type_name() != "Constant"
            if is_packed and output.get_element_type() == openvino.Type.f32:
                packed.setdefault(name, []).append(place)
                sources[name] = output
    if not packed:
        return
    for name, values in zip(sources, values_of(list(sources.values())), strict=True):
        constant = opset.constant(values, dtype=np.float32)
        for place in packed[name]:
            place.replace_source_output(constant.output(0))


def values_of(constants: Sequence[openvino.Output]) -> list[NDArray[np.float32]]:
    """Return what outputs of a graph that depend on no input stand for, whatever they are packed as."""
    graph = openvino.Model(list(constants), [], "weights")
    found = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([])
    return [np.array(found[place], dtype=np.float32) for place in range(len(constants))]


def load_windows(folder: Path) -> Windows:
    """Read what cuts narratives for a model folder's BERT."""
    return Windows.load(folder / TOKENIZER, load_settings(folder / WINDOWS, WindowSettings))


def read_windows(cut: Sequence[TextWindows], filler: int, run: Run, tokens: int = 1024) -> Floats:
    """Run a network over the windows of narratives and join what it gives: (n_texts, width).

    Windows of similar length go together, `tokens` at a time, with `filler` after the shorter ones; long ones first, so
    that what runs last, while other cores have nothing left to do, is short.
    """
    every, owners = flatten(cut)
    groups = list(batches([len(window) for window in every], tokens))[::-1]
    found = run(pad([every[position] for position in group], filler) for group in groups)
    parts = list(found)
    back = np.argsort(np.concatenate(groups))
    values, weights = (np.concatenate([part[at] for part in parts]).astype(np.float64)[back] for at in (0, 1))
    return join_windows(values, weights, owners)


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
