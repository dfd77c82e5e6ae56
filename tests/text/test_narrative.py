"""What the three steps do together: nothing personal survives, and no cause stays at the head."""

import datetime
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings import ROOT
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative, mask, normalize, read_narrative
from pipeline.text.mask import ADDRESS, CUSTOMER, NAME, PHONE, is_id_number

_CAUSES = [cause.name for cause in Taxonomy.load().causes]
_OPENINGS = ("客户来电反映，停电三次。", "李女士来电反映停电", "前期工单2015090775157629，未处理", "诉求人反映：停电")


@pytest.mark.parametrize(
    ("raw", "text", "topic"),
    [
        ("【频繁停电】客户李四来电反映停电４次", "客户<姓名>来电反映停电4次", "频繁停电"),
        ("【户号】12345678停电", "<户号>停电", "户号"),  # a label and its value, cut apart by the bracket
        ("【户号：12345678】客户反映停电", "客户反映停电", "户号：<户号>"),
        ("【户号：12345678停电三次", "<户号>停电三次", "户号"),
        (
            "（０５７１）８７６５４３２１客户反映停电",
            "<电话>客户反映停电",
            "",
        ),  # no topic, though in brackets at the head
        ("&#12304;頻繁停電&#12305;客户反映&nbsp;停电", "客户反映停电", "频繁停电"),
        ("", "", ""),
        (" \u3000\n", "", ""),
    ],
)
def test_a_narrative_is_normalised_then_masked_then_cut(raw: str, text: str, topic: str) -> None:
    assert read_narrative(raw) == Narrative(text, topic)


@pytest.mark.parametrize(
    "form",
    [
        "【{}】", "[{}]", "［{}］", "〔{}〕", "『{}』", "「{}」", "〖{}〗", "（{}）", "({})", "【【{}】】", "【{}】】",
        "【{}]", "{}】", "{}]", "【{}", "【{} ", "【{}，", "【客户催办】【{}】", "[应急受理][预付费][{}]",
        "【客户催办】{}】", "。【{}】", "【】【{}】", " 【 {} 】 ：",
    ],
)  # fmt: skip
@pytest.mark.parametrize("opening", _OPENINGS)
def test_no_cause_named_in_brackets_stays_at_the_head(form: str, opening: str) -> None:
    plain = read_narrative(opening).text
    for cause in _CAUSES:
        narrative = read_narrative(form.format(cause) + opening)
        assert narrative.text == plain
        assert cause[:3] in narrative.topic  # its end can run into a name: 【抢修超时限李女士来电


def test_the_columns_of_the_ticket_are_found_however_they_are_typed() -> None:
    known = [
        ("包青山", NAME),
        ("１５５ ５０００ １１１１", PHONE),
        ("幸福里大院东侧", ADDRESS),
        ("", NAME),
        ("87654321", CUSTOMER),
    ]
    raw = "【包青山】包 青 山 住幸福里大院东侧，８ ７ ６ ５ ４ ３ ２ １停电"
    assert read_narrative(raw, known) == Narrative("<姓名>住<地址>，<户号>停电", "<姓名>")


def test_reading_what_was_read_changes_nothing_over_all_narratives() -> None:
    files = sorted((*(ROOT / "data" / "corpus").glob("*.jsonl"), *(ROOT / "data" / "demo" / "source").glob("*.jsonl")))
    raw = [json.loads(line)["text"] for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [read_narrative(text).text for text in raw]
    assert len(texts) > 1000
    assert [text for text in texts if normalize(text) != text] == []
    assert [text for text in texts if mask(text) != text] == []


# Sentences as they come, with everything in them that the rules look at: labels, roads, brackets, titles, lists.
_AROUND = st.text(
    alphabet="停电客户王李张反映来的在路街道号栋村组里单元室一二三十百两年月日次度元，。：；、（）【】《》“” "
    "岁某经理先生和或向曾周公司电话手机身份证户表拨打工单编账卡转",
    max_size=15,
)
# What may touch a number without being part of it.
_TOUCHING = st.sampled_from(["", "", "", "10kV", "A", "No.", "1.", "-", "①", "&nbsp;", "<br>", "/", "ID"])
_WIDE = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


def _weigh(body: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(weight * int(digit) for weight, digit in zip(weights, body, strict=True)) % 11]


_MOBILES = st.builds("1{}{:09d}".format, st.integers(3, 9), st.integers(0, 10**9 - 1))
_IDS = st.builds(
    lambda area, born, order: _weigh(f"{area}{born:%Y%m%d}{order:03d}"),
    st.sampled_from(["110105", "330106", "652301"]),
    st.dates(datetime.date(1930, 1, 1), datetime.date(2020, 1, 1)),
    st.integers(0, 999),
)
_LABELS = st.sampled_from(
    ["户号", "户号为", "户号：", "总户号", "客户编号是", "户号（", "【户号】", "用户编号: ", "户号“"]
)
_HOUSEHOLDS = st.tuples(_LABELS, st.text(alphabet="0123456789", min_size=8, max_size=13))
_PLANTED = st.one_of(_MOBILES.map(lambda number: ("", number)), _IDS.map(lambda number: ("", number)), _HOUSEHOLDS)
_TYPED = st.sampled_from(
    [
        str,
        " ".join,
        "\u3000".join,
        "\u200b".join,
        lambda number: number.translate(_WIDE),
        lambda number: " ".join(number.translate(_WIDE)),
        lambda number: f"{number[:3]} {number[3:7]} {number[7:]}",
        lambda number: f"{number[:3]}-{number[3:7]}-{number[7:]}",
    ]
)


@given(_AROUND, _TOUCHING, _PLANTED, _TYPED, _TOUCHING, _AROUND)
def test_no_planted_number_survives_anywhere_however_it_is_typed(
    before: str,
    left: str,
    planted: tuple[str, str],
    typed: object,
    right: str,
    after: str,
) -> None:
    label, number = planted
    right = "" if right[:1].isdigit() else right
    raw = before + left + label + typed(number) + right + after  # type: ignore[operator]
    narrative = read_narrative(raw)
    assert number not in re.sub(r"[\s\-]", "", f"{narrative.text}|{narrative.topic}")


def test_the_planted_id_numbers_are_valid() -> None:
    assert is_id_number(_weigh("11010519491231002"))
    assert _weigh("11010519491231002") == "11010519491231002X"
