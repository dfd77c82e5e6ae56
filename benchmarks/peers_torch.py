"""The peers of benchmarks/peers.py that run on PyTorch: transformers' pipeline and sentence-transformers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules.module import Module
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import Tensor, nn
from transformers import AutoTokenizer, BertConfig, BertModel, BertPreTrainedModel, pipeline
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import logging

from pipeline.train.reader import Reader

BATCH = 32
_OUTSIDE = -1e4  # attention of a filler, as the reader has it


class Pooling(nn.Module):
    """The reader's attention over all tokens, and its scaling."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Linear(width, 1, bias=False)
        self.mean = nn.Parameter(torch.zeros(width))
        self.deviation = nn.Parameter(torch.ones(width))

    def forward(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        """Return a vector (n, width) for what the encoder made of tokens (n, longest, width)."""
        attention = self.attention(hidden).squeeze(-1) + (1.0 - attention_mask.float()) * _OUTSIDE
        found = (torch.softmax(attention, dim=1).unsqueeze(-1) * hidden).sum(dim=1)
        return (found - self.mean) / self.deviation


class ReaderForSequenceClassification(BertPreTrainedModel):
    """The reader as transformers would have it."""

    config_class = BertConfig

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.pooling = Pooling(config.hidden_size)
        self.head = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SequenceClassifierOutput:
        """Return the scores of narratives (n, n_causes)."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return SequenceClassifierOutput(logits=self.head(self.pooling(hidden, attention_mask)))


def as_transformers(reader: Reader, labels: Sequence[str]) -> ReaderForSequenceClassification:
    """Return the reader's very weights; `labels` (n_causes,) name what it scores."""
    config = reader.encoder.config
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: at for at, label in enumerate(labels)}
    model = ReaderForSequenceClassification(config)
    model.eval()
    model.bert.load_state_dict(reader.encoder.state_dict())
    model.head.load_state_dict(reader.head.state_dict())
    model.pooling.attention.load_state_dict(reader.attention.state_dict())
    with torch.no_grad():
        model.pooling.mean.copy_(reader.mean)
        model.pooling.deviation.copy_(reader.deviation)
    return model


def _loaded(folder: Path) -> ReaderForSequenceClassification:
    logging.set_verbosity(logging.CRITICAL)  # the pipeline calls every class of one's own an error
    logging.disable_progress_bar()
    found: ReaderForSequenceClassification = ReaderForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa"
    )
    return found


class Pipeline:
    """`pipeline("text-classification")`; with `every` it tells all causes instead of the best."""

    def __init__(self, folder: Path, threads: int, every: bool) -> None:
        torch.set_num_threads(threads)
        model = _loaded(folder)
        self._labels = list(model.config.id2label.values())
        self._pipeline = pipeline(
            "text-classification",
            model=model,
            tokenizer=AutoTokenizer.from_pretrained(folder),
            device="cpu",
            batch_size=BATCH,
            top_k=None if every else 1,
        )

    def read(self, texts: Sequence[str]) -> list[list[dict[str, str | float]]]:
        """Return causes and their probabilities for every narrative, the likeliest first."""
        return list(self._pipeline((text for text in texts), truncation=True))

    def probabilities(self, found: list[list[dict[str, str | float]]]) -> NDArray[np.float64]:
        """Return what was read as probabilities (n_texts, n_causes)."""
        rows = ({entry["label"]: entry["score"] for entry in row} for row in found)
        return np.array([[row[label] for label in self._labels] for row in rows], dtype=np.float64)


class _SentencePooling(Module):
    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        features["sentence_embedding"] = self.pooling(features["token_embeddings"], features["attention_mask"])
        return features

    def save(self, output_path: str) -> None:
        # The library asks every module for it; this one lies in the folder that it was made from.
        raise TypeError(f"{output_path}: the pooling is kept with the reader it was taken from")


class Sentences:
    """`SentenceTransformer.encode`, which puts narratives of like length together, and the head's matrix."""

    def __init__(self, folder: Path, threads: int, every: bool) -> None:
        del every  # it always does
        torch.set_num_threads(threads)
        reader = _loaded(folder)
        self._weight, self._bias = (it.detach().numpy().copy() for it in (reader.head.weight, reader.head.bias))
        encoder = Transformer(str(folder), model_kwargs={"add_pooling_layer": False, "attn_implementation": "sdpa"})
        self._model = SentenceTransformer(modules=[encoder, _SentencePooling(reader.pooling)], device="cpu")

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the scores of narratives (n_texts, n_causes)."""
        vectors = self._model.encode(list(texts), batch_size=BATCH, show_progress_bar=False)
        scores: NDArray[np.float32] = vectors @ self._weight.T + self._bias
        return scores

    def probabilities(self, found: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what was read as probabilities (n_texts, n_causes)."""
        chances: NDArray[np.float64] = np.exp(found - found.max(axis=1, keepdims=True), dtype=np.float64)
        chances /= chances.sum(axis=1, keepdims=True)
        return chances
