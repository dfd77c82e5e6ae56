"""The labelled corpus as the watch needs it: its types, its texts, its words."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pipeline.classify.model import Model
from pipeline.corpus import Labelled, load_labelled
from pipeline.errors import GongdanError
from pipeline.text import Segmenter

_TICKET_LIKE = "agent"  # the style of what call-takers write down
_HAN = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Corpus:
    """Labelled narratives; empty if they cannot be used with the model's taxonomy."""

    rows: Sequence[Labelled]
    segmenter: Segmenter
    cut: dict[str, list[str]] = field(default_factory=dict, repr=False)  # texts that were cut into words already

    @classmethod
    def load(cls, path: Path, model: Model) -> "Corpus":
        """Read the corpus. A corpus that does not fit is no reason to be without the rest of the watch."""
        try:
            return cls(load_labelled(path, model.taxonomy), model.segmenter)
        except GongdanError:
            return cls((), model.segmenter)

    @cached_property
    def texts(self) -> list[str]:
        """All narratives."""
        return [row.text for row in self.rows]

    @cached_property
    def types(self) -> Counter[str]:
        """How many narratives each type has."""
        return Counter(row.type for row in self.rows)

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of each narrative."""
        return [self.words_of(text) for text in self.texts]

    @cached_property
    def occurrences(self) -> Counter[str]:
        """In how many narratives each word occurs."""
        return Counter(word for words in self.words for word in set(words))

    def ticket_like(self, most: int, least: int, seed: int) -> list[str]:
        """Draw narratives in a call-taker's words, or any where those are fewer than `least`."""
        like = [row.text for row in self.rows if row.style == _TICKET_LIKE]
        found = like if len(like) >= least else self.texts
        return random.Random(seed).sample(found, min(most, len(found)))  # noqa: S311 - the same ones each time

    def unknown_shares(self, texts: Iterable[str]) -> list[float]:
        """Return for each text with words the share of them that no narrative has."""
        cut = [words for text in texts if (words := self.words_of(text))]
        return [sum(word not in self.occurrences for word in words) / len(words) for words in cut]

    @cached_property
    def own_unknown_shares(self) -> list[float]:
        """Each narrative's share of words that no other has: what `unknown_shares` would say of a fresh one."""
        return [sum(self.occurrences[word] == 1 for word in words) / len(words) for words in self.words if words]

    def words_of(self, text: str) -> list[str]:
        """Return the Chinese words of a narrative: numbers and stand-ins are no matter of vocabulary."""
        if text not in self.cut:
            words = self.segmenter.words(text)
            self.cut[text] = [word for word in words if _HAN.search(word) and not word.startswith("<")]
        return self.cut[text]
