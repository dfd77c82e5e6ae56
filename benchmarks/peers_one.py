"""One peer of benchmarks/peers.py, which starts it as a process of its own.

    python benchmarks/peers_one.py PEER FOLDER TEXTS RESULT

loads what `peers_made` left in a folder, warms up and reads the narratives of TEXTS (.json). RESULT (.npz) gets the
seconds of that, of the clock and of the processor, without loading; with --probabilities those of all causes.
"""

import argparse
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # memory is measured: a peer loads what it needs and no more
    from pipeline.classify.windows import Ids, Windows

Floats = NDArray[np.float64]  # or of less precision, as libraries give them
WEIGHTS, TOKENIZER, SETTINGS = "transformers", "tokenizer.json", "windows.json"  # under the folder
BATCH = 32  # windows for ONNX Runtime
BATCH_TOKENS = 1024  # for OpenVINO
WARM = 64  # narratives


@dataclass(frozen=True)
class Windowed:
    """What was read of windows: their scores and weights, and whose they are."""

    scores: Floats
    weights: Floats
    owners: NDArray[np.int64]


class Peer(Protocol):
    """What reads narratives against the clock, and tells afterwards what it found."""

    def read(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 - every library returns another thing
        """Return the best cause of narratives, or what it follows from."""

    def probabilities(self, found: Any) -> Floats:  # noqa: ANN401
        """Return what was read as probabilities (n_texts, n_causes)."""


class _Graph(ABC):
    """A peer that reads windows, short ones first."""

    def __init__(self, windows: "Windows") -> None:
        self._windows = windows

    @abstractmethod
    def _run(self, windows: Sequence[Sequence[int]]) -> Iterator[tuple[Sequence[int], Floats, Floats]]:
        """Yield positions of windows with their scores and weights, in any order."""

    def read(self, texts: Sequence[str]) -> Windowed:
        """Return the scores of all windows."""
        from pipeline.classify.windows import flatten  # noqa: PLC0415

        windows, owners = flatten(self._windows.cut(texts))
        positions, scores, weights = zip(*self._run(windows), strict=True)
        back = np.argsort(np.concatenate(positions))
        return Windowed(np.concatenate(scores)[back], np.concatenate(weights)[back], owners)

    def probabilities(self, found: Windowed) -> Floats:
        """Join the windows of each narrative as gongdan does."""
        from pipeline.classify.bert import join_windows  # noqa: PLC0415
        from pipeline.classify.calibrate import probabilities  # noqa: PLC0415

        return probabilities(join_windows(found.scores.astype(np.float64), found.weights, found.owners))

    def _padded(self, windows: Sequence[Sequence[int]], batch: Sequence[int]) -> "tuple[Ids, Ids]":
        from pipeline.classify.windows import pad  # noqa: PLC0415

        return pad([windows[at] for at in batch], self._windows.settings.pad)


class OnnxRuntime(_Graph):
    """ONNX Runtime, a batch after the other on all cores."""

    def __init__(self, graph: Path, windows: "Windows", threads: int) -> None:
        import onnxruntime  # noqa: PLC0415

        super().__init__(windows)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._names = [entry.name for entry in self._session.get_inputs()]

    def _run(self, windows: Sequence[Sequence[int]]) -> Iterator[tuple[Sequence[int], Floats, Floats]]:
        order = sorted(range(len(windows)), key=[len(window) for window in windows].__getitem__)
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            given = dict(zip(self._names, self._padded(windows, batch), strict=True))
            yield batch, *self._session.run(None, given)


class OpenVino(_Graph):
    """OpenVINO, as many requests at once as it finds best for throughput."""

    def __init__(self, graph: Path, windows: "Windows", threads: int, precision: str) -> None:
        import openvino  # noqa: PLC0415

        super().__init__(windows)
        options = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,  # of its own accord it would quantise what flows between layers
        }
        self._queue = openvino.AsyncInferQueue(openvino.Core().compile_model(graph, "CPU", options))

    def _run(self, windows: Sequence[Sequence[int]]) -> Iterator[tuple[Sequence[int], Floats, Floats]]:
        from pipeline.classify.windows import batches  # noqa: PLC0415

        found: list[tuple[Sequence[int], Floats, Floats]] = []

        def keep(request: Any, batch: Sequence[int]) -> None:  # noqa: ANN401
            found.append((batch, *(request.get_output_tensor(at).data.copy() for at in range(2))))

        self._queue.set_callback(keep)
        for batch in batches([len(window) for window in windows], BATCH_TOKENS):
            self._queue.start_async(list(self._padded(windows, batch)), batch)
        self._queue.wait_all()
        yield from found


def load_windows(folder: Path) -> "Windows":
    """Return what cuts narratives into windows."""
    from pipeline.classify.windows import Windows, WindowSettings  # noqa: PLC0415
    from pipeline.settings import load_settings  # noqa: PLC0415

    return Windows.load(folder / TOKENIZER, load_settings(folder / SETTINGS, WindowSettings))


def _pipeline(folder: Path, threads: int, every: bool) -> Peer:
    from peers_torch import Pipeline  # noqa: PLC0415

    return Pipeline(folder / WEIGHTS, threads, every)


def _sentences(folder: Path, threads: int, every: bool) -> Peer:
    from peers_torch import Sentences  # noqa: PLC0415

    return Sentences(folder / WEIGHTS, threads, every)


def _onnx(name: str) -> Callable[[Path, int, bool], Peer]:
    return lambda folder, threads, _: OnnxRuntime(folder / name, load_windows(folder), threads)


def _openvino(name: str, precision: str) -> Callable[[Path, int, bool], Peer]:
    return lambda folder, threads, _: OpenVino(folder / name, load_windows(folder), threads, precision)


ONNX, ONNX_INT8, OPENVINO, OPENVINO_INT8 = "fp32.onnx", "int8.onnx", "fp32.xml", "int8.xml"
PEERS: Mapping[str, Callable[[Path, int, bool], Peer]] = {
    "transformers pipeline, fp32": _pipeline,
    "sentence-transformers, fp32": _sentences,
    "ONNX Runtime, fp32": _onnx(ONNX),
    "ONNX Runtime, int8 (quantize_dynamic)": _onnx(ONNX_INT8),
    "OpenVINO, fp32": _openvino(OPENVINO, "f32"),
    "OpenVINO, bf16": _openvino(OPENVINO, "bf16"),
    "OpenVINO, int8 (nncf.quantize)": _openvino(OPENVINO_INT8, "f32"),
}


def main() -> None:
    """Run one peer over some narratives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--probabilities", action="store_true")
    options = parser.parse_args()
    texts = json.loads(options.texts.read_text(encoding="utf-8"))
    peer = PEERS[options.peer](options.folder, options.threads, options.probabilities)
    peer.read(texts[:WARM])
    started, used = time.monotonic(), time.process_time()
    found = peer.read(texts)
    seconds, processor = time.monotonic() - started, time.process_time() - used
    told = {"seconds": np.array(seconds), "cpu_seconds": np.array(processor)}
    if options.probabilities:
        told["probabilities"] = peer.probabilities(found)
    np.savez(options.result, allow_pickle=False, **told)


if __name__ == "__main__":
    main()
