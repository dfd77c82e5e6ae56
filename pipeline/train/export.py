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

from pipeline.classify.answer import Answer, ScoreSettings, decide
from pipeline.classify.base import Floats
from pipeline.classify.bert import GRAPH, WEIGHTS, BertClassifier
from pipeline.classify.windows import Windows
from pipeline.errors import ModelError
from pipeline.taxonomy import Taxonomy
from pipeline.train.finish import Judged, Scored
from pipeline.train.reader import Reader

# Between int8 and fp32. Routes differ more often than labels: a threshold lies where many tickets are.
LEAST_AGREEMENT = {"cause": 0.995, "type": 0.995, "route": 0.99}


class _Graph(nn.Module):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        vectors, weights = self.reader.vectors(input_ids, attention_mask)
        return self.reader.head(vectors), weights, vectors  # as OUTPUTS of pipeline.classify.bert says


def export(reader: Reader, windows: Windows) -> tuple[dict[str, bytes], BertClassifier]:
    """Return the files of the graph, and the classifier that runs them.

    Weights are int8, a scale and a zero per row; what flows between layers is not quantised, so a ticket's answer
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
    small = nncf.compress_weights(graph, mode=nncf.CompressWeightsMode.INT8_ASYM)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / GRAPH
        openvino.save_model(small, path)
        files = {name: (Path(folder) / name).read_bytes() for name in (GRAPH, WEIGHTS)}
        return files, BertClassifier(path, windows)


def parity(exact: Scored, served: Scored, judged: Judged, taxonomy: Taxonomy) -> Mapping[str, float]:
    """Return what `compare` says of fp32 and int8.

    Raises ModelError if more than one row and more than 0.5 % of the rows get another cause or type, or 1 % another
    route.
    """
    found, rows = compare(exact, served, judged, taxonomy), len(exact.rows)
    failed = [
        f"{what}s agree in {found[f'int8_{what}_agreement']:.2%} of {rows} rows ({least:.1%} are asked)"
        for what, least in LEAST_AGREEMENT.items()
        if round((1 - found[f"int8_{what}_agreement"]) * rows) > max(1, (1 - least) * rows)
    ]
    if failed:
        raise ModelError(
            "export_parity",
            f"the int8 model says something else than the trained one: {'; '.join(failed)}. The training is kept; "
            "start it again with other versions of openvino and nncf, or on another processor, to export anew",
        )
    return found


def compare(exact: Scored, served: Scored, judged: Judged, taxonomy: Taxonomy) -> Mapping[str, float]:
    """Compare what fp32 and int8 say of the same rows: labels, probabilities, routes, macro-F1."""
    chances = [judged.calibration.apply(part.scores, taxonomy.membership) for part in (exact, served)]
    answers = [_answers(part, judged, taxonomy) for part in chances]
    figures = [judged.measure(part, taxonomy) for part in (exact, served)]
    agreements = {
        f"int8_{what}_agreement": float(
            np.mean([getattr(one, what) == getattr(other, what) for one, other in zip(*answers, strict=True)])
        )
        for what in LEAST_AGREEMENT
    }
    return {
        **agreements,
        "int8_largest_gap": float(abs(taxonomy.type_probabilities(chances[0] - chances[1])).max()),
        "int8_type_macro_f1_loss": figures[0].type_macro_f1 - figures[1].type_macro_f1,
        "int8_cause_macro_f1_loss": figures[0].cause_macro_f1 - figures[1].cause_macro_f1,
    }


def _answers(chances: Floats, judged: Judged, taxonomy: Taxonomy) -> list[Answer]:
    return decide(chances, [None] * len(chances), taxonomy, judged.thresholds, ScoreSettings.load())
