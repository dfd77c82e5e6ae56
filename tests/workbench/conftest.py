"""Small predictions over the small tree, and a night of the small inbox."""

from pathlib import Path

import pytest

import pipeline
from pipeline.corpus import load_labelled
from pipeline.taxonomy import Taxonomy
from pipeline.workbench import Predictions

from ..conftest import MakeNight, drop


@pytest.fixture
def tree(small_tree: Path) -> Taxonomy:
    return Taxonomy.load(small_tree)


@pytest.fixture
def predictions(small_model: Path, small_tree: Path, small_corpus: Path, tree: Taxonomy) -> Predictions:
    """The small model about the rows that it was trained on: all right."""
    return pipeline.predict(pipeline.load_model(small_model, small_tree), load_labelled(small_corpus, tree))


@pytest.fixture
def nightly(make_night: MakeNight, tmp_path: Path) -> Path:
    """The configuration of a night over four tickets of two units; nobody has run it yet."""
    make_night(watch=None)
    drop(
        tmp_path / "inbox",
        "night.csv",
        [
            ("N1", "2026-10-01 08:00", "【频繁停电】近两个月停电五次，电话13800138000", "东所", "供电质量投诉"),
            ("N2", "2026-10-02 09:30", "电压低空调带不动", "西所", "供电质量投诉"),
            ("N3", "", "收费员态度恶劣", "", "没有这一类"),
            ("N4", "2026-10-03 23:59", "停电通知没有贴", "西所", ""),
        ],
        ("工单编号", "受理时间", "受理内容", "供电所", "一级分类"),
    )
    return tmp_path / "nightly.yaml"
