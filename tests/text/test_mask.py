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


@pytest.mark.parametrize(
    "phone",
    [
        "13800138000", "+8613800138000", "+86 138 0013 8000", "+86-138-0013-8000", "8613800138000", "013800138000",
        "138 - 0013 - 8000", "138.0013.8000", "138—0013—8000", "138001 38000", "0571-87654321", "（0571）87654321",
        "(0571)87654321-801", "0571 87654321转3", "057187654321", "010-65551234", "138*1234", "138…1234", "1380*1234",
        "138xxxx1234", "139763219xx", "13800138*", "13800138000x", "一三八零零一三八零零零", "一三八〇〇一三八〇〇〇",
        "幺三八，零零幺三，八零零零", "幺三八-零零幺三-八零零零", "壹叁捌零零壹叁捌零零零",
    ],
)  # fmt: skip
def test_a_phone_number_is_one_however_it_is_written(phone: str) -> None:
    assert mask(f"客户来电，{phone}，停电").rstrip("x，停电") == "客户来电，<电话>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.13800138000，2.13900139000", "1.<电话>，2.<电话>"),
        ("电话.13800138000.要求", "电话.<电话>.要求"),
        ("微信wx13800138000", "微信wx<电话>"),
        ("13800138000/13900139000", "<电话>/<电话>"),
        ("电话87654321、87654322和8765432", "电话<电话>、<电话>和<电话>"),
        ("1380013800013900139000", "<号码>"),
        ("1" * 40, "<号码>"),
        ("No.3300112233", "No.<户号>"),
        ("A3300112233abc", "A<户号>abc"),
        ("110105194912310020X", "<号码>"),
        ("110105-19491231-002X", "<身份证>"),
        ("ID110105194912310021", "ID<号码>"),
        ("110105194912310021.2号", "<号码>.2号"),
        ("身份证“11010519491231002x”", "身份证“<身份证>”"),
        ("身份证1101051949123100**", "身份证<身份证>"),
        ("110105491231002", "<号码>"),  # of the first generation
        ("户号12345678", "户号<户号>"),
        ("户号=1234567890123", "户号=<户号>"),
        ("户号分别为12345678、87654321和12345679", "户号分别为<户号>、<户号>和<户号>"),
        ("户号“12345678”，【户号】12345678", "户号“<户号>”，【户号】<户号>"),
        ("户号3300112233 8月停电", "户号<户号> 8月停电"),
        ("户号3300112233 2017-08-01", "户号<户号> 2017-08-01"),
        ("户号3300112233 95598答复", "户号<户号> 95598答复"),
        ("户号12345678，20170801停电，余额12345678元", "户号<户号>，20170801停电，余额12345678元"),
        ("33001 12233", "<户号>"),
        ("电表号：DDZY-12345678", "电表号：<表号>"),
        ("表号03012345 6789 2017年换", "表号<表号> 2017年换"),
        ("资产编号33AB12345678", "资产编号<表号>"),
        ("卡号6222 0202 0011 2233 445", "卡号<银行卡>"),
        ("4111-1111-1111-1111", "<银行卡>"),
        ("4111111111111112", "<号码>"),  # fails the check, and must go all the same
        ("停电编号150907751576", "停电编号<工单号>"),
        ("150907751576", "<工单号>"),
        ("邮箱zhang_san@163.com，", "邮箱<邮箱>，"),
        ("a.b+c @ mail.example.cn", "<邮箱>"),
        ("x" * 70 + "@qq.com", "<邮箱>"),
    ],
)
def test_numbers_are_found_whatever_touches_them(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("户名“张三”，姓名【李四】", "户名“<姓名>”，姓名【<姓名>】"),
        ("户主名叫王小明，联系人李伟，", "户主名叫<姓名>，联系人<姓名>，"),
        ("客户（张三）来电", "客户（<姓名>）来电"),
        ("客户周一鸣来电，客户曾强反映", "客户<姓名>来电，客户<姓名>反映"),
        (
            "司机王师傅、公司李经理、向赵所长、当时钱主任",
            "司机<姓名>师傅、公司<姓名>经理、向<姓名>所长、当时<姓名>主任",
        ),
        ("欧阳女士，诸葛先生", "<姓名>女士，<姓名>先生"),
        ("李某某、赵xx、张*", "<姓名>、<姓名>、<姓名>"),
        ("住人民路十二号停电", "住<地址>停电"),
        ("住人民路12-1号", "住<地址>"),
        ("水口村一组50号", "<地址>"),
        ("客户张三阳光花园3栋2单元501室", "客户<地址>"),
    ],
)
def test_names_and_addresses_are_found_beside_other_words(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "拨打95598 10次，致电95598 3次，95598 2017-08-01答复，95598 20170801答复，12345转95598",
        "2017-08-01 12:00-2017-08-02 13:00，20170801-20170831，20170801 12:00，201708011200",
        "06-21 06-22 06-28停电，2017-8-1至2017-8-5，2017/08/01 12:00:00",
        "读数11510 11555.71，余额1234567.89元，12,345,678.90元，分别12 15 20 18 33度",
        "客户马上要求，客户白天反映，客户曾多次来电，客户曾口头反映，客户周日来电，客户陆续反映，客户凌晨来电",
        "客户申请家用充电桩，客户解释说，客户陈述：停电，居民严重投诉，客户尤其要求，用户余额说，户主马上来电",
        "车间主任、项目经理、公司经理、司机师傅、施工队长、单位会计、房东大爷、安全主任、水果店老板、开关厂",
        "向所长反映，客户向台区经理提出，当时所长，上一任所长，吊车师傅，谢谢师傅，供电公司某干部，吉林某小区",
        "哪知道16号停电，家里16号停电，这条3号线，街道16号发通知，村里8号停电，3栋2017年停电",
        "人民路12号变压器，人民路12号线，村道3号杆，10号楼前线路",
    ],
)
def test_ordinary_words_dates_and_quantities_stay(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([("张三", NAME), ("张三丰", NAME)], "<姓名>和<姓名>住福利院旁"),  # the longer first
        ([("张三丰", NAME), ("张三", NAME)], "<姓名>和<姓名>住福利院旁"),
        ([("福利院旁", "<地址>"), ("院旁", "<地址>")], "张三丰和张三住<地址>"),
        ([("张", NAME), ("", PHONE), ("姓名", NAME), ("供电所", NAME)], "张三丰和张三住福利院旁"),
    ],
)
def test_values_of_the_columns_that_name_somebody_are_replaced(known: list[tuple[str, str]], expected: str) -> None:
    assert mask("张三丰和张三住福利院旁", known) == expected
    assert mask(expected, known) == expected


_WORDS = """
客户 业主 反映 来电 联系人 户名 户号 电话 表号 身份证 银行卡 工单 王 李 张三 周一 曾多次 向 经理 先生 所长 师傅
某 公司 车间 人民路 阳光花园 水口村 一组 12号 3栋 2单元 501室 杆 街道 家里 ， 。 ： 、 （ ） 【 】 - .
13800138000 138 0013 8000 11010519491231002X 110105194912310021 3300112233 12345678 3300112233445
6222 95598 20170801 2017-08-01 12:00 8月 3次 100元 * x X a@b.cn 幺三八 零零幺三 八零零零 0571
<姓名> <电话> <户号> <地址> 是 为 停电 88 1 0 转
"""
_PIECES = st.sampled_from([" ", *_WORDS.split()])


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_masking_twice_changes_nothing_whatever_is_put_together(text: str) -> None:
    once = mask(normalize(text))
    assert mask(once) == once
