import json
import re
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.settings import ROOT
from pipeline.text import Lexicon, Segmenter, normalize, read_narrative


@pytest.fixture(scope="module")
def segmenters() -> tuple[Segmenter, Segmenter]:
    lexicon = Lexicon.load()
    return Segmenter(lexicon), Segmenter(lexicon, reference=True)


# Unknown runs, of which the two libraries make other words.
_TIES = ("啪啪啪响", "嘟嘟", "常在")


def _narratives() -> list[str]:
    folders = (ROOT / "data" / "corpus", ROOT / "data" / "demo" / "source")
    files = sorted(path for folder in folders for path in folder.glob("*.jsonl"))
    return [json.loads(line)["text"] for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def test_rjieba_cuts_every_narrative_into_the_words_of_jieba(segmenters: tuple[Segmenter, Segmenter]) -> None:
    fast, reference = segmenters
    texts = [read_narrative(text).text for text in _narratives()]
    assert len(texts) > 1000
    different = [text for text in texts if fast.words(text) != reference.words(text)]
    assert [text for text in different if not any(tie in text for tie in _TIES)] == []


@pytest.mark.parametrize(
    "text",
    [
        "2018-03-01、5.5.28、0.4kV", "A-B线a.b.c", "电e宝APP v1.2.3", "停电😀了🀄", "100%+50#&_", "㙍村𠮷家停电",
        "", "。，！", "3.5千瓦×2",
        "GB12955-2008", "www.95598.cn", "220V±10%", "10kV城东线101-1开关",
    ],
)  # fmt: skip
def test_they_agree_on_what_they_are_known_to_disagree_about(
    segmenters: tuple[Segmenter, Segmenter], text: str
) -> None:
    fast, reference = segmenters
    assert fast.words(normalize(text)) == reference.words(normalize(text))


def test_spans_are_where_the_words_stand(segmenters: tuple[Segmenter, Segmenter]) -> None:
    for text in ("户号<户号>停电了,2018-03-01又停电,10kV城东线101-1开关", "停停停电电", "㙍村𠮷家停电", "。，！", ""):
        spans = segmenters[0].spans(text)
        assert [text[start:end] for start, end in spans] == segmenters[0].words(text)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_words_of_the_lexicon_and_stand_ins_stay_whole(segmenters: tuple[Segmenter, Segmenter]) -> None:
    for segmenter in segmenters:
        words = segmenter.words("客户<姓名>反映台区欠费停电，户号<户号>，网上国网报装。")
        assert words == ["客户", "<姓名>", "反映", "台区", "欠费停电", "户号", "<户号>", "网上国网", "报装"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2018-03-01、5.5.28、0.4kV", ["2018", "03", "01", "5", "5", "28", "0", "4kV"]),
        ("A-B线、a_b、c+d#&%", ["A", "B", "线", "a", "b", "c", "d"]),
        ("电e宝😀，停电①", ["电e宝", "停电", "①"]),
        ("<电话><户号>停<姓名>", ["<电话>", "<户号>", "停", "<姓名>"]),
        ("<某某>停电", ["某某", "停电"]),  # brackets alone make no stand-in
        ("㐀㐀𠮷𠮷停电", ["㐀", "㐀", "𠮷", "𠮷", "停电"]),
        ("。， \t…", []),
    ],
)
def test_the_words_of_both_are_these(segmenters: tuple[Segmenter, Segmenter], text: str, words: list[str]) -> None:
    assert [segmenter.words(text) for segmenter in segmenters] == [words, words]


_PIECES = st.sampled_from(
    [
        *"停电户号客反映台区一二三年0159abkVＡ.,:;!?()-/<>&#*~_=+%' \"，。！（）：【】“”、…～①²℃é😀👍",
        *"㐀〇龥鿿豈𠮷·—×￥$^|{}\n\t\r\u200d\ufe0fー한ы",
        *("2018-03-01", "5.5.28", "0.4kV", "电e宝", "A-B", "<姓名>", "\r\n", "3.14", "1,000", "95598", "频繁停电"),
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(_PIECES, max_size=15).map("".join))
def test_they_agree_whatever_is_put_together(segmenters: tuple[Segmenter, Segmenter], text: str) -> None:
    # Of several cuts that are equally likely each takes another one: 停反|反反停, 停反反|反停.
    assume(not re.search(r"(.)\1\1", text))
    fast, reference = segmenters
    assert fast.words(text) == reference.words(text)


def test_another_lexicon_cuts_other_words_and_leaves_the_first_as_it_was(
    segmenters: tuple[Segmenter, Segmenter],
) -> None:
    other = Lexicon("another", (("近来频繁", 10**6),))
    for segmenter, reference in zip(segmenters, (False, True), strict=True):
        assert Segmenter(other, reference=reference).words("近来频繁停电") == ["近来频繁", "停电"]
        assert segmenter.words("近来频繁停电") == ["近来", "频繁停电"]


def test_the_two_that_agree_are_two(segmenters: tuple[Segmenter, Segmenter]) -> None:
    """Without the gaps they cut this differently; were they one and the same, comparing them would prove nothing."""
    fast, reference = segmenters
    assert (fast._cut("a.b"), reference._cut("a.b")) == (["a.b"], ["a", ".", "b"])
