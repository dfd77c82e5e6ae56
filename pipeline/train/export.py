"""From the trained network to what is in service: an OpenVINO graph whose weights are int8, checked against fp32."""

import logging
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import nncf
import numpy as np
import openvino
import torch
from torch import Tensor, nn

from pipeline.classify.base import Floats
from pipeline.classify.bert import GRAPH, WEIGHTS, BertClassifier
from pipeline.classify.calibrate import probabilities
from pipeline.classify.windows import Windows
from pipeline.errors import ModelError
from pipeline.train.reader import Reader

LEAST_AGREEMENT = 0.995  # of labels, between int8 and fp32


class _Graph(nn.Module):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.reader.windows(input_ids, attention_mask)


def export(reader: Reader, windows: Windows) -> tuple[dict[str, bytes], BertClassifier]:
    """Return the files of the graph, and the classifier that runs them.

    Weights are int8, one scale per row (symmetric); what flows between layers is not quantised, so a ticket's answer
    does not depend on the tickets beside it.
    """
    # With a filler in it: transformers takes another way, without any mask, where none is needed. And two tensors:
    # given one twice, the exported program would take its inputs for one.
    mask = torch.tensor([[1] * 8, [1] * 5 + [0] * 3])
    ids = mask.clone()
    shapes = (torch.export.Dim("windows", min=1), torch.export.Dim("tokens", min=2, max=windows.settings.window))
    dynamic = dict(enumerate(shapes))
    program = torch.export.export(
        _Graph(reader).eval(), (ids, mask), dynamic_shapes={"input_ids": dynamic, "attention_mask": dynamic}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between the libraries: PyTorch's own code raises it
        graph = openvino.convert_model(program)
    nncf.set_log_level(logging.ERROR)
    small = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_SYM)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / GRAPH
        openvino.save_model(small, path)
        files = {name: (Path(folder) / name).read_bytes() for name in (GRAPH, WEIGHTS)}
        return files, BertClassifier(path, windows)


def parity(exact: Floats, served: Floats, membership: Floats) -> Mapping[str, float]:
    """Compare scores (n, n_causes) of fp32 and int8 on the same rows.

    Raises ModelError if more than one row and more than 0.5 % of the rows get another cause or type.
    """
    chances = probabilities(exact), probabilities(served)
    types = [part @ membership for part in chances]
    found = {
        "int8_cause_agreement": float(np.mean(chances[0].argmax(axis=1) == chances[1].argmax(axis=1))),
        "int8_type_agreement": float(np.mean(types[0].argmax(axis=1) == types[1].argmax(axis=1))),
        "int8_largest_gap": float(abs(types[0] - types[1]).max()),
    }
    agreed = min(found["int8_cause_agreement"], found["int8_type_agreement"])
    if round((1 - agreed) * len(exact)) > max(1, (1 - LEAST_AGREEMENT) * len(exact)):
        raise ModelError("export_parity", f"the int8 model says something else than the trained one: {found}")
    return found
