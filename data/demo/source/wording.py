"""How an agent words a call: bracket topic, opener, narrative, contact line, closer, and the slips of typing."""

import itertools
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import opencc
from places import Household, mention

_OPENERS = (
    "客户来电反映，", "客户来电反映，", "客户来电反映：", "客户反映，", "客户反映", "客户来电称，", "客户{姓名}反映，",
    "客户{姓名}来电反映，", "诉求人来电反映，", "诉求人反映：", "来电人反映，", "客户致电95598反映，", "客户来电投诉，",
    "客户来电投诉：", "用户来电反映，", "{称呼}来电反映，", "{称呼}反映：", "客户{称呼}称，", "市长热线转办，诉求人反映：",
    "客户通过网上国网留言反映，", "客户来电表示，", "客户来电表示不满，", "",
)  # fmt: skip
# For narratives that begin with 客户 themselves.
_SHORT_OPENERS = (
    "",
    "",
    "来电反映，",
    "来电反映：",
    "诉求人来电反映，",
    "接客户来电，",
    "投诉：",
    "来电人{姓名}反映，",
)
_AGAIN_OPENERS = (
    "【客户催办】前期工单：{工单}，客户再次来电反映，", "【客户催办】前期工单：{工单}，客户再次来电，",
    "前期工单：{工单}，客户再次来电反映，", "客户再次来电，前期工单号{工单}，称", "前期工单{工单}至今无人联系，客户再次反映，",
    "客户{姓名}第二次来电（前期工单：{工单}），", "【客户催办】客户催办工单{工单}，",
)  # fmt: skip
_OWN_OPENERS = {
    "enquiry": ("客户来电咨询，", "客户咨询：", "客户咨询，"),
    "fault_report": ("客户来电报修，", "客户来电反映，", "客户报修："),
    "suggestion": ("客户来电，", "客户来电提出，", ""),
    "praise": ("客户来电，", "来电人{姓名}，", ""),
    "integrity_report": ("客户来电，", "来电人，", ""),
    "unrelated": ("", "客户来电，"),
}
_CLOSERS = (
    "请尽快联系客户核实处理。", "请尽快处理。", "请处理。", "要求工作人员尽快联系处理。", "要求供电公司尽快处理并回复。",
    "要求核实并给予合理解释，请尽快联系客户。", "请相关部门核实处理，谢谢！", "请核实并及时答复客户。", "望尽快核实解决。",
    "客户要求尽快给予明确答复。", "客户要求24小时内联系。", "现客户要求投诉，请尽快核实处理。", "客户对此非常不满，要求尽快解决。",
    "客户要求相关负责人回电说明情况。", "请贵单位核实后联系客户处理。", "请尽快安排人员处理", "客户情绪激动，请优先联系。", "",
)  # fmt: skip
_TYPE_CLOSERS = {
    "power_quality": ("要求查明原因并彻底整改。", "要求尽快解决用电问题，恢复正常用电。", "要求给出根治的办法和时间。"),
    "business": ("要求核实后给出书面说明。", "要求尽快办结并告知结果。", "要求更正并告知处理依据。"),
    "service": ("要求当事人道歉并规范服务。", "要求对相关人员进行处理。", "要求加强人员管理，改进服务。"),
    "outage": ("要求说明原因并尽快处理。", "要求今后按规定办理，并给个说法。"),
    "grid_construction": ("要求到现场查看并尽快整改。", "要求给出整改时间。"),
    "out_of_scope": ("请知悉。", "请联系客户解答。", "请核实。", ""),
}
_CHECKED = (
    "经系统查询无停电信息。", "坐席已安抚解释，客户不接受。", "经核实系统内无相关记录，客户不认可。", "已向客户致歉并解释，客户仍要求反映。",
    "坐席已解释，客户不认可，坚持要求投诉。", "客户表示已拍照留存。", "客户称左右邻居均可作证。", "坐席建议等待处理，客户不同意。",
)  # fmt: skip
_CONTACTS = (
    "联系人：{姓名}，电话：{电话}。", "联系电话{电话}。", "户号：{户号}。", "户号{户号}，户名{姓名}。", "地址：{地址}。",
    "客户地址为{地址}，联系电话：{电话}。", "户号为{户号}，请拨打{电话}联系。", "联系人{称呼}，手机{电话}，地址：{地址}。",
)  # fmt: skip
_PREFIX_TAGS = ("客户要求加急", "应急受理", "补充信息", "诉求升级", "营销类", "预付费")
# Other words for the same, so that two calls about one thing do not read alike; none changes the cause.
_SYNONYMS = (
    ("坐席", "座席"), ("客户称", "客户表示"), ("供电公司", "电力公司"), ("近两个月", "这两个月"), ("抢修人员", "抢修师傅"),
    ("不认可", "不予认可"), ("每次", "每回"), ("一直", "始终"), ("答复", "回复"), ("左右邻居", "隔壁邻居"), ("多次报修", "反复报修"),
)  # fmt: skip
_TYPOS = (
    ("停电", "停店"), ("抄表", "超表"), ("标准", "标注"), ("反映", "反应"), ("电费", "电废"), ("报修", "保修"),
    ("增容", "增荣"), ("台区", "台去"), ("电压", "电呀"), ("频繁", "频烦"), ("处理", "处里"), ("抢修", "强修"), ("客户", "客服"),
)  # fmt: skip
_WIDE = str.maketrans("0123456789，。：；", "０１２３４５６７８９,.:;")
_SINCE = re.compile(r"\{日期\}(?:以来|起|至今|之后|开始|算起|接电|受理|已交|已提交|就递了|当天|前后)")
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

    def body(self, cause: str, household: Household, accepted_at: datetime) -> str:
        """Return a narrative of a cause, its slots filled."""
        text = next(self._bodies[cause])
        since = _SINCE.search(text) is not None
        text = text.replace("{日期}", self._date(accepted_at, (18, 45) if since else (1, 8)))
        text = text.replace("{地点}", mention(household.place, self._rng))
        for word, other in _SYNONYMS:
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
        if routine and call.cause == "frequent_outage" and self._rng.random() < 0.2:
            parts.append(self._recent_outages(call.accepted_at))
        if routine and not re.search("坐席|座席|系统", call.body) and self._rng.random() < 0.35:
            parts.append(self._rng.choice(_CHECKED))
        if self._rng.random() < 0.28:
            parts.append(self._with_person(self._rng.choice(_CONTACTS), call))
        own = _TYPE_CLOSERS[call.type_id]
        parts.append(self._rng.choice(own if not routine or self._rng.random() < 0.35 else _CLOSERS))
        return "".join(parts)

    def _opener(self, call: Call) -> str:
        if call.earlier_id:
            choices: Sequence[str] = _AGAIN_OPENERS
        elif call.body.startswith(("客户", "本工单")):
            choices = _SHORT_OPENERS if call.body.startswith("客户") else ("",)
        else:
            choices = _OWN_OPENERS.get(call.cause, _OPENERS)
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
            return f"【{self._rng.choice(_PREFIX_TAGS)}】【{topic}】"
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
    right, wrong = rng.choice([pair for pair in _TYPOS if pair[0] in text] or [("，", "，，")])
    return text.replace(right, wrong, 1)
