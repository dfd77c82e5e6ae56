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


@pytest.mark.parametrize("kept", ["①", "⑩", "⑴", "⒈", "10²", "m³", "½", "㈠", "㊣", "，；：？！（）…～"])
def test_what_carries_its_meaning_in_its_form_keeps_it(kept: str) -> None:
    assert normalize(f"{kept}停电") == f"{kept}停电"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("９．５％＠＃", "9.5%@#"),
        ("㎾·h", "kW·h"),
        ("⼀⼆", "一二"),  # radicals, as some fonts copy
        ("ｶﾞ", "ガ"),
        ("e\u0301", "é"),
        ("ﬁ", "fi"),
        ("＂停电＇", "＂停电＇"),
        ("后面、皇后、干燥", "后面、皇后、干燥"),
        ("後面乾燥頭髮發電", "后面干燥头发发电"),
    ],
)
def test_one_character_has_one_spelling(typed: str, expected: str) -> None:
    assert normalize(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("9 5 5 9 8", "95598"),
        ("拨打9 5 5 9 8.无人接", "拨打95598.无人接"),
        ("电话:1 3 8 0 0 1 3 8 0 0 0,停电", "电话：13800138000，停电"),
        ("2 0 1 7 - 0 8 - 2 1", "2017-08-21"),
        ("1 2 : 3 4", "12:34"),
        ("8 月 2 1 日", "8月21日"),
        ("电压 1 7 0 伏", "电压170伏"),
        ("电 e 宝", "电e宝"),
        ("停\u3000电", "停电"),
    ],
)
def test_single_digits_set_apart_are_one_number(typed: str, expected: str) -> None:
    assert normalize(typed) == expected


@pytest.mark.parametrize("listed", ["12 15 20", "138 0013 8000", "8 12 15", "1 2 3 12 4 5 6", "0.4 10 35 kV", "A B C"])
def test_lists_of_longer_numbers_and_of_letters_keep_their_blanks(listed: str) -> None:
    assert normalize(listed) == listed


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("停电&amp;amp;amp;lt;br&amp;amp;amp;gt;三次", "停电三次"),
        ("&lt;户号&gt;停电", "<户号>停电"),
        ("&#x4f60;&#20320;&hellip;&hellip;", "你你…"),
        ("&amp;nbsp;&#32;&#x3000;停", "停"),
        ("&nothing;x停&", "&nothing;x停&"),
        ("电压<198V，1<2>3", "电压<198V，1<2>3"),
        ("<span style='a'>停</span><P>电</P>", "停电"),
        ("<b" * 8 + ">" * 8 + "停电", "停电"),
        ("&#49;&#48;kV", "10kV"),
    ],
)
def test_entities_and_tags_go_however_deep_they_lie(typed: str, expected: str) -> None:
    assert normalize(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("，，，", "，"),
        ("……", "…"),
        ("3---5", "3-5"),
        ("？？！！", "？！"),
        ("~~", "~"),
        ("13 . . . 5", "13 . . . 5"),
        ("啊啊", "啊啊"),
    ],
)
def test_runs_of_one_mark_are_one_mark(typed: str, expected: str) -> None:
    assert normalize(typed) == expected


@pytest.mark.parametrize(
    "mark", ["\u200b", "\u200d", "\u202e", "\u2066", "\ufe0f", "\xad", "\x00", "\x1b", "\U000e0041"]
)
def test_what_cannot_be_seen_is_removed_wherever_it_stands(mark: str) -> None:
    assert normalize(f"{mark}停{mark}电1{mark}2{mark}") == "停电12"


@pytest.mark.parametrize("point", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_a_lone_surrogate_is_removed_and_no_entity_makes_one(point: int) -> None:
    assert normalize(f"停{chr(point)}电") == "停电"
    normalize(f"停&#{point};电").encode("utf-8")


_PIECES = st.sampled_from(
    [
        *"停电客户年月日次乾著後裏0123456789kVaX.,:;!?()-/<>&#;*~_=+' \"，。！（）：【】《“”、…～①²℃·—１Ａﾞｶ",
        *("\u3000", "\u200b", "\x00", "\ud800", "\u0301", "\n", "\t", "  "),
        *("&nbsp;", "&amp;", "&lt;", "&gt;", "&#32;", "&#49;", "<br>", "</p>", "<b", "amp;", "lt;", "。。"),
    ]
)


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_normalising_twice_changes_nothing_whatever_is_put_together(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@given(st.text(alphabet=_ALPHABET, max_size=40))
def test_a_normalised_text_has_neither_edges_nor_doubles_of_white_space(text: str) -> None:
    done = normalize(text)
    assert done == done.strip()
    assert not set("\u3000\xa0\t\n\u200b\ufeff") & set(done)
    assert "  " not in done


@pytest.mark.parametrize(
    ("text", "topic", "narrative"),
    [
        ("【【频繁停电】】客户反映", "频繁停电", "客户反映"),
        ("【频繁停电】】客户反映", "频繁停电", "客户反映"),
        ("[频繁停电】客户反映", "频繁停电", "客户反映"),
        ("【客户催办】频繁停电】客户反映", "客户催办、频繁停电", "客户反映"),
        ("停电、催办】客户反映", "停电、催办", "客户反映"),
        ("【频繁停电，一周三次。", "频繁停电", "一周三次。"),
        ("【频繁停电李女士来电", "频繁停电", "李女士来电"),
        ("【抢修超时限", "抢修超时限", ""),
        ("【频繁停电[催办]】客户", "频繁停电[催办]", "客户"),
        ("〔电价〕『电费』「抄表」〖验表〗客户", "电价、电费、抄表、验表", "客户"),
        ("（应急受理）客户", "应急受理", "客户"),
        ("（95598热线服务）客户", "95598热线服务", "客户"),
        ("（1）停电；（2）没人管", "", "（1）停电；（2）没人管"),
        ("[] 【】客户", "", "客户"),
        ("。【频繁停电】。客户", "频繁停电", "客户"),
        ("《供电营业规则》规定", "", "《供电营业规则》规定"),
        ("客户反映电表[户号]异常】", "", "客户反映电表[户号]异常】"),
        ("客户说后来停电，说了三次】", "", "客户说后来停电，说了三次】"),
        ("【" + "长" * 41 + "】客户", "", "【" + "长" * 41 + "】客户"),  # a sentence, no topic
    ],
)
def test_broken_nested_and_doubled_brackets(text: str, topic: str, narrative: str) -> None:
    assert split_topic(text) == (topic, narrative)


@pytest.mark.parametrize(
    ("first", "last"),
    ["²³", "¹¹", "¼¾", "⁰₎", "⅐⅟", "①⓿", "❶➓", "㈠㉇", "㊀㊰"],
    ids=["squares", "first power", "fractions", "powers", "more fractions", "rings", "discs", "brackets", "circles"],
)
def test_every_character_set_apart_by_its_form_stays(first: str, last: str) -> None:
    form = [chr(point) for point in range(ord(first), ord(last) + 1) if chr(point).isprintable()]
    assert form
    assert [normalize(character) for character in form] == form
