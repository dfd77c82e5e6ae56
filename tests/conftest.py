"""What tests share: small trees, small corpora and models made on the spot; nothing comes from a network."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import settings as hypothesis_settings

from pipeline.classify.answer import ScoreSettings
from pipeline.settings import CONFIGS, load_settings
from pipeline.taxonomy import Taxonomy
from pipeline.train.linear import LinearSettings, train_linear

# How long an example takes says something about the machine, not about the code.
hypothesis_settings.register_profile("gongdan", deadline=None)
hypothesis_settings.load_profile("gongdan")

SMALL_TREE = """\
version: "1"
types:
- id: power
  zh: 电
  causes:
  - {id: dark, zh: 没电, cues: [停电, 跳闸, 没电]}
  - {id: weak, zh: 电压低, cues: [电压, 灯暗, 带不动]}
- id: people
  zh: 人
  causes:
  - {id: rude, zh: 态度差, cues: [态度, 骂人, 不耐烦]}
  - {id: slow, zh: 办事慢, cues: [报装, 迟迟, 排队]}
"""

# Four kinds of sentences, told apart by their words; enough of them for two folds.
_SENTENCES = {
    "dark": ["昨晚{}停电三次一直没电", "{}跳闸停电到半夜", "村里{}又停电了", "{}没电两天无人处理"],
    "weak": ["{}电压太低灯暗得很", "空调带不动{}电压不足", "{}灯暗电压低", "一到晚上{}电压就低"],
    "rude": ["{}工作人员态度恶劣骂人", "收费员{}不耐烦态度差", "{}开口骂人态度蛮横", "柜台{}态度差不耐烦"],
    "slow": ["{}报装两个月迟迟不办", "排队{}三小时办不了", "申请报装{}迟迟没有人来", "{}排队迟迟轮不到"],
}
_PLACES = ("我家", "我们小区", "镇上", "店里", "厂里", "学校")


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    return Taxonomy.load()


@pytest.fixture(scope="session")
def small_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tree") / "tree.yaml"
    path.write_text(SMALL_TREE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety-six labelled narratives over the small tree."""
    path = tmp_path_factory.mktemp("corpus") / "rows.jsonl"
    rows = [
        {"id": f"{cause}-{number}-{place}", "text": sentence.format(place), "cause": cause}
        for cause, sentences in _SENTENCES.items()
        for number, sentence in enumerate(sentences)
        for place in _PLACES
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def linear_config(small_tree: Path, small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped linear configuration, pointed at the small tree and corpus."""
    config = yaml.safe_load((CONFIGS / "train" / "linear.yaml").read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("linear")
    config |= {"corpus": str(small_corpus), "taxonomy": str(small_tree), "output": str(folder / "model"), "folds": 2}
    path = folder / "linear.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_model(linear_config: Path) -> Path:
    """A model folder for the small tree."""
    return train_linear(load_settings(linear_config, LinearSettings)).folder


@pytest.fixture
def settings() -> ScoreSettings:
    """The shipped scoring settings, in this process alone."""
    return ScoreSettings.load().model_copy(update={"workers": 1})
