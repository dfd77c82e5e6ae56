"""Words of a narrative: jieba's algorithm and frequency table, with the lexicon's words added."""

import re
from collections.abc import Callable
from functools import lru_cache

import rjieba

from pipeline.text.lexicon import Lexicon, reference_tokenizer
from pipeline.text.mask import STAND_IN

# jieba and rjieba cut Chinese alike, but disagree on runs such as 2018-03-01, 5.5.28 or a.b: inside those, punctuation
# is taken as a gap before either sees it; and runs of characters beyond jieba's own range are set apart.
_GAPS = str.maketrans(dict.fromkeys(".-_%+#&", " "))
_RARE = re.compile("[\u3400-\u4dbf\u9fd6-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"\w")


class Segmenter:
    """Cuts narratives into words with one lexicon.

    `reference=True` uses jieba itself instead of rjieba: the same words but for ties in unknown runs such as 啪啪啪响
    (a test compares them over the corpus), about fifteen times slower.
    """

    def __init__(self, lexicon: Lexicon, *, reference: bool = False) -> None:
        self.lexicon = lexicon
        self._cut = _reference_cut(lexicon) if reference else _fast_cut(lexicon)

    def words(self, text: str) -> list[str]:
        """Return the words of a prepared narrative: no punctuation, no blanks, stand-ins whole.

        >>> from pipeline.text.lexicon import Lexicon
        >>> Segmenter(Lexicon.load()).words("客户<姓名>反映台区频繁停电，致电95598无人处理。")
        ['客户', '<姓名>', '反映', '台区', '频繁停电', '致电', '95598', '无人', '处理']
        """
        words: list[str] = []
        start = 0
        for stand_in in STAND_IN.finditer(text):
            words += self._plain(text[start : stand_in.start()])
            words.append(stand_in[0])
            start = stand_in.end()
        return words + self._plain(text[start:])

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where each of `words(text)` begins and ends in the narrative.

        >>> from pipeline.text.lexicon import Lexicon
        >>> Segmenter(Lexicon.load()).spans("客户反映，停电")
        [(0, 2), (2, 4), (5, 7)]
        """
        spans: list[tuple[int, int]] = []
        start = 0
        for word in self.words(text):
            start = text.index(word, start)
            spans.append((start, start + len(word)))
            start += len(word)
        return spans

    def _plain(self, text: str) -> list[str]:
        if not text:
            return []
        return [word for word in self._cut(_RARE.sub(r" \g<0> ", text.translate(_GAPS))) if _WORD.match(word)]


@lru_cache(maxsize=4)
def _fast_cut(lexicon: Lexicon) -> Callable[[str], list[str]]:
    tokenizer = rjieba.Jieba()
    for word, frequency in lexicon.frequencies().items():
        tokenizer.add_word(word, frequency, "n")
    cut: Callable[[str], list[str]] = tokenizer.cut
    return cut


def _reference_cut(lexicon: Lexicon) -> Callable[[str], list[str]]:
    tokenizer = reference_tokenizer()
    for word, frequency in lexicon.frequencies().items():
        tokenizer.add_word(word, frequency)
    cut: Callable[[str], list[str]] = tokenizer.lcut
    return cut
