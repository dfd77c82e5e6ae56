"""What a GPU computes is computed here by a processor: the same code, in fp32."""

from pathlib import Path

import pytest
import torch

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.engine import score_chunks
from pipeline.classify.model import Model, read_bert
from pipeline.classify.runtime import Runtime
from pipeline.errors import ConfigError
from pipeline.taxonomy import Taxonomy
from pipeline.tickets import Ticket
from pipeline.train.device import on_device


def test_pytorch_on_a_device_says_what_openvino_says(
    small_mixture: Path, small_tree: Path, settings: ScoreSettings
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    one = Model.load(small_mixture, taxonomy, bert=on_device("cpu"))
    other = Model.load(small_mixture, taxonomy, bert=read_bert(Runtime(arithmetic="fp32")))
    texts = ["村里停电三次", "柜台不耐烦", "报装排队迟迟不办灯暗电压低" * 5]
    assert one.predict_proba(texts) == pytest.approx(other.predict_proba(texts), abs=1e-4)
    assert one.classifier.vectors(texts).toarray() == pytest.approx(other.classifier.vectors(texts).toarray(), abs=1e-3)
    chunks = [[Ticket(str(at), text, at + 2) for at, text in enumerate(texts)]] * 2
    answers = [[it.answer.cause for it in chunk] for chunk in score_chunks(chunks, small_mixture, one, settings)]
    assert answers == [[taxonomy.cause_ids[best] for best in one.predict_proba(texts).argmax(axis=1)]] * 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so() -> None:
    with pytest.raises(ConfigError, match="finds no GPU"):
        on_device("cuda")
