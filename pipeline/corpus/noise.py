"""The defects real narratives have, put into clean ones, the same for the same seed.

What occurs is what was seen in the public tags of real 2015 tickets (CCF 2016, State Grid user-profile competition);
how often is estimated, because nobody has counted.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import opencc

from pipeline.text.lexicon import common_characters

# Characters that a pinyin input method offers for one another: the same sound, and common enough to be picked.
_COMMON = 3000
# Slips that were seen in real tags and are not of the same sound to the letter (收费标注, 电联异常).
_SEEN = ("准注", "量联", "撤撒")
_TOPICS = (
    "频繁停电",
    "服务态度",
    "业扩报装",
    "抄表催费",
    "电费电价",
    "供电质量",
    "客户催办",
    "补充信息",
    "停电信息公告",
)
_HEADS = ("客户来电反映，", "客户反映：", "诉求人来电反映", "客户再次来电，", "客户反映上址")
_TAILS = (
    "请尽快联系客户核实处理。",
    "要求工作人员尽快联系处理。",
    "请处理。",
    "客户情绪激动，要求尽快解决。",
    "要求核实并给予合理解释。",
)


@dataclass(frozen=True, slots=True)
class Noise:
    """How often each defect occurs: per character, or per narrative."""

    slip: float = 0.015  # per character: another of the same sound was picked
    dropped: float = 0.0025  # per character
    doubled: float = 0.0025  # per character
    full_width: float = 0.03  # per ASCII character: typed with the input method left on
    blanks: float = 0.02  # per narrative: OCR sets every character of a stretch apart
    traditional: float = 0.005  # per narrative
    topic: float = 0.3  # per narrative without one: a bracketed topic, right or wrong
    broken_topic: float = 0.1  # of those: the opening bracket is lost
    head: float = 0.2  # per narrative
    tail: float = 0.2  # per narrative


def add_noise(text: str, random_source: random.Random, noise: Noise | None = None) -> str:
    """Return the narrative as a hurried agent or an OCR might have left it.

    >>> add_noise("客户反映停电", random.Random(1)) == add_noise("客户反映停电", random.Random(1))
    True
    """
    noise = noise or Noise()
    text = "".join(_character(character, random_source, noise) for character in text)
    for rate, change in (
        (noise.blanks, _spread),
        (noise.traditional, _to_traditional),
        (noise.head, _with_head),
        (noise.tail, _with_tail),
        (noise.topic, _with_topic(noise.broken_topic)),
    ):
        if random_source.random() < rate:
            text = change(text, random_source)
    return text


def _character(character: str, source: random.Random, noise: Noise) -> str:
    draw = source.random()
    if draw < noise.dropped:
        return ""
    if draw < noise.dropped + noise.doubled:
        return character * 2
    if character.isascii():
        return (
            chr(ord(character) + 0xFEE0)
            if "!" <= character <= "~" and source.random() < noise.full_width
            else character
        )
    if source.random() < noise.slip and (others := homophones(character)):
        return source.choice(others)
    return character


def _spread(text: str, source: random.Random) -> str:
    start = source.randrange(len(text) + 1)
    end = start + source.randint(5, 30)
    return text[:start] + " ".join(text[start:end]) + text[end:]


def _to_traditional(text: str, _: random.Random) -> str:
    converted: str = _converter().convert(text)
    return converted


def _with_head(text: str, source: random.Random) -> str:
    return source.choice(_HEADS) + text


def _with_tail(text: str, source: random.Random) -> str:
    return text + source.choice(_TAILS)


def _with_topic(broken: float) -> Callable[[str, random.Random], str]:
    def change(text: str, source: random.Random) -> str:
        if text.startswith("【"):
            return text
        opening = "" if source.random() < broken else "【"
        return f"{opening}{source.choice(_TOPICS)}】{text}"

    return change


def homophones(character: str) -> str:
    """Return the common characters that sound alike, the commonest first, without regard to tone; '' if there is none.

    >>> "待" in homophones("代"), homophones("A")
    (True, '')
    """
    return _sounds().get(character, "")


@lru_cache(maxsize=1)
def _sounds() -> dict[str, str]:
    from pypinyin import lazy_pinyin  # noqa: PLC0415 - an extra: training and trying models need it, scoring does not

    common = common_characters(_COMMON)
    by_sound: dict[str, str] = {}
    for character, sound in zip(common, lazy_pinyin(list(common)), strict=True):
        by_sound[sound] = by_sound.get(sound, "") + character
    groups = [*by_sound.values(), *_SEEN]
    sounds: dict[str, str] = {}
    for group in groups:
        for character in group:
            sounds[character] = sounds.get(character, "") + group.replace(character, "")
    return sounds


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("s2t")
