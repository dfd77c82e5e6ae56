"""One spelling for one thing: width, script, OCR blanks, entities, invisible characters, runs of punctuation."""

import html
import re
import sys
import unicodedata
from functools import lru_cache

import opencc

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

# NFKC does harm where a compatibility form carries meaning by being set apart: ①10kV would become 110kV, 10² would
# become 102, ½ would become 1⁄2. Chinese punctuation stays Chinese, because segmenters and encoders know it so.
_KEPT_RANGES = (
    (0x00B2, 0x00B3), (0x00B9, 0x00B9), (0x00BC, 0x00BE),  # superscripts, fractions
    (0x2070, 0x209F), (0x2150, 0x215F), (0x2460, 0x24FF), (0x2776, 0x2793), (0x3220, 0x3247), (0x3280, 0x32B0),
)  # fmt: skip
_KEPT_PUNCTUATION = "，；：？！（）…～＂＇"
# In a Chinese text half-width punctuation means the full-width form.
_TO_CHINESE = str.maketrans(",;:?!()", "，；：？！（）")

_INVISIBLE = re.compile(
    # controls but tab and line feeds; soft hyphen; zero-width and direction marks; BOM; variation selectors
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_TAG = re.compile(r"</?(?:br|p|div|span|font|b|i|u|a|td|tr|table|nbsp)\b[^<>]{0,200}/?>", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_HAN_GAP = re.compile(rf"(?<=[{HAN}，。；：？！、（）【】《》“”])\x20(?=[{HAN}0-9A-Za-z，。；：？！、（）【】《》“”<])")
_ASCII_HAN_GAP = re.compile(rf"(?<=[0-9A-Za-z>])\x20(?=[{HAN}，。；：？！、（）【】])")
# Single digits set apart by blanks: three or more anywhere, two where a Chinese character or the edge stands beside
# them ("2 1 日"). Numbers of several digits ("12 15 20") are a list and stay one.
_SPACED_DIGITS = re.compile(
    r"(?<![0-9.:/-])(?<![0-9]\x20)[0-9](?:\x20[.:：/-]?\x20?[0-9]){2,}(?!\x20?[0-9])(?![.:/-][0-9])"
)
_SPACED_PAIR = re.compile(
    rf"(?<=[{HAN}（]\x20)[0-9]\x20[0-9](?=\x20[{HAN}])|(?<=[{HAN}])[0-9]\x20[0-9](?=\x20?[{HAN}])"
)
# Between two ASCII letters or digits it is a decimal, a time or an address (1,000; 20:30; http://) and stays.
_ASCII_PUNCTUATION = re.compile(r"[()]|(?<![0-9A-Za-z])[,;:?!]|[,;:?!](?![0-9A-Za-z]|//)")
_ANY_HAN = re.compile(f"[{HAN}]")
_RUN = re.compile(r"([，。；：？！、~～…·.\-—_=*#+])\1+")
_LEAD = r"[\s，。；：、,;:.\-】\]]*"
_TOPIC = re.compile(
    rf"{_LEAD}(?:【+([^【】]{{0,40}})】+|\[+([^\[\]]{{0,40}})\]+|〔([^〔〕]{{0,40}})〕|『([^『』]{{0,40}})』|「([^「」]{{0,40}})」"
    r"|〖([^〖〗]{0,40})〗|（(?![0-9]+）)([^（）<]{0,20})）)\s*[：:，,。；;、\-]?"
)
_NO_BRACKET = r"[^【】\[\]，。；：,;:<>\s]"
_UNOPENED = re.compile(rf"{_LEAD}[【\[]?({_NO_BRACKET}{{2,20}})[】\]]+\s*[：:，,]?")
# Without its closing bracket a topic ends where the narrative opens, or else at the first punctuation.
_OPENER = "客户|用户|业主|居民|村民|市民|诉求人|来电|反映|投诉|接客户|前期工单|市长热线|<|[\u4e00-\u9fff](?:先生|女士)"
_UNCLOSED = re.compile(
    rf"{_LEAD}[【\[]+(?![^【】\[\]]*[】\]])(?:({_NO_BRACKET}{{2,20}}?)(?={_OPENER})|({_NO_BRACKET}{{2,12}})(?:[，。；：,;:\s]+|$))"
)


def normalize(text: str) -> str:
    """Return `text` in one spelling; normalising twice changes nothing.

    >>> normalize("请拨打９ ５ ５ ９ ８，电壓只有１７０Ｖ")
    '请拨打95598，电压只有170V'
    >>> normalize("2 0 1 7 年 8 月,停 电&nbsp;三次。。。")
    '2017年8月，停电三次。'
    """
    previous = None
    # Each pass can uncover work for another (a blank left by a tag, a run by a blank); three have always sufficed.
    for _ in range(4):
        if text == previous:
            break
        previous, text = text, _one_pass(text)
    return text


def split_topic(text: str) -> tuple[str, str]:
    """Cut the bracketed topics off the head of a normalised narrative, masked or not: (topic, narrative).

    Agents write the cause there (【频繁停电】 ...), so a model that saw it would learn to copy, not to read. Several
    topics are joined with 、; a topic that lost its opening or its closing bracket is found too.

    >>> split_topic("【频繁停电】【客户催办】客户反映一周停电三次。")
    ('频繁停电、客户催办', '客户反映一周停电三次。')
    >>> split_topic("频繁停电】客户反映一周停电三次。")
    ('频繁停电', '客户反映一周停电三次。')
    >>> split_topic("【频繁停电客户反映一周停电三次。")
    ('频繁停电', '客户反映一周停电三次。')
    """
    topics: list[str] = []
    while match := _TOPIC.match(text) or _UNOPENED.match(text) or _UNCLOSED.match(text):
        topics.append(next(group for group in match.groups() if group is not None).strip())
        text = text[match.end() :]
    return "、".join(topic for topic in topics if topic), text.strip()


def _one_pass(text: str) -> str:
    while "&" in text and (decoded := _ENTITY.sub(_entity, text)) != text:
        text = decoded
    while "<" in text and (stripped := _TAG.sub(" ", text)) != text:
        text = stripped
    text = text.translate(_compatibility_table())
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        text = _converter().convert(text)
    text = _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip()
    if " " in text:
        text = _close_gaps(text)
    if _ANY_HAN.search(text):
        text = _ASCII_PUNCTUATION.sub(lambda match: match[0].translate(_TO_CHINESE), text)
    return _RUN.sub(r"\1", text)


def _close_gaps(text: str) -> str:
    text = _SPACED_DIGITS.sub(lambda match: match[0].replace(" ", ""), text)
    text = _SPACED_PAIR.sub(lambda match: match[0].replace(" ", ""), text)
    return _ASCII_HAN_GAP.sub("", _HAN_GAP.sub("", text))


def _entity(match: re.Match[str]) -> str:
    """Decode an entity, but never to a surrogate or an unassigned code point."""
    decoded = html.unescape(match[0])
    if len(decoded) > 2:  # an unknown name that begins like a known one: &nothing; is not ¬hing;
        return match[0]
    return decoded if decoded.isprintable() or decoded.isspace() else " "


@lru_cache(maxsize=1)
def _compatibility_table() -> dict[int, str]:
    """Map every character that NFKC changes for the better."""
    kept = {ord(character) for character in _KEPT_PUNCTUATION}
    kept.update(point for low, high in _KEPT_RANGES for point in range(low, high + 1))
    table: dict[int, str] = {}
    for point in range(0xA0, min(sys.maxunicode, 0x2FFFF)):
        if point in kept or 0xD800 <= point <= 0xDFFF:
            continue
        character = chr(point)
        mapped = unicodedata.normalize("NFKC", character)
        if mapped != character and unicodedata.normalize("NFC", character) != mapped:
            table[point] = mapped
    # A lone surrogate comes from a broken decoder upstream and cannot be written to any file.
    table.update(dict.fromkeys(range(0xD800, 0xE000), ""))
    return table


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")
