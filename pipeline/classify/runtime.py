"""How a BERT computes: the arithmetic, the size of its batches, the cores it takes."""

import os
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from pipeline.settings import Settings

Arithmetic = Literal["int8", "bf16", "fp32"]

# What OpenVINO is told for each. "int8": what flows between layers is rounded to int8 while it flows, in groups that
# each have a scale of their own; it needs int8 weights. Groups of 128 values were a fifth faster, and their scores
# twice as far from fp32. Left to itself, OpenVINO rounds in groups of 32, and takes bf16 where the processor has it.
# bf16 over packed weights is computed wrongly, so they are unpacked first (see `pipeline.classify.bert`): nothing is
# left to itself. Packed weights, which only "int8" computes with, are prepared wrongly now and then: of 5,000 times
# that OpenVINO 2026.4 compiled a tiny BERT for two streams, twice, and from then on one answer in four was wrong. So
# nothing takes "int8" without comparing what it says with "fp32".
_OPTIONS: Mapping[Arithmetic, Mapping[str, str | int]] = {
    "int8": {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 32},
    "bf16": {"INFERENCE_PRECISION_HINT": "bf16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0},
    "fp32": {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0},
}
EXACT: Arithmetic = "fp32"


class Runtime(Settings):
    """What may be chosen anew for every processor; see `pipeline.classify.tuning`."""

    arithmetic: Arithmetic = EXACT
    batch_tokens: int = Field(default=1024, ge=1)  # of a batch, with what fills up its shorter windows
    threads: int = Field(default=0, ge=0)  # as many batches are at work at once; 0: one per core

    @property
    def streams(self) -> int:
        """How many batches are at work at once."""
        return self.threads or cores()

    def options(self) -> dict[str, str | int]:
        """Return OpenVINO's: a core for each batch is faster than all cores for one."""
        return {**_OPTIONS[self.arithmetic], "NUM_STREAMS": self.streams, "INFERENCE_NUM_THREADS": self.streams}


def arithmetics() -> list[Arithmetic]:
    """Return what this processor computes by itself, the most exact last."""
    import openvino  # noqa: PLC0415 - a linear model does without

    bf16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ["int8", "bf16", "fp32"] if bf16 else ["int8", "fp32"]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
