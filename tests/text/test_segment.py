import json

import pytest

from pipeline.settings import ROOT
from pipeline.text import Lexicon, Segmenter, normalize, read_narrative


@pytest.fixture(scope="module")
def segmenters() -> tuple[Segmenter, Segmenter]:
    lexicon = Lexicon.load()
    return Segmenter(lexicon), Segmenter(lexicon, reference=True)


def _narratives() -> list[str]:
    folders = (ROOT / "data" / "corpus", ROOT / "data" / "demo" / "source")
    files = sorted(path for folder in folders for path in folder.glob("*.jsonl"))
    return [json.loads(line)["text"] for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def test_rjieba_cuts_every_narrative_into_the_words_of_jieba(segmenters: tuple[Segmenter, Segmenter]) -> None:
    fast, reference = segmenters
    texts = [read_narrative(text).text for text in _narratives()]
    assert len(texts) > 1000
    different = [text for text in texts if fast.words(text) != reference.words(text)]
    assert different == []


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


def test_words_of_the_lexicon_and_stand_ins_stay_whole(segmenters: tuple[Segmenter, Segmenter]) -> None:
    for segmenter in segmenters:
        words = segmenter.words("客户<姓名>反映台区欠费停电，户号<户号>，网上国网报装。")
        assert words == ["客户", "<姓名>", "反映", "台区", "欠费停电", "户号", "<户号>", "网上国网", "报装"]
