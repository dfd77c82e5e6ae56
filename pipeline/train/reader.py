"""The network: a BERT reads windows, attention over all their tokens makes one vector, one softmax gives the causes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.utils import logging

from pipeline.classify.base import Floats
from pipeline.classify.bert import Batch, read_windows
from pipeline.classify.windows import Windows
from pipeline.errors import ModelError

Part = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # ids and mask (n, longest): values (n, width), weights (n,)

_HEAD_STRENGTH = 0.02  # C of the regression that sets the head: chosen on the calibration split, before fine-tuning
_HEAD_STEPS = 200  # it takes about 50
_OUTSIDE = -1e4  # attention of a filler: nothing in every precision


def load_encoder(name: str) -> PreTrainedModel:
    """Load a BERT from a folder or by its hub id, in fp32 and without dropout.

    Dropout inside the encoder halves the speed on a CPU; words left out at random do its work. Raises ModelError with
    what to do if there is none.
    """
    logging.set_verbosity_error()  # that a head is missing is no news: it is trained here
    logging.disable_progress_bar()
    try:
        return AutoModel.from_pretrained(
            name,
            dtype=torch.float32,
            add_pooling_layer=False,
            attn_implementation="eager",  # learns faster on a CPU than with the fused kernel
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    except (OSError, ValueError) as error:
        hint = "make encoder builds models/encoder" if not Path(name).is_dir() else "build it again: make encoder"
        raise ModelError("encoder_missing", f"{name} holds no BERT that transformers can load; {hint}") from error


class Reader(nn.Module):
    """Scores the causes of narratives; `forward` takes what `collate_with` of `pipeline.train.examples` gives."""

    def __init__(self, encoder: PreTrainedModel, membership: Floats, *, smoothing: float, word_dropout: float) -> None:
        """Start from an encoder; `membership` (n_causes, n_types) is the taxonomy's."""
        super().__init__()
        width, n_causes = encoder.config.hidden_size, len(membership)
        self.encoder = encoder
        self.attention = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.attention.weight)  # at first every token counts alike
        self.head = nn.Linear(width, n_causes)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.register_buffer("log_membership", torch.log(torch.tensor(membership, dtype=torch.float32) + 1e-12))
        self.register_buffer("row_weights", torch.ones(n_causes))
        self.smoothing = smoothing
        self.word_dropout = word_dropout
        self.marks: tuple[int, ...] = ()  # ids that are never left out
        self.blank = 0  # the id that stands for what is left out

    def set_balance(self, labels: NDArray[np.int64], exponent: float) -> None:
        """Weigh rows by the frequency of their cause among `labels` (n,) to the power of -`exponent`.

        0: every row counts alike; 1: every cause does. The mean weight of a row is 1.
        """
        counts = np.bincount(labels, minlength=self.head.out_features)
        weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -exponent, 0.0)
        weights *= counts.sum() / (weights * counts).sum()
        self.row_weights.copy_(torch.tensor(weights))

    def vectors(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return a vector per window (n, width) and the log of the attention its tokens got together (n,)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.pooled(hidden, attention_mask)

    def pooled(self, hidden: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same from the vectors of tokens (n, longest, width) after the last layer."""
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float()
            attention = self.attention(hidden).squeeze(-1) + (1.0 - attention_mask.float()) * _OUTSIDE
            shares = torch.softmax(attention, dim=1)
            found = (shares.unsqueeze(-1) * hidden).sum(dim=1)
            return (found - self.mean) / self.deviation, torch.logsumexp(attention, dim=1)

    def windows(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of windows (n, n_causes) and their weights (n,): what `BertClassifier` puts together."""
        vectors, weights = self.vectors(input_ids, attention_mask)
        return self.head(vectors), weights

    def forward(
        self,
        labels: Tensor,
        types: Tensor,
        input_ids: Sequence[Tensor],
        attention_mask: Sequence[Tensor],
        owners: Tensor,
    ) -> Mapping[str, Tensor]:
        """Return the loss and the scores (n_texts, n_causes) of windows that come in parts of similar length.

        A label of -1 leaves only the type to learn from; `owners` (n_windows,) tell each window's text.
        """
        drops = self.training and self.word_dropout
        parts = [
            self.vectors(self._without_some(ids) if drops else ids, mask)
            for ids, mask in zip(input_ids, attention_mask, strict=True)
        ]
        vectors, weights = (torch.cat(part) for part in zip(*parts, strict=True))
        with torch.autocast(vectors.device.type, enabled=False):
            scores = _join(self.head(vectors), weights, owners, len(labels))
            return {"loss": self.loss(scores, labels, types, smoothing=self.smoothing), "logits": scores}

    def _without_some(self, ids: Tensor) -> Tensor:
        rates = torch.rand(len(ids), 1, device=ids.device) * 2 * self.word_dropout
        left_out = torch.rand(ids.shape, device=ids.device) < rates
        for mark in self.marks:
            left_out &= ids != mark
        return ids.masked_fill(left_out, self.blank)

    def loss(self, scores: Tensor, labels: Tensor, types: Tensor, *, smoothing: float) -> Tensor:
        """Return the mean loss of scores (n_texts, n_causes); a label of -1 counts by its type."""
        chances = torch.log_softmax(scores, dim=1)
        of_cause = chances.gather(1, labels.clamp(min=0).unsqueeze(1)).squeeze(1)
        of_cause = (1 - smoothing) * of_cause + smoothing * chances.mean(dim=1)
        of_type = torch.logsumexp(chances + self.log_membership.T[types], dim=1)
        weighted = of_cause * self.row_weights[labels.clamp(min=0)]
        return -torch.where(labels >= 0, weighted, of_type).mean()


def _join(scores: Tensor, weights: Tensor, owners: Tensor, n_texts: int) -> Tensor:
    """Do what `join_windows` of `pipeline.classify.bert` does, with gradients."""
    highest = weights.new_full((n_texts,), -torch.inf).scatter_reduce(0, owners, weights.detach(), "amax")
    relative = torch.exp(weights - highest[owners])
    shares = relative / weights.new_zeros(n_texts).index_add(0, owners, relative)[owners]
    return scores.new_zeros(n_texts, scores.shape[1]).index_add(0, owners, scores * shares.unsqueeze(1))


def scores_of(reader: Reader, windows: Windows, texts: Sequence[str], *, bf16: bool = False) -> Floats:
    """Return the scores (n_texts, n_causes) of narratives, in full precision unless told."""
    return _run(reader, windows, texts, reader.windows, bf16=bf16)


def fit_head(
    reader: Reader,
    windows: Windows,
    texts: Sequence[str],
    labels: NDArray[np.int64],
    types: NDArray[np.int64],
    *,
    bf16: bool = False,
) -> None:
    """Set the head to the best linear one on the encoder as it is.

    `labels` and `types` (n,) are columns of the taxonomy; a label of -1 leaves only the type to learn from. Done before
    the fine-tuning, so that it does not first tear the encoder apart: Kumar et al. 2022, "Fine-Tuning can Distort
    Pretrained Features and Underperform Out-of-Distribution" (arXiv 2202.10054). And after `blend`, whose encoder is
    another than the one the head grew with.
    """
    with torch.no_grad():
        reader.mean.zero_()
        reader.deviation.fill_(1.0)
    vectors = _run(reader, windows, texts, reader.vectors, bf16=bf16)
    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0) + 1e-6
    weight, bias = reader.head.weight, reader.head.bias
    with torch.no_grad():
        for tensor, values in ((reader.mean, mean), (reader.deviation, deviation), (weight, 0), (bias, 0)):
            tensor.copy_(torch.as_tensor(values))
    inputs, of_cause, of_type = (
        torch.as_tensor(values, device=weight.device) for values in ((vectors - mean) / deviation, labels, types)
    )
    inputs = inputs.to(weight.dtype)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_HEAD_STEPS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        # The bias is held back too: that of a cause without any narrative would fall without end.
        penalty = (weight.square().sum() + bias.square().sum()) / (2 * _HEAD_STRENGTH * len(labels))
        found = reader.loss(reader.head(inputs), of_cause, of_type, smoothing=0.0) + penalty
        found.backward()
        return found

    optimizer.step(loss)
    optimizer.zero_grad()


def blend(reader: Reader, pretrained: Mapping[str, Tensor], share: float) -> None:
    """Move the fine-tuned encoder a `share` of the way back to the weights it came with, `pretrained` by name.

    So does the attention, from the zeros it began with. What was fine-tuned on written narratives reads them best, what
    it was before knows more of other texts; between the two lies one that keeps most of both: Wortsman et al. 2022,
    "Robust fine-tuning of zero-shot models" (arXiv 2109.01903). The head has to be fitted again.
    """
    with torch.no_grad():
        for name, parameter in reader.encoder.named_parameters():
            parameter.lerp_(pretrained[name].to(parameter.device, parameter.dtype), share)
        reader.attention.weight.mul_(1 - share)


def _run(
    reader: Reader,
    windows: Windows,
    texts: Sequence[str],
    part: Part,
    *,
    bf16: bool,
) -> Floats:
    """Run a part of the reader over narratives and join what it gives for their windows."""
    device = reader.head.weight.device
    reader.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        return read_windows(windows.cut(texts), windows.settings.pad, partial(run_batches, part, device))


def run_batches(part: Part, device: torch.device, inputs: Iterable[Batch]) -> Iterator[tuple[Floats, Floats]]:
    """Run a part of a reader over batches on its device: what `read_windows` is given."""
    for batch in inputs:
        ids, mask = (torch.from_numpy(numbers).to(device, non_blocking=True) for numbers in batch)
        values, weights = part(ids, mask)
        yield values.float().cpu().numpy(), weights.float().cpu().numpy()
