"""From a model folder back to the network: the weights of its graph, in full precision, for PyTorch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino
import torch
from openvino import Node, Output
from torch import nn
from transformers import BertConfig, BertModel

from pipeline.classify.base import Floats
from pipeline.classify.bert import GRAPH, WINDOWS, values_of
from pipeline.classify.windows import WindowSettings
from pipeline.errors import ModelError
from pipeline.settings import load_settings
from pipeline.train.reader import Reader

_NORM_EPSILON = 1e-12  # of every BERT
_ATTENTION = "scaled_dot_product_attention/aten.scaled_dot_product_attention.default/ScaledDotProductAttention"
_FORMER_ATTENTION = "bmm/aten.bmm.default/MatMul"  # of models exported before attention was one operation


def restore(folder: Path, membership: Floats) -> Reader:
    """Return the reader that a folder's graph was exported from, its weights as precise as the graph holds them.

    With int8 weights that is what every arithmetic computes with, so fp32 by PyTorch and fp32 by OpenVINO say the same
    (to 1e-4 of a score). `membership` (n_causes, n_types) is the taxonomy's. Raises ModelError if the folder holds no
    graph that `pipeline.train.export` wrote.
    """
    path = folder / GRAPH
    if not path.is_file():
        raise ModelError("model_missing", f"{folder} holds no {GRAPH}: only a BERT can be restored")
    ops = openvino.Core().read_model(path).get_ordered_ops()
    nodes = {node.get_friendly_name(): node for node in ops}
    try:
        tensors = _tensors(nodes)
        head_width = _head_width(nodes)
    except KeyError as error:
        raise ModelError("model_kind", f"{path} is not laid out as `gongdan train` writes it: no {error}") from error
    width, pad = tensors["embedding"].shape[1], load_settings(folder / WINDOWS, WindowSettings).pad
    matrices = sum(name.startswith("linear") and name.endswith(".weight") for name in tensors)
    config = BertConfig(
        vocab_size=len(tensors["embedding"]),
        hidden_size=width,
        num_hidden_layers=(matrices - 2) // 6,  # after them come attention and head
        num_attention_heads=width // head_width,
        intermediate_size=len(tensors["linear_4.weight"]),
        max_position_embeddings=len(tensors["embedding_2"]),
        type_vocab_size=len(tensors["embedding_1"]),
        layer_norm_eps=_NORM_EPSILON,
        pad_token_id=pad,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
    )
    reader = Reader(BertModel(config, add_pooling_layer=False), membership, smoothing=0.0, word_dropout=0.0)
    _fill(reader, tensors)
    reader.eval()
    return reader


def _name(what: str, number: int, of: str) -> str:
    """Return what PyTorch's exporter calls the operation of the module that comes at this place."""
    return f"{what}{f'_{number}' if number else ''}/aten.{of}"


def _head_width(nodes: dict[str, Node]) -> int:
    place, axis = (_ATTENTION, 3) if _ATTENTION in nodes else (_FORMER_ATTENTION, 2)
    width: int = nodes[place].input(0).get_partial_shape()[axis].get_length()
    return width


def _tensors(nodes: dict[str, Node]) -> dict[str, Floats]:
    """Return the graph's constants by the module they belong to, whatever they are packed as."""
    found: dict[str, Output] = {}
    for number in range(3):
        place = _name("embedding", number, "embedding.default/Gather")
        found[place.split("/")[0]] = nodes[place].input_value(0)
    for number in _numbers(nodes, "linear", "linear.default/MatMul"):
        place = _name("linear", number, "linear.default/")
        found[place.split("/")[0] + ".weight"] = nodes[place + "MatMul"].input_value(1)
        if place + "Add" in nodes:
            found[place.split("/")[0] + ".bias"] = nodes[place + "Add"].input_value(1)
    for number in _numbers(nodes, "native_layer_norm", "native_layer_norm.default/MVN"):
        place = _name("native_layer_norm", number, "native_layer_norm.default/")
        found[f"norm_{number}.weight"] = nodes[place + "Multiply_1"].input_value(1)
        found[f"norm_{number}.bias"] = nodes[place + "Add"].input_value(1)
    division = nodes["div/aten.div.Tensor/Divide"]
    found["deviation"] = division.input_value(1)
    found["minus_mean"] = division.input_value(0).get_node().input_value(1)
    values = values_of(list(found.values()))
    return {name: tensor.astype(np.float64) for name, tensor in zip(found, values, strict=True)}


def _numbers(nodes: dict[str, Node], what: str, of: str) -> Iterator[int]:
    number = 0
    while _name(what, number, of) in nodes:
        yield number
        number += 1


def _fill(reader: Reader, tensors: dict[str, Floats]) -> None:
    """Put the tensors where they belong: modules have been exported in the order in which a BERT uses them."""
    encoder = reader.encoder
    linear = [*(it for it in encoder.modules() if isinstance(it, nn.Linear)), reader.attention, reader.head]
    norms = [it for it in encoder.modules() if isinstance(it, nn.LayerNorm)]
    embeddings = encoder.embeddings
    into = {
        "embedding": embeddings.word_embeddings.weight,
        "embedding_1": embeddings.token_type_embeddings.weight,
        "embedding_2": embeddings.position_embeddings.weight,
        "deviation": reader.deviation,
    }
    for number, module in enumerate(linear):
        into |= {f"linear{f'_{number}' if number else ''}.{name}": it for name, it in module.named_parameters()}
    for number, module in enumerate(norms):
        into |= {f"norm_{number}.{name}": it for name, it in module.named_parameters()}
    with torch.no_grad():
        for name, tensor in into.items():
            tensor.copy_(torch.as_tensor(tensors[name]).reshape(tensor.shape))
        reader.mean.copy_(torch.as_tensor(-tensors["minus_mean"]).reshape(reader.mean.shape))
