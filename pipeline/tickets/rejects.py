"""Rows that cannot be used: a stable code and a sentence that says what to do.

Messages never quote what the row holds, because that may be personal data.
"""

from dataclasses import dataclass
from string import Template

# code -> sentence for the people who handle the export; $names are filled in by `reject`.
REASONS = {
    "missing_id": "该行没有工单编号，请补上后重新导入。",
    "damaged_id": "工单编号被表格软件改成了科学计数法，尾数已丢失；请把该列设为文本格式后重新导出。",
    "long_id": "工单编号超过 $longest 个字符，可能是列错位；请核对该行各列后重新导入。",
    "missing_text": "该行没有受理内容，请补上后重新导入。",
    "topic_only": "受理内容只有方括号里的主题，没有正文；请补上客户诉求后重新导入。",
    "duplicate_id": "工单编号与第 $first 行重复，只采用先出现的一行；请核对后删除或更正其中一行。",
    "undecodable": "该行含有无法按 $encoding 解码的字节，请在来源系统重新导出该工单。",
    "broken_quote": "该行的双引号没有成对，无法确定各列边界；请补全或删除多余的引号。",
    "wrong_columns": "该行有 $found 列，表头有 $expected 列；请检查内容里是否有未加引号的分隔符。",
    "bad_date": "“$column”不是可识别的日期时间，请改为如 2026-11-02 08:30:00 的格式。",
    "bad_json": "该行不是有效的 JSON 对象，请修正后重新导入。",
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not accepted: where it stands, why, and what to do about it."""

    row: int
    code: str
    message: str


# What stands for the details where a code is explained and no row is meant.
_ANY = {"first": "n", "encoding": "文件编码", "column": "时间", "found": "m", "expected": "n", "longest": "200"}


def explain(code: str) -> str:
    """Return the sentence of a code for any row.

    >>> explain("duplicate_id")
    '工单编号与第 n 行重复，只采用先出现的一行；请核对后删除或更正其中一行。'
    """
    return Template(REASONS[code]).substitute(_ANY) if code in REASONS else ""


def reject(row: int, code: str, **details: object) -> Reject:
    """Make a reject with the sentence that belongs to its code.

    >>> reject(7, "duplicate_id", first=3).message
    '工单编号与第 3 行重复，只采用先出现的一行；请核对后删除或更正其中一行。'
    """
    return Reject(row, code, Template(REASONS[code]).substitute({key: str(value) for key, value in details.items()}))
