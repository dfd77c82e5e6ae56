import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings import ROOT
from pipeline.text import mask, normalize, read_narrative
from pipeline.text.mask import NAME, PHONE, STAND_INS, is_card_number, is_id_number

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话13800138000停电", "电话<电话>停电"),
        ("138 0013 8000来电", "<电话>来电"),
        ("138-0013-8000来电", "<电话>来电"),
        ("+86 13800138000来电", "<电话>来电"),
        ("家中0731-88886666", "家中<电话>"),
        ("致电88886666无人接", "致电<电话>无人接"),
        ("号码138****1234", "号码<电话>"),
        ("13876655xxx的客户", "<电话>的客户"),
        ("幺三八零零幺三八零零零停电", "<电话>停电"),
        ("身份证号11010519491231002X过户", "身份证号<身份证>过户"),
        ("ID11010519491231002X、过户", "ID<身份证>、过户"),
        ("本人11010519491231002X申请", "本人<身份证>申请"),
        ("户号：3300112233", "户号：<户号>"),
        ("户号为 12345678", "户号为 <户号>"),
        ("客户编号（0100998877）", "客户编号（<户号>）"),
        ("3300112233停电", "<户号>停电"),
        ("4301998877665停电", "<户号>停电"),
        ("表号3340A00123456黑屏", "表号<表号>黑屏"),
        ("银行卡6222020200112230扣费", "银行卡<银行卡>扣费"),
        ("前期工单：2015090775157629", "前期工单：<工单号>"),
        ("2015090775157629未处理", "<工单号>未处理"),
        ("邮箱li.si@example.com.cn", "邮箱<邮箱>"),
    ],
)  # fmt: skip
def test_numbers_become_the_stand_in_of_their_kind(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("客户王小明来电反映", "客户<姓名>来电反映"),
        ("联系人：李四，", "联系人：<姓名>，"),
        ("姓名：欧阳建国", "姓名：<姓名>"),
        ("户名为张伟电话", "户名为<姓名>电话"),
        ("李先生来电", "<姓名>先生来电"),
        ("找过刘所长", "找过<姓名>所长"),
        ("村民陈某反映", "村民<姓名>反映"),
        ("家住人民路12号3栋2单元501室", "家住<地址>"),
        ("江城市东湖区锦绣花园3栋501停电", "江城市东湖区<地址>停电"),
        ("云山县柳河镇石桥村3组停电", "云山县柳河镇<地址>停电"),
    ],
)
def test_names_and_street_level_addresses_become_stand_ins(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "拨打95598和12345无人接听",
        "10kV城东线、0.4kV线路、220V电压",
        "20170801停电，2017-08-01 12:00来电，8月21日又停",
        "电费突增至1500元，读数11510，账单11555.71",
        "客户要求尽快处理，客户于昨日报修，客户对答复不满，客户表示不认可",
        "业主安装充电桩，用户房屋漏电，居民反映",
        "台区经理不接电话，供电所所长推诿，值班经理不在",
        "人民路12号杆倾斜，5号变压器噪音",
        "云山县柳河镇石桥村停电",
    ],
)
def test_what_is_not_personal_stays(text: str) -> None:
    assert mask(text) == text


def test_values_of_the_tickets_own_columns_are_found_where_no_rule_would() -> None:
    known = [("包青山", NAME), ("7654321", PHONE), ("客户", NAME), ("幸福大院", "<地址>")]
    assert mask("包青山说7654321打不通，客户住幸福大院", known) == "<姓名>说<电话>打不通，客户住<地址>"
    assert read_narrative("住 户 包 青 山 ，７６５４３２１", known).text == "住户<姓名>，<电话>"


def _rows() -> list[str]:
    files = sorted((ROOT / "data" / "corpus").glob("*.jsonl"))
    return [json.loads(line)["text"] for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def test_masking_a_masked_narrative_changes_nothing_over_the_corpus() -> None:
    changed = [text for text in map(normalize, _rows()) if mask(mask(text)) != mask(text)]
    assert changed == []


_AROUND = st.text(alphabet="停电客户反映，。请联系（处理）：在的家里又到", max_size=12)
_DIGITS = st.text(alphabet="0123456789", min_size=8, max_size=8)


def _spaced(digits: str) -> str:
    return " ".join(digits)


def _wide(digits: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in digits)


_TYPED = st.sampled_from([str, _spaced, _wide])


@given(_AROUND, _DIGITS, st.sampled_from("3456789"), _TYPED, _AROUND)
def test_no_mobile_number_survives(before: str, rest: str, second: str, typed: object, after: str) -> None:
    number = f"1{second}{rest}9"
    text = read_narrative(f"{before}{typed(number)}{after}停电").text  # type: ignore[operator]
    assert number not in text.replace(" ", "")


@given(_AROUND, _DIGITS, st.sampled_from(["户号", "户号：", "户号为", "客户编号", "用户编号（"]), _TYPED, _AROUND)
def test_no_labelled_customer_number_survives(before: str, digits: str, label: str, typed: object, after: str) -> None:
    text = read_narrative(f"{before}{label}{typed('33' + digits)}{after}停电").text  # type: ignore[operator]
    assert "33" + digits not in text.replace(" ", "")


@given(_AROUND, st.dates(), st.integers(0, 999), _TYPED, _AROUND)
def test_no_valid_id_number_survives(before: str, born: object, order: int, typed: object, after: str) -> None:
    body = f"430102{born:%Y%m%d}{order:03d}".replace(f"{born:%Y%m%d}", f"19{born:%y%m%d}")
    number = body + "10X98765432"[sum(w * int(d) for w, d in zip(_WEIGHTS, body, strict=True)) % 11]
    text = read_narrative(f"{before}{typed(number) if number[-1] != 'X' else number}{after}停电").text  # type: ignore[operator]
    assert number not in text.replace(" ", "")


def test_check_digits() -> None:
    assert is_id_number("11010519491231002X")
    assert not is_id_number("110105194912310021")
    assert not is_id_number("11010519491331002X")  # month 13
    assert is_card_number("4111111111111111")
    assert not is_card_number("4111111111111112")
    # Wrong or not, a number of that length does not stay readable.
    assert mask("号码110105194912310021") == "号码<号码>"


def test_every_stand_in_stays_itself() -> None:
    text = "".join(STAND_INS)
    assert mask(text) == text
    assert normalize(text) == text


def test_rarer_family_names_are_known() -> None:
    assert mask("闫女士来电反映") == "<姓名>女士来电反映"
    assert mask("付师傅态度差，客户付款后要求复电") == "<姓名>师傅态度差，客户付款后要求复电"
