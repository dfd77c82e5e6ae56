"""How many multiplications the processor manages, and how many a ticket takes."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino
from openvino import Node
from openvino import opset13 as ops

ROWS = (128, 1024, 4096)  # tokens at once: what is best depends on the caches
PAIRS = 4  # of products: quantising the first one's input hardly counts then
SECONDS = 3.0  # for each


@dataclass(frozen=True)
class Shape:
    """Of a BERT: its layers, its width and that inside its feed-forward parts."""

    layers: int
    width: int
    inner: int

    @classmethod
    def of(cls, weights: Path) -> "Shape":
        """Read what transformers wrote."""
        told = json.loads((weights / "config.json").read_text(encoding="utf-8"))
        return cls(told["num_hidden_layers"], told["hidden_size"], told["intermediate_size"])

    def operations(self, lengths: Sequence[int]) -> float:
        """Return the multiplications and additions for windows of so many tokens, without fillers."""
        tokens = np.array(lengths, dtype=float)
        of_token = 4 * self.width**2 + 2 * self.width * self.inner + 2 * tokens * self.width
        return float(2 * self.layers * (tokens * of_token).sum())


def int8_peak(shape: Shape, threads: int) -> float:
    """Return operations a second of the feed-forward products in int8, one stream a thread, and nothing else."""
    return max(_rate(shape, rows, threads) for rows in ROWS)


def _rate(shape: Shape, rows: int, threads: int) -> float:
    options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads}
    queue = openvino.AsyncInferQueue(openvino.Core().compile_model(_products(shape, rows), "CPU", options))
    given = np.random.default_rng(1).random((rows, shape.width), dtype=np.float32)
    operations = 2 * rows * shape.width * shape.inner * 2 * PAIRS
    for _ in range(2 * threads):
        queue.start_async([given])
    queue.wait_all()
    started, done = time.monotonic(), 0
    while time.monotonic() - started < SECONDS:
        queue.start_async([given])
        done += 1
    queue.wait_all()
    return done * operations / (time.monotonic() - started)


def _products(shape: Shape, count: int) -> openvino.Model:
    source = ops.parameter([count, shape.width], np.float32)
    node = _quantised(source, 0.0, 1.0, 256)
    for _ in range(PAIRS):
        for rows, columns in ((shape.width, shape.inner), (shape.inner, shape.width)):
            # Means of 0.5 and 1 / rows keep what flows between 0 and 1.
            values = np.random.default_rng(columns).random((columns, rows), dtype=np.float32) * 2 / rows
            weights = _quantised(ops.constant(values), -2 / rows, 2 / rows, 255)
            node = _quantised(ops.matmul(node, weights, False, True), 0.0, 1.0, 256)
    return openvino.Model([node], [source], "products")


def _quantised(node: Node, low: float, high: float, levels: int) -> Node:
    ends = (ops.constant(np.float32(low)), ops.constant(np.float32(high)))
    return ops.fake_quantize(node, *ends, *ends, levels)
