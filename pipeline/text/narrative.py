"""From what the agent typed to what models read and databases keep."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.text.mask import mask
from pipeline.text.normalize import normalize, split_topic


@dataclass(frozen=True, slots=True)
class Narrative:
    """A narrative ready to be stored, shown and classified.

    `text` is normalised, masked and without its bracketed topic; `topic` is that topic (masked too), never a feature.
    """

    text: str
    topic: str = ""


def read_narrative(raw: str, known: Iterable[tuple[str, str]] = ()) -> Narrative:
    """Normalise, mask, cut the topic off. `known` are (value, stand-in) pairs from the ticket's own columns.

    >>> read_narrative("【频繁停电】客户李四来电反映，6 月 停 电４次，电话１３８００１３８０００")
    Narrative(text='客户<姓名>来电反映，6月停电4次，电话<电话>', topic='频繁停电')
    """
    pairs = [(normalize(value), stand_in) for value, stand_in in known if value]
    # Masked before it is cut: 【户号】12345678 is a label and its value.
    topic, text = split_topic(mask(normalize(raw), pairs))
    return Narrative(text, topic)
