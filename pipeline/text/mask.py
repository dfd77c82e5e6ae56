"""Personal data becomes stand-ins (<电话>, <户号>, ...) before a narrative is stored, logged or shown.

The same kind of thing always becomes the same stand-in, so masked texts stay comparable and a model cannot learn a
person. Masking a masked text changes nothing. When in doubt about a long number, it is masked: a lost number costs the
reader little, a leaked one costs the customer a lot.

Sources: ID numbers GB 11643-1999 (check digit ISO 7064:1983 MOD 11-2); bank cards ISO/IEC 7812-1 (Luhn); lengths of
customer and ticket numbers as seen in exports (10 or 13 digits; 16 digits that start with the date).
"""

import re
from collections.abc import Callable, Iterable
from datetime import date

PHONE, ID_NUMBER, CUSTOMER, METER, CARD = "<电话>", "<身份证>", "<户号>", "<表号>", "<银行卡>"
NAME, ADDRESS, TICKET, EMAIL, NUMBER = "<姓名>", "<地址>", "<工单号>", "<邮箱>", "<号码>"
STAND_INS = (PHONE, ID_NUMBER, CUSTOMER, METER, CARD, NAME, ADDRESS, TICKET, EMAIL, NUMBER)
STAND_IN = re.compile("|".join(map(re.escape, STAND_INS)))

# What stands between a label and its value: "户号为：", "户号（", "【户号】", "户号分别是 ".
_LINK = r"(?:分别)?[\s:：，,是为系叫=（）()\[\]【】「」『』“”\"'#\-—]{0,4}"
# What stands after a blank or a dash and is no part of the number before: a time, a date, a quantity, the hotline.
_COMPACT_DATE = r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
_NEXT_THING = (
    r"(?:[0-9]{1,2}(?::|：[0-9]{2}(?![0-9]))|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9\-])|95598(?![0-9])"
    rf"|{_COMPACT_DATE}(?!\s?[\-—]?\s?[0-9])"
    r"|[0-9]{4}\s?年|[0-9]{1,4}\s?[度元]|[0-9]{1,2}\s?[多余几来]?[月日点次天])"
)
_SHORT_DATE = r"[0-9]{1,2}-[0-9]{1,2}(?![0-9\-])"
# A number as people type it: digits, perhaps in groups.
_GROUPED = rf"[0-9](?:(?:\s?[\-—]\s?(?!{_NEXT_THING})|\s(?!{_NEXT_THING}|{_SHORT_DATE}))?[0-9])"

_LABELLED = (
    (rf"((?:总?户号|(?:客户|用户|用电)编[号码]|[客用]户号码?|缴费号|交费号){_LINK})({_GROUPED}{{4,19}})(?![0-9])", CUSTOMER),
    (rf"((?:电?表号|资产编?号|电能表编?号|表计编号|电表编号|局编号|出厂编?号|条形?码号?){_LINK})([0-9A-Za-z][0-9A-Za-z\-]{{4,27}}(?:\s(?!{_NEXT_THING})[0-9]{{3,8}})*)", METER),
    (rf"((?:银行?卡号?|卡号|银行账[号户]|账号){_LINK})({_GROUPED}{{11,20}})(?![0-9])", CARD),
    (rf"((?:身份证号?码?|证件号码?){_LINK})({_GROUPED}{{9,19}}(?:[\s\-]?[Xx*])*)(?![0-9])", ID_NUMBER),
    (rf"((?:工单编?号?|受理编?号|停电(?:信息)?编号|申请编?号|流水号){_LINK})({_GROUPED}{{7,21}})(?![0-9])", TICKET),
    (
        rf"((?:联系电话|电话号?码?|手机号?码?|联系方式|座机|主叫号?码?|来电号码|微信号?|致电|拨打|回拨|拨通){_LINK})"
        rf"(?!95598(?![0-9]))({_GROUPED}{{6,13}})(?![0-9])",
        PHONE,
    ),
)  # fmt: skip
_LABELLED_RULES = tuple((re.compile(pattern), rf"\g<1>{stand_in}") for pattern, stand_in in _LABELLED)

# Another number after one that had the label: "户号12345678、87654321".
_ANOTHER = re.compile(
    rf"((<电话>|<户号>)[、，；/和及与或\s]{{1,2}})(?!{_COMPACT_DATE})[0-9]{{7,20}}(?![0-9]|\.[0-9]|\s?[元度])"
)

_EMAIL = re.compile(r"(?<![A-Za-z0-9_.+-])[A-Za-z0-9_.+-]+\s?@\s?[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_GAP = r"[\s.·\-—]{0,3}"
_MOBILE = re.compile(
    rf"(?<![0-9])(?:\+?86[\s\-—]?|0)?1[3-9][0-9]{_GAP}(?:[0-9]{{4}}{_GAP}[0-9]{{4}}|[0-9]{{3}}{_GAP}[0-9]{{5}})(?![0-9])"
)
# Already masked by somebody, or half of it: 138****1234 (of which normalising leaves one asterisk), 13876655xxx.
_HALF_MASKED = re.compile(
    r"(?<![0-9])1[3-9][0-9](?:[0-9]{0,7}[*xX×]{2,8}[0-9]{0,4}|[0-9]{5,7}[*xX×]|[0-9]{0,4}[*…·][0-9]{3,4}(?![0-9]))"
)
_LANDLINE = re.compile(
    r"(?<![0-9.\-])[（(]?0[1-9][0-9]{1,2}[）)]?[\s\-—]{0,2}[2-9][0-9]{6,7}(?:\s?[\-转]\s?[0-9]{1,6})?(?![0-9])"
)
_DATE = r"(?<![0-9])[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9\-])(?:\s[0-9]{1,2}(?=:))?"
_IS_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:\s[0-9]{1,2})?")
# Groups before a decimal point are a list of readings (11510 11555.71); nine digits in one piece are a number anyway.
_LONG_NUMBER = re.compile(
    rf"{_DATE}|(?<![0-9])(?:(?!95598(?![0-9])){_GROUPED}{{7,}}[Xx]?(?![0-9]|\.[0-9]{{1,3}}(?![0-9]))|[0-9]{{9,}}[Xx]?(?![0-9]))"
)
_SPOKEN_DIGIT = "[零〇○一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖]"
_PAUSE = r"[，、\-—]"
_SPOKEN = re.compile(
    f"{_SPOKEN_DIGIT}{{3}}(?:{_SPOKEN_DIGIT}{{4,}}|{_PAUSE}{_SPOKEN_DIGIT}{{4}}{_PAUSE}{_SPOKEN_DIGIT}{{4}}(?!{_SPOKEN_DIGIT}))"
)
_SPOKEN_PAUSE = re.compile(_PAUSE)
_ENOUGH_DIGITS = re.compile(r"[0-9](?:(?:[A-Za-z]|[\s.·\-—*×…]{0,3})[0-9*xX×…]){4}")

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

# Family names common enough to expect (Ministry of Public Security, report on names, 2020) and the compound ones in use.
_COMPOUND = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|宇文|长孙|司徒|司空|夏侯|端木"
_PLAIN = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余杜叶程苏魏吕丁沈姚卢傅钟姜崔谭廖范汪陆金石戴"
    "贾韦夏邱侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵钱严覃武莫孔汤温康施牛樊葛邢齐乔伍庞颜倪庄聂章鲁岳翟申欧耿焦俞左柳甘祝"
    "宁尚符舒阮纪梅童凌毕裴霍涂苗谷曲盛冉翁蓝骆游辛靳管柴蒙鲍华喻祁滕屈饶解牟艾尤阳穆古吉卓倪项臧闫邝隋冼佟褚巩庹晏桑寇邬栾娄屠甄戚闵鞠阚蔺郜"
)
# These begin ordinary words after 客户 (于昨日, 向供电所, 安装, 时常, 房屋 ...), so they count only before a title or after a label.
_AMBIGUOUS = "付高于方向常万任关文易包成单全连路水车房司应明时农兰和"
_SURNAME = f"(?:{_COMPOUND}|[{_PLAIN}{_AMBIGUOUS}])"
_CLEAR_SURNAME = f"(?:{_COMPOUND}|[{_PLAIN}])"
# Characters that fill a clause far more often than a given name.
_NO_GIVEN = r"[^\W0-9A-Za-z_的了在不要反映应来电称表示是说因为对向从被把就也都还未没已将需再每又你我他她它们这那该此停送供费用户装]"
_GIVEN = f"{_NO_GIVEN}{{1,2}}"
_AFTER_NAME = r"(?=[，。、；：！？（）()“”\"】\]」』\s:,.;<]|$|来电|来访|来信|反映|反应|投诉|咨询|要求|表示|致电|称|说|电话|手机|联系|户号|先生|女士|小姐|身份证|住|家)"
# Words that begin with a family name and stand where a name could: 客户周末来电, 客户陆续反映; but 客户周一鸣来电.
_WORDS = (
    "马[上路虎]|白[天跑交]|尤[其为]|解[释答决除说]|陈述|申[请诉报领明]|严[重厉正格肃]|郑重|毕[竟业]|余[额款电量下]|金[额钱]|钱[款数]"
    "|程序|管[理道线片]|史[上无]|顾[虑客及忌]|许[多久诺可]|谢[绝谢]|谈话|施[工压]|田[间里]|武断|雷[雨电击]|凌晨|夏[天季日]|阳[台光]"
    "|温度|石材|林[场业]|陶瓷|苗木|柴油|黄[昏色]|莫名|毛病|章程|左[邻右]|甘[愿心]|宁[可愿]|符合|段[时落]|焦[急虑]|董事|胡乱|路过"
    "|何[时地处况以人种因故]|罗列|杜绝|范围|陆续|康复|庞大|尚[无欠且有可能处须需]|盛夏|辛苦|蒙受|周[一二三四五六日末围边期岁]"
    "|张[贴口嘴]|孙[子女]|祝贺|钟[点头]|龙头|舒适|游[客泳]"
)
_ONCE = "曾(?:经|多|[两三四五六几数][次回度]|反复|口头|因|与|找|打|拨|联系|到|去|问|向|给|提|被|于|在)"
_NAME_LABEL = r"(?:联系人|姓名|户名|户主|机主|来电人|报修人|诉求人|申请人|当事人|缴费人|名字)"
_NO_WORD = rf"(?!(?:{_WORDS}){_AFTER_NAME}|{_ONCE})"
_NAME_LINK = r"(?:姓名|名字?)?[\s:：为是叫系（(“\"【\[「『]{1,3}"
_LABELLED_NAME = re.compile(
    rf"({_NAME_LABEL})(?:({_NAME_LINK}){_SURNAME}(?:[\u4e00-\u9fff]{{1,2}}?{_AFTER_NAME}|[\u4e00-\u9fff]{{1,2}})"
    rf"|{_NO_WORD}{_CLEAR_SURNAME}{_GIVEN}?{_AFTER_NAME})"
)
_CUSTOMER_NAME = re.compile(
    rf"((?:客户|用户|业主|居民|村民|户主|市民)[（(：:\s]?){_NO_WORD}({_CLEAR_SURNAME}{_NO_GIVEN}{{1,2}}?){_AFTER_NAME}"
)
_PERSON = "先生|女士|小姐|师傅|大爷|大妈|大叔|阿姨|同志|老师|医生|老板"
_OFFICE = "经理|主任|所长|书记|班长|站长|局长|队长|组长|会计"
_OFFICE_HINT = re.compile(f"{_OFFICE}|师傅|老板")
_TITLE_HINT = re.compile(f"{_PERSON}|{_OFFICE}")
# The same before a title or 某 (车间主任, 公司经理, 当时所长), alone, with a place (水果店老板) or with a name (司机王师傅).
_TRADE_WORD = re.compile(
    f"(?:{_WORDS}|车[间队站行辆]|项目|公司|司[机炉法]|单[位元]|[安完]全|房[东产管屋]|水[管务利产果泥电]|农[场庄资机电业]|金[融店属]"
    "|高[压级层]|应[急收]|包[工装租]|文[书员印]|武警|全[体科]|当时|时任|连锁|路灯|常务|成[本人]|和气|童装|温泉|白酒|纪[检委]"
    f"|[上一前现历]任|[吊货叉拖汽]车|[茶树菜烟]叶|师傅|安[检保监]|规范|[无有相机开]关)(?:[店厂场局站所队科]|{_SURNAME})?"
)
# 台区经理, 片区主任, 前任所长 name an office, not a person.
_TITLED_NAME = re.compile(
    rf"(?<![台片辖小社园城郊前现新上历值责])(?:{_SURNAME}(?:{_GIVEN})??)(?=(?:{_PERSON}|{_OFFICE})(?!任))"
)
_SOMEBODY = re.compile(
    rf"{_SURNAME}某(?:某|(?![个些种处地台天日月次年牧村镇县市区小单公店厂干]))|{_SURNAME}[xX×*＊]{{1,3}}(?![0-9A-Za-z])"
)
_SOMEBODY_HINT = re.compile("[某xX×*＊]")

_FLOOR = (
    r"(?:[0-9一二三四五六七八九十]{1,4}(?:栋|幢|座|号楼|#楼?|单元|层|楼|室|户|号)"
    r"|[0-9]{1,2}-[0-9]{1,2}-[0-9]{2,4}(?![0-9])|(?<=[栋幢座楼元])[0-9]{3,4}(?![0-9年.\-]))"
)
# 知道16号, 家里16号 and 这条3号 are dates and things.
_ROAD = "(?:路|街|大道|巷|弄|胡同|(?<![知街报渠管轨频])道|(?<![家村镇店厂屋这那哪公])里|坊|(?<![这那几两])条)"
_HOUSE = "(?:[0-9]{1,5}|[一二三四五六七八九十百]{1,4})"
_ESTATE = "(?:小区|花园|公寓|家园|新村|广场|大厦|新城|[苑城府园湾庭居郡院邸墅])"
_GROUP = "(?:村|社区|庄|屯|寨|湾|坝)[0-9一二三四五六七八九十]{1,3}(?:组|队|社|小组|屯)"
_BUILDING = "[0-9一二三四五六七八九十]{1,3}(?:栋|幢|号楼|单元)"
# 人民路12号杆 is a pole, not a house.
_EQUIPMENT = r"(?!\s?(?:杆|塔|变|台|线|环网|配|公|专|柜|箱|闸|开关|主|机))"
_STREET = re.compile(
    rf"[\u4e00-\u9fff]{{1,12}}{_ROAD}{_HOUSE}(?:[\-之][0-9]{{1,4}})?号{_EQUIPMENT}(?:院|大院)?(?:[\u4e00-\u9fff]{{0,8}}?{_FLOOR}+)?(?:附[0-9]{{1,3}}号)?"
    rf"|[\u4e00-\u9fff]{{0,10}}{_ESTATE}[a-zA-Z]?(?<![0-9]){_BUILDING}{_FLOOR}*"
    rf"|(?<![0-9]){_BUILDING}{_FLOOR}+"
    rf"|[\u4e00-\u9fff]{{1,8}}{_GROUP}(?:[0-9]{{1,4}}号)?"
    r"|(?<![0-9])[0-9]{3,4}室"
)  # fmt: skip
# A quick look that spares most narratives the search above.
_STREET_HINT = re.compile(
    f"[路街道巷弄同里坊条](?:[0-9]|[一二三四五六七八九十百]{{1,4}}号)|{_BUILDING}|{_GROUP}|[0-9]室"
)
# Where an address proper begins: after a county or township, or after a word that leads to a place.
_BEFORE_ADDRESS = re.compile(
    r"[^0-9]*(?:[省市县镇乡旗盟州]|(?<![小社台园片])区|街道|位于|地址|家住|居住|住址|住在|住|来到|反映|表示|客户|业主|居民|要求|[在于到是为由从至和与及的对给往])"
)
_ADDRESSES = re.compile(f"{ADDRESS}(?:[，、\\s]?{ADDRESS})+")

# Words that stand in a name column and name nobody.
_NOBODY = frozenset(
    [
        "客户",
        "用户",
        "业主",
        "居民",
        "村民",
        "匿名",
        "先生",
        "女士",
        "不详",
        "未知",
        "保密",
        "供电公司",
        "供电所",
        "物业",
        "农户",
    ]
)


def mask(text: str, known: Iterable[tuple[str, str]] = ()) -> str:
    """Return a normalised narrative with personal data replaced by stand-ins.

    `known` holds (value, stand-in) pairs from the ticket's own columns (its phone, name, address ...), which are
    replaced wherever they occur, also where no rule would see them. Values must be normalised like the text.

    >>> mask("客户王小明来电反映，户号3300112233，电话13800138000，家住人民路12号3栋501室")
    '客户<姓名>来电反映，户号<户号>，电话<电话>，家住<地址>'
    >>> mask("10kV城东线5月12号停电3次，拨打95598无人接听")
    '10kV城东线5月12号停电3次，拨打95598无人接听'
    """
    # The longest first: 张三丰 before 张三.
    for value, stand_in in sorted(known, key=lambda pair: -len(pair[0])):
        if _worth_replacing(value, stand_in):
            text = text.replace(value, stand_in)
    if "@" in text:
        text = _EMAIL.sub(EMAIL, text)
    if _ENOUGH_DIGITS.search(text):
        text = _mask_numbers(text)
    text = _SPOKEN.sub(_spoken, text)
    # A stand-in ends what ran on before, so that a name or an address in front of it can show only now.
    while (masked := _mask_addresses(_mask_names(text))) != text:
        text = masked
    return text


def is_id_number(digits: str) -> bool:
    """Tell whether 18 characters are an ID number: a date of birth inside and the right check digit.

    >>> is_id_number("11010519491231002X"), is_id_number("110105194912310021")
    (True, False)
    """
    if len(digits) != len(_ID_WEIGHTS) + 1 or not digits[:17].isdigit() or not _is_date(digits[6:14]):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, digits, strict=False))
    return "10X98765432"[total % 11] == digits[17].upper()


def is_card_number(digits: str) -> bool:
    """Tell whether 16 to 19 digits satisfy the Luhn check of bank cards.

    >>> is_card_number("6222020200112233"), is_card_number("4111111111111111")
    (False, True)
    """
    if not 16 <= len(digits) <= 19 or not digits.isdigit():
        return False
    doubled = (int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _worth_replacing(value: str, stand_in: str) -> bool:
    shortest = 2 if stand_in == NAME else 4
    return len(value) >= shortest and value not in _NOBODY and not any(value in own for own in STAND_INS)


def _mask_numbers(text: str) -> str:
    for pattern, replacement in _LABELLED_RULES:
        text = pattern.sub(replacement, text)
    for pattern in (_HALF_MASKED, _MOBILE, _LANDLINE):
        text = pattern.sub(PHONE, text)
    text = _LONG_NUMBER.sub(_long_number, text)
    while (further := _ANOTHER.sub(r"\g<1>\g<2>", text)) != text:
        text = further
    return text


def _spoken(match: re.Match[str]) -> str:
    return PHONE if len(_SPOKEN_PAUSE.sub("", match[0])) == len("13800138000") else NUMBER


def _long_number(match: re.Match[str]) -> str:
    """Say what a long number without a label is; dates, and groups that are no number, stay as they are."""
    if _IS_DATE.fullmatch(match[0]):
        return match[0]
    whole = re.sub(r"[\s\-—]", "", match[0])
    digits = whole.rstrip("Xx")
    kinds: tuple[tuple[Callable[[str], bool], str], ...] = (
        (_is_time, match[0]),
        (lambda _: is_id_number(whole), ID_NUMBER),
        (lambda number: len(number) == 16 and _is_date(number[:8]), TICKET),
        (is_card_number, CARD),
        (lambda number: len(number) in (10, 13), CUSTOMER),
        (lambda number: len(number) == 12 and number.startswith("15"), TICKET),
        (lambda number: len(number) >= 9, NUMBER),
    )
    return next((stand_in for is_kind, stand_in in kinds if is_kind(digits)), match[0])


def _is_time(digits: str) -> bool:
    """Tell a date alone (8 digits) or with hours, minutes and seconds (12 or 14)."""
    if len(digits) not in (8, 12, 14) or not _is_date(digits[:8]):
        return False
    hours, rest = digits[8:10], digits[10:]
    return (not hours or int(hours) < 24) and all(int(rest[at : at + 2]) < 60 for at in range(0, len(rest), 2))


def _is_date(digits: str) -> bool:
    try:
        return 1900 <= date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])).year <= 2100
    except ValueError:
        return False


def _mask_names(text: str) -> str:
    if _SOMEBODY_HINT.search(text):
        text = _replace_names(_SOMEBODY, text)
    text = _LABELLED_NAME.sub(lambda match: match[1] + (match[2] or "") + NAME, text)
    text = _CUSTOMER_NAME.sub(rf"\g<1>{NAME}", text)
    if _TITLE_HINT.search(text):
        text = _replace_names(_TITLED_NAME, text)
    return text


def _replace_names(pattern: re.Pattern[str], text: str) -> str:
    """Put the stand-in for names, but look again one character on where the match is an ordinary word."""
    pieces: list[str] = []
    done = at = 0
    while match := pattern.search(text, at):
        if _is_ordinary(match):
            at = match.start() + 1
            continue
        pieces += text[done : match.start()], NAME
        done = at = match.end()
    return "".join([*pieces, text[done:]]) if pieces else text


def _is_ordinary(match: re.Match[str]) -> bool:
    """Tell that a match, or its first character with the one before, is a word, or that 向 leads to an office."""
    name, start = match[0], match.start()
    if _TRADE_WORD.fullmatch(name) or _TRADE_WORD.fullmatch(match.string, max(start - 1, 0), start + 1):
        return True
    return name[0] in "向和连" and _OFFICE_HINT.match(match.string, match.end()) is not None


def _mask_addresses(text: str) -> str:
    if not _STREET_HINT.search(text):
        return text
    return _ADDRESSES.sub(ADDRESS, _STREET.sub(_address, text))


def _address(match: re.Match[str]) -> str:
    lead = _BEFORE_ADDRESS.match(match[0])
    return (lead[0] if lead else "") + ADDRESS
