"""From the trained network to what is in service: an OpenVINO graph with smaller weights, checked against fp32."""

import logging
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import nncf
import openvino
import torch
from torch import Tensor, nn

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.bert import GRAPH, WEIGHTS, BertClassifier
from pipeline.classify.parity import WHAT, Agreement
from pipeline.classify.runtime import Runtime
from pipeline.classify.windows import Windows
from pipeline.errors import ModelError
from pipeline.taxonomy import Taxonomy
from pipeline.train.finish import Judged, Scored
from pipeline.train.reader import Reader

# Between what is exported and fp32. Routes differ more often than labels: a threshold lies where many tickets are.
LEAST_AGREEMENT = {"cause": 0.995, "type": 0.995, "route": 0.99}

Weights = Literal["int8", "fp16"]


class _Graph(nn.Module):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        vectors, weights = self.reader.vectors(input_ids, attention_mask)
        return self.reader.head(vectors), weights, vectors  # as OUTPUTS of pipeline.classify.bert says


def export(reader: Reader, windows: Windows, weights: Weights) -> tuple[dict[str, bytes], BertClassifier]:
    """Return the files of the graph, and the classifier that runs it.

    int8 weights have a scale and a zero per row. What flows between layers is rounded by the arithmetic alone (see
    `pipeline.classify.runtime`), each token by itself, so a ticket's answer does not depend on the tickets beside it.
    """
    graph = converted(reader, windows)
    if weights == "int8":
        nncf.set_log_level(logging.ERROR)
        graph = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_ASYM)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / GRAPH
        openvino.save_model(graph, path)  # what is not int8 yet becomes fp16
        files = {name: (Path(folder) / name).read_bytes() for name in (GRAPH, WEIGHTS)}
        return files, BertClassifier(path, windows, Runtime(arithmetic="int8"))


def converted(reader: Reader, windows: Windows) -> openvino.Model:
    """Return a reader as an OpenVINO graph, its weights as they are."""
    # With a filler in it: transformers takes another way, without any mask, where none is needed. And two tensors:
    # given one twice, the exported program would take its inputs for one.
    mask = torch.tensor([[1] * 8, [1] * 5 + [0] * 3])
    ids = mask.clone()
    shapes = (torch.export.Dim("windows", min=1), torch.export.Dim("tokens", min=2, max=windows.settings.window))
    dynamic = dict(enumerate(shapes))
    attention = reader.encoder.config._attn_implementation
    reader.encoder.set_attn_implementation("sdpa")  # one operation, which OpenVINO computes without copies between
    program = torch.export.export(
        _Graph(reader).eval(), (ids, mask), dynamic_shapes={"input_ids": dynamic, "attention_mask": dynamic}
    )
    reader.encoder.set_attn_implementation(attention)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between the libraries: PyTorch's own code raises it
        return openvino.convert_model(program)


def parity(exact: Scored, served: Scored, judged: Judged, taxonomy: Taxonomy) -> Mapping[str, float]:
    """Return what `compare` says of fp32 and what was exported.

    Raises ModelError if more than one row and more than 0.5 % of the rows get another cause or type, or 1 % another
    route.
    """
    found, figures = compare(exact, served, judged, taxonomy)
    if failed := found.failures(LEAST_AGREEMENT):
        raise ModelError(
            "export_parity",
            f"the exported model says something else than the trained one: {'; '.join(failed)}. The training is kept; "
            "with `weights: fp16` in its configuration it is exported anew, without training, in a larger folder",
        )
    return figures


def compare(exact: Scored, served: Scored, judged: Judged, taxonomy: Taxonomy) -> tuple[Agreement, Mapping[str, float]]:
    """Compare what fp32 and what was exported say of the same rows; figures also say what macro-F1 it costs."""
    chances = [judged.calibration.apply(part.scores, taxonomy.membership) for part in (exact, served)]
    found = Agreement.of(chances[0], chances[1], taxonomy, judged.thresholds, ScoreSettings.load())
    one, other = (judged.measure(part, taxonomy) for part in (exact, served))
    return found, {
        **{f"export_{what}_agreement": getattr(found, what) for what in WHAT},
        "export_largest_gap": found.largest_gap,
        "export_type_macro_f1_loss": one.type_macro_f1 - other.type_macro_f1,
        "export_cause_macro_f1_loss": one.cause_macro_f1 - other.cause_macro_f1,
    }
