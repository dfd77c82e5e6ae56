import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text import normalize, split_topic

_ALPHABET = "停电客户反映三次请处理電壓12 3　４５ＡｂＣ，。,.;:!?（）()【】[]-—~～&nbsp;<br>\u200b\ufeff…①²½㎾\n\t"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("请拨打９５５９８，电压１７０Ｖ", "请拨打95598，电压170V"),
        ("㎾ ㎡ Ⅱ段", "kW m2 II段"),
        ("①10kV线路停电", "①10kV线路停电"),  # not 110kV
        ("10²平方，½小时", "10²平方，½小时"),
        ("停电，没人管；怎么办？", "停电，没人管；怎么办？"),
        ("停电,没人管;怎么办?", "停电，没人管；怎么办？"),
        ("于20:30停电，见http://a.cn，共1,000元", "于20:30停电，见http://a.cn，共1,000元"),
    ],
)
def test_width_is_made_one_where_it_does_no_harm(typed: str, expected: str) -> None:
    assert normalize(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("查詢電費", "查询电费"), ("變壓器噪聲擾民", "变压器噪声扰民"), ("乾坤大道", "乾坤大道")],
)
def test_traditional_script_becomes_simplified(typed: str, expected: str) -> None:
    assert normalize(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("拨打 9 5 5 9 8 无人接听", "拨打95598无人接听"),
        ("2 0 1 7 年 8 月 2 1 日", "2017年8月21日"),
        ("停 电 了 三 次 ， 没 人 管", "停电了三次，没人管"),
        ("电话1 3 8 0 0 1 3 8 0 0 0", "电话13800138000"),
        ("１ ３ ８ ０ ０ １ ３ ８ ０ ０ ０", "13800138000"),
        ("12 15 20号都停了", "12 15 20号都停了"),  # a list of numbers stays one
        ("10kV 城东线", "10kV城东线"),
    ],
)
def test_blanks_that_ocr_puts_between_characters_and_digits_are_closed(typed: str, expected: str) -> None:
    assert normalize(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("停\u200b电\ufeff了\u202e", "停电了"),
        ("停电\x00\x07了", "停电了"),
        ("停电\r\n三次\t没人管", "停电三次没人管"),
        ("停电&nbsp;三次&amp;报修", "停电三次&报修"),
        ("&amp;nbsp;停电&#19977;次", "停电三次"),
        ("<p>停电</p><br/>三次", "停电三次"),
        ("<电话>和<户号>", "<电话>和<户号>"),  # stand-ins are no tags
        ("停电了。。。。真的！！！", "停电了。真的！"),
        ("停电\ud83d了", "停电了"),  # half of an emoji, from a broken decoder
    ],
)
def test_what_carries_no_meaning_is_removed(typed: str, expected: str) -> None:
    assert normalize(typed) == expected


@given(st.text(alphabet=_ALPHABET, max_size=60))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(st.text(max_size=40))
def test_any_text_can_be_normalised_and_written_as_utf8(text: str) -> None:
    normalize(text).encode("utf-8")


@pytest.mark.parametrize(
    ("text", "topic", "narrative"),
    [
        ("【频繁停电】客户反映停电三次。", "频繁停电", "客户反映停电三次。"),
        ("【频繁停电】【客户催办】客户反映", "频繁停电、客户催办", "客户反映"),
        ("[应急受理][预付费]客户来电", "应急受理、预付费", "客户来电"),
        ("【电价】：客户咨询", "电价", "客户咨询"),
        ("频繁停电】客户反映", "频繁停电", "客户反映"),
        ("【频繁停电客户反映", "频繁停电", "客户反映"),  # the closing bracket was lost
        ("【】客户反映", "", "客户反映"),
        ("客户反映【补充】还在停", "", "客户反映【补充】还在停"),
        ("【频繁停电】", "频繁停电", ""),
        ("", "", ""),
    ],
)
def test_bracketed_topics_are_cut_off_the_head_and_kept(text: str, topic: str, narrative: str) -> None:
    assert split_topic(text) == (topic, narrative)
