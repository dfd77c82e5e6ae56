from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus import load_labelled
from pipeline.corpus.dataset import load_dataset_dict
from pipeline.corpus.split import SPLITS, assign, near_duplicates, overlap, own_split, shingles, splits_of
from pipeline.errors import CorpusError
from pipeline.settings import ROOT
from pipeline.taxonomy import Taxonomy

LONG = "客户来电反映其所在小区近两个月内已经停电五次，每次都没有任何通知，冰箱里的食物全部变质，要求供电公司给出解释。"
OTHER = "营业厅收费员在客户办理过户手续时态度冷淡，多次让客户回去补材料，客户来回跑了三趟仍未办成，对此非常不满。"


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    return [row.text for row in load_labelled(ROOT / "data" / "corpus", Taxonomy.load())]


def test_narratives_that_share_most_of_their_characters_are_one_group() -> None:
    copies = [LONG, LONG.replace("五次", "六次"), "您好，" + LONG, LONG[: len(LONG) // 2], OTHER]
    groups = near_duplicates(copies)
    assert len(set(groups[:4])) == 1
    assert groups[4] != groups[0]


def test_a_group_lies_on_one_side_and_on_its_most_protected_members_side() -> None:
    texts = [LONG.replace("五次", f"{number}次") for number in range(12)] + [OTHER]
    splits = assign(texts)
    assert len(set(splits[:12])) == 1
    assert splits[0] == max((own_split(text) for text in texts[:12]), key=SPLITS.index)
    assert splits[12] == own_split(OTHER)


@given(
    st.lists(st.text(alphabet="停电三次没人管客户反映台区电压低报装", min_size=12, max_size=30), max_size=12), st.data()
)
def test_adding_narratives_never_moves_one_from_test_to_train(texts: list[str], data: st.DataObject) -> None:
    before = dict(zip(texts, assign(texts), strict=True))
    more = data.draw(st.lists(st.sampled_from(texts) if texts else st.just("停电"), max_size=3))
    changed = [f"{text}，又停了" for text in more]
    after = dict(zip([*changed, *texts], assign([*changed, *texts]), strict=True))
    assert all(SPLITS.index(after[text]) >= SPLITS.index(split) for text, split in before.items())


def test_the_order_of_narratives_changes_no_split(corpus: list[str]) -> None:
    some = corpus[:200]
    forwards = dict(zip(some, assign(some), strict=True))
    backwards = dict(zip(some[::-1], assign(some[::-1]), strict=True))
    assert forwards == backwards


def test_no_two_narratives_of_different_splits_share_more_than_half_of_their_5_grams(corpus: list[str]) -> None:
    """Checked without MinHash, over every pair that shares a 5-gram."""
    splits, sets = assign(corpus), [shingles(text) for text in corpus]
    holders: dict[str, list[int]] = defaultdict(list)
    for number, pieces in enumerate(sets):
        for piece in pieces:
            holders[piece].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for numbers in holders.values():
        shared.update((one, other) for at, one in enumerate(numbers) for other in numbers[at + 1 :])
    close = [
        (one, other) for (one, other), count in shared.items() if count * 2 > min(len(sets[one]), len(sets[other]))
    ]
    assert all(overlap(sets[one], sets[other]) > 0.5 for one, other in close)
    assert [pair for pair in close if splits[pair[0]] != splits[pair[1]]] == []


def test_the_splits_have_about_the_shares_they_should(corpus: list[str]) -> None:
    shares = Counter(assign(corpus))
    assert shares["train"] / len(corpus) == pytest.approx(0.70, abs=0.05)
    assert shares["test"] / len(corpus) == pytest.approx(0.15, abs=0.05)


def test_the_dataset_dict_holds_every_narrative_once_with_its_label(small_corpus: Path, small_tree: Path) -> None:
    taxonomy = Taxonomy.load(small_tree)
    splits = load_dataset_dict(small_corpus, taxonomy)
    assert tuple(splits) == SPLITS
    rows = [row for name in SPLITS for row in splits[name]]
    assert sorted(row["id"] for row in rows) == sorted(row.id for row in load_labelled(small_corpus, taxonomy))
    assert all(taxonomy.cause_ids[row["label"]] == row["cause"] for row in rows)


def test_a_file_may_say_the_splits_of_its_rows_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = ["1,昨晚停电到今天,frequent_outage,test", "2,电费算错了请核实,bill,train"]
    path.write_text("id,text,cause,split\n" + "\n".join(lines), encoding="utf-8")
    assert splits_of(load_labelled(path, Taxonomy.load())) == ["test", "train"]
    path.write_text("id,text,cause,split\n" + "\n".join([*lines, "3,电表不转了,metering_device,"]), encoding="utf-8")
    assert splits_of(load_labelled(path, Taxonomy.load())) == ["test", "train", own_split("电表不转了")]
    lines.append("4,电费算错了请核实,bill,test")
    path.write_text("id,text,cause,split\n" + "\n".join([*lines, "3,电表不转了,metering_device,"]), encoding="utf-8")
    near = splits_of(load_labelled(path, Taxonomy.load()))
    assert near[:3] == ["test", "test", "test"]  # what says train is a near-duplicate of what tests
    path.write_text("id,text,cause,split\n1,昨晚停电到今天,frequent_outage,dev\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="none of train, calibration, test"):
        load_labelled(path, Taxonomy.load())
