"""How an agent words a call: bracket topic, opener, narrative, contact line, closer, and the slips of typing."""

import itertools
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import opencc
import yaml
from places import Household, mention

_PHRASES = yaml.safe_load(Path(__file__).with_name("phrases.yaml").read_text(encoding="utf-8"))
_WIDE = str.maketrans("0123456789，。：；", "０１２３４５６７８９,.:;")
_SINCE = re.compile(r"\{日期\}(?:以来|起|至今|之后|开始|算起|接电|受理|已交|已提交|就递了|当天|前后)")
_DATED = re.compile("月[0-9]|最近|连续|接连|一天|天天|每|逢")
_TOWN = re.compile(
    "楼[里栋盘上梯]|栋楼|住宅楼|小区|物业|电梯|车位|地库|单元|商场|商铺|街道|业主|门面|高层|网吧|产业园|人行道"
)
_COUNTRY = re.compile(
    "村里|村干部|自然村|村电工|村东|田|鱼塘|大棚|养[殖鸡猪]|茶叶|机井|井里|农网|菜地|孵化|抽水|树林|小水电|全组"
)
_TRADITIONAL, _OTHER_NOISE = 0.005, 0.09


@dataclass(frozen=True, slots=True)
class Call:
    """What an agent has at hand when writing a ticket down; `earlier_id` is the ticket that a reminder is about."""

    cause: str
    type_id: str
    topic: str
    body: str
    household: Household
    accepted_at: datetime
    earlier_id: str = ""


def in_town(narrative: str) -> bool | None:
    """Tell whether a narrative can only play in town (True) or in the country (False)."""
    town, country = _TOWN.search(narrative) is not None, _COUNTRY.search(narrative) is not None
    return None if town == country else town


class Agent:
    """Words calls; the part below the topic is never the same twice."""

    def __init__(self, narratives: Mapping[str, Sequence[str]], rng: random.Random) -> None:
        self._rng = rng
        # Taken in turn, so that every narrative is used about equally often.
        self._bodies: dict[str, Iterator[str]] = {
            cause: itertools.cycle(rng.sample(texts, len(texts))) for cause, texts in narratives.items()
        }
        self._written: set[str] = set()
        self._traditional = opencc.OpenCC("s2t")

    def narrative(self, cause: str) -> str:
        """Return the next narrative of a cause, its slots still open."""
        return next(self._bodies[cause])

    def fill(self, text: str, household: Household, accepted_at: datetime) -> str:
        """Return a narrative with its slots filled, and with other words here and there."""
        since = _SINCE.search(text) is not None
        text = text.replace("{日期}", self._date(accepted_at, (18, 45) if since else (1, 8)))
        text = text.replace("{地点}", mention(household, self._rng))
        for word, other in _PHRASES["synonyms"]:
            if self._rng.random() < 0.2:
                text = text.replace(word, other, 1)
        return text

    def write(self, call: Call) -> str:
        """Return the text of a ticket as it is typed."""
        while (narrative := self._narrative(call)) in self._written:
            pass
        self._written.add(narrative)
        return self._slip(self._topic(call.topic) + narrative)

    def _narrative(self, call: Call) -> str:
        parts = [self._opener(call), call.body]
        routine = call.type_id != "out_of_scope"
        if call.cause == "frequent_outage" and not _DATED.search(call.body) and self._rng.random() < 0.35:
            parts.append(self._recent_outages(call.accepted_at))
        if routine and not re.search("坐席|座席|系统", call.body) and self._rng.random() < 0.35:
            network = call.type_id in ("power_quality", "outage")
            parts.append(self._rng.choice(_PHRASES["checked"] + (_PHRASES["checked_network"] if network else [])))
        if self._rng.random() < 0.28:
            parts.append(self._with_person(self._rng.choice(_PHRASES["contacts"]), call))
        own = _PHRASES["type_closers"][call.type_id]
        parts.append(self._rng.choice(own if not routine or self._rng.random() < 0.35 else _PHRASES["closers"]))
        return "".join(parts)

    def _opener(self, call: Call) -> str:
        if call.earlier_id:
            choices: Sequence[str] = _PHRASES["again_openers"]
        elif call.body.startswith(("客户", "本工单")):
            choices = _PHRASES["short_openers"] if call.body.startswith("客户") else ("",)
        else:
            choices = _PHRASES["own_openers"].get(call.cause, _PHRASES["openers"])
        return self._with_person(self._rng.choice(choices), call)

    def _with_person(self, text: str, call: Call) -> str:
        person = call.household
        words = {
            "{姓名}": person.name,
            "{称呼}": person.name[0] + self._rng.choice(("先生", "女士")),
            "{电话}": person.phone,
            "{户号}": person.number or "不详",
            "{地址}": person.address,
            "{工单}": call.earlier_id,
        }
        return re.sub(r"\{..\}", lambda slot: words[slot[0]], text)

    def _date(self, accepted_at: datetime, days_ago: tuple[int, int]) -> str:
        day = accepted_at - timedelta(days=self._rng.randint(*days_ago))
        return self._rng.choice(
            (f"{day.month}月{day.day}日",) * 5 + (f"{day.month}月{day.day}号", f"{day.year}年{day.month}月{day.day}日")
        )

    def _recent_outages(self, accepted_at: datetime) -> str:
        days = sorted(accepted_at - timedelta(days=ago) for ago in self._rng.sample(range(1, 40), 3))
        written = self._rng.choice((("{0.month}月{0.day}日", "、"), ("{0.month}.{0.day}", "，")))
        return f"最近三次停电为{written[1].join(written[0].format(day) for day in days)}。"

    def _topic(self, topic: str) -> str:
        """Bracket the topic; about one in fifteen is not as it should be."""
        draw = self._rng.random()
        if not topic:
            return ""
        if draw < 0.03:
            return self._rng.choice((f"【{topic}", f"{topic}】"))
        if draw < 0.06:
            return f"[{topic}]"
        if draw < 0.12:
            return f"【{self._rng.choice(_PHRASES['prefix_tags'])}】【{topic}】"
        return f"【{topic}】"

    def _slip(self, text: str) -> str:
        """Damage a small share of the texts the way typing, scanning and copying do."""
        draw = self._rng.random()
        if draw < _TRADITIONAL:
            converted: str = self._traditional.convert(text)
            return converted
        if draw < _TRADITIONAL + _OTHER_NOISE:
            slip = self._rng.choice((_doubled, _dropped, _wide, _blanks, _entity, _typo, _typo))
            return slip(text, self._rng)
        return text


def _doubled(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) // 3, len(text))
    return text[:at] + text[at] + text[at:]


def _dropped(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) // 3, len(text))
    return text[:at] + text[at + 1 :]


def _wide(text: str, rng: random.Random) -> str:
    """Turn digits full-width and punctuation half-width from some point on."""
    at = rng.randrange(len(text) // 2)
    return text[:at] + text[at:].translate(_WIDE)


def _blanks(text: str, rng: random.Random) -> str:
    """Set characters apart as a scan does: a long number digit by digit, or a stretch of words."""
    if number := re.search(r"[0-9]{10,}", text):
        return text.replace(number[0], " ".join(number[0]), 1)
    at = rng.randrange(len(text) // 2)
    return text[:at] + " ".join(text[at : at + 8]) + text[at + 8 :]


def _entity(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) // 3, len(text))
    return text[:at] + "&nbsp;" * rng.randint(1, 2) + text[at:]


def _typo(text: str, rng: random.Random) -> str:
    right, wrong = rng.choice([pair for pair in _PHRASES["typos"] if pair[0] in text] or [("，", "，，")])
    return text.replace(right, wrong, 1)
