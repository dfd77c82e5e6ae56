"""Compose the demo export again: about 2,000 invented complaint tickets of two companies, the same bytes each time.

Shares of types and hours follow one province's month as an article on complaint analysis reports it; the
narratives are in narratives_*.jsonl beside this file, the geography in places.yaml. Some rows are bad on purpose, so
that a first run shows what the reader does with them.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from office import Office
from sheets import FAULT, Row, write_csv, write_xlsx
from wording import Agent

from pipeline.taxonomy import Taxonomy

HERE = Path(__file__).parent
SEED = 20261102
# Percent of all calls. Agents file calls out of scope under business and service for the most part, which brings what
# they report near the article's shares. Causes without a share of their own get one by their narratives.
TYPE_SHARES = {
    "power_quality": 45.14, "business": 22.0, "service": 21.7, "outage": 4.5, "grid_construction": 3.6,
    "out_of_scope": 3.06,
}  # fmt: skip
CAUSE_SHARES = {"frequent_outage": 39.04, "voltage_abnormal": 6.02, "frequency_abnormal": 0.08}

XLSX_HEADERS = {
    "ticket_id": "工单编号", "accepted_at": "受理时间", "dispatched_at": "派单时间", "business_type": "业务类型",
    "agent_type": "一级分类", "agent_level2": "二级分类", "agent_cause": "三级分类", "text": "受理内容",
    "city": "所属地市", "county": "区县", "unit": "供电单位", "urban_rural": "城乡类别", "customer_number": "户号",
    "customer_name": "户名", "address": "用电地址", "transformer_area": "台区", "line": "10kV线路",
    "phone": "联系电话", "calling_number": "主叫号码", "urged": "催办次数", "contacted_at": "联系客户时间",
    "closed_at": "处理完成时间", "substantiated": "是否属实", "department": "责任部门",
}  # fmt: skip
CSV_HEADERS = {
    "ticket_id": "工单 编号", "accepted_at": "工单受理时间", "business_type": "工单类型", "agent_type": "一级类型",
    "agent_level2": "二级类型", "agent_cause": "三级类型", "text": "工单受理内容（必填）", "city": "地市",
    "county": "县公司", "unit": "供电所", "urban_rural": "城乡标志", "transformer_area": "所属台区",
    "line": "１０ｋＶ线路", "customer_number": "客户编号", "customer_name": "客户姓名", "address": "联系地址",
    "phone": "手机号码", "calling_number": "来电号码", "urged": "催办次数", "contacted_at": "首次联系时间",
    "closed_at": "办结时间", "substantiated": "是否属实", "department": "责任部门",
}  # fmt: skip

ROWS = {"江城供电公司": 1200, "云山县供电公司": 800}
XLSX_COMPANY = "江城供电公司"

SAME_ID = "as the row before"
# What makes a row bad, in both files and in the .csv alone.
FAULTS: tuple[dict[str, str], ...] = (
    {"ticket_id": ""}, {"text": ""}, {"ticket_id": SAME_ID}, {"accepted_at": "2026-13-45"}, {"text": "【频繁停电】"},
    {"ticket_id": "2.0261E+15"}, {"ticket_id": SAME_ID}, {"accepted_at": "昨天"}, {"text": "【客户催办】【电费】"},
    {"ticket_id": "2.02610160348E+15"}, {"ticket_id": ""}, {"text": "  "}, {"closed_at": "待定"},
)  # fmt: skip
CSV_FAULTS = ({FAULT: "undecodable"}, {FAULT: "broken_quote"}, {FAULT: "wrong_columns"})
BLANK_AFTER = (57, 411)  # rows below which a blank one follows
QUOTED_EVERY = 18  # of so many texts of the .csv with speech, one holds commas, quotes and line breaks


def main(folder: Path = HERE.parent) -> None:
    """Write both files into a folder and say how many rows each has."""
    taxonomy, narratives, rng = Taxonomy.load(), _narratives(), random.Random(SEED)
    agent = Agent(narratives, rng)
    for company, count in ROWS.items():
        causes = _causes(count, narratives, taxonomy)
        rng.shuffle(causes)
        rows = Office(company, taxonomy, agent, rng).rows(causes)
        path = folder / f"{company}投诉工单"
        if company == XLSX_COMPANY:
            path = path.with_suffix(".xlsx")
            write_xlsx(
                path, f"{company}95598投诉工单明细（2026年10月）", XLSX_HEADERS, _with_blanks(_spoilt(rows, FAULTS))
            )
        else:
            path = path.with_suffix(".csv")
            write_csv(path, CSV_HEADERS, _with_blanks(_quoted(_spoilt(rows, FAULTS[:11] + CSV_FAULTS))))
        print(f"{path.name}: {len(rows)} rows")


def _narratives() -> dict[str, list[str]]:
    """Return the narratives of each cause."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(HERE.glob("narratives_*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            found[entry["cause"]].append(entry["text"])
    return dict(found)


def _causes(count: int, narratives: Mapping[str, Sequence[str]], taxonomy: Taxonomy) -> list[str]:
    """Return `count` cause ids in their shares: whole parts first, then the largest remainders."""
    shares = {cause: _share(cause, narratives, taxonomy) for cause in narratives}
    total = sum(shares.values())
    exact = {cause: count * share / total for cause, share in shares.items()}
    left = count - sum(int(number) for number in exact.values())
    rounded_up = sorted(exact, key=lambda cause: int(exact[cause]) - exact[cause])[:left]
    return [cause for cause in exact for _ in range(int(exact[cause]) + (cause in rounded_up))]


def _share(cause_id: str, narratives: Mapping[str, Sequence[str]], taxonomy: Taxonomy) -> float:
    type_id = taxonomy.cause(cause_id).type_id
    siblings = sum(len(narratives.get(sibling.id, ())) for sibling in taxonomy.causes_of(type_id))
    return CAUSE_SHARES.get(cause_id) or TYPE_SHARES[type_id] * len(narratives[cause_id]) / siblings


def _spoilt(rows: Sequence[Row], faults: Sequence[Mapping[str, str]]) -> list[Row]:
    """Return the rows with the faults spread evenly among them."""
    spoilt = list(rows)
    for number, fault in enumerate(faults, start=1):
        at = number * len(rows) // (len(faults) + 1)
        changes = {FAULT: "cells", **fault}
        if changes.get("ticket_id") == SAME_ID:
            changes["ticket_id"] = str(rows[at - 1]["ticket_id"])
        # A line can only be damaged where it is meant to be if its text needs no quotes.
        text = str(rows[at]["text"]).replace(",", "，")
        spoilt[at] = {**rows[at], "text": text, **changes}
    return spoilt


def _quoted(rows: Sequence[Row]) -> Iterator[Row]:
    """Put commas, quotes and line breaks into some texts with speech, which then have to stand in quotes."""
    speeches = 0
    for row in rows:
        text = str(row["text"])
        speeches += "“" in text
        if FAULT in row or "“" not in text or speeches % QUOTED_EVERY:
            yield row
        else:
            text = text.replace("，", ",", 2).replace("“", '"').replace("”", '"').replace("。", "。\n", 1)
            yield {**row, "text": text}


def _with_blanks(rows: Iterable[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        yield row
        if number in BLANK_AFTER:
            yield {}


if __name__ == "__main__":
    main()
