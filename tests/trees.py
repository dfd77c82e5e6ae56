"""The shipped tree's next edition: a cause renamed, and one merged into another or split where a test asks for it."""

from pathlib import Path

from pipeline.settings import CONFIGS

VERSION = "2027.01"
RENAMED, MERGED, SPLIT = "voltage_abnormal", "tariff", "frequent_outage"


def changed_tree(path: Path, *, merge: bool = False, split: bool = True) -> Path:
    """Write the tree: voltage_abnormal became voltage_wrong, tariff went into bill, frequent_outage into two."""
    text = (
        (CONFIGS / "taxonomy.yaml").read_text(encoding="utf-8").replace('version: "2026.11"', f'version: "{VERSION}"')
    )
    retired = ["{id: voltage_abnormal, zh: 电压质量长时间异常, type: power_quality, valid_to: 2027-01-01}"]
    changes = ["{on: 2027-01-01, rename: {from: voltage_abnormal, to: voltage_wrong}}"]
    text = text.replace("{id: voltage_abnormal,", "{id: voltage_wrong,").replace(
        "[voltage_abnormal]", "[voltage_wrong]"
    )
    if merge:
        text = text.replace(_line(text, MERGED) + "\n", "")
        retired.append("{id: tariff, zh: 电价, type: business, valid_to: 2027-01-01}")
        changes.append("{on: 2027-01-01, merge: {from: [bill, tariff], to: bill}}")
    if split:
        line = _line(text, SPLIT)
        parts = [
            line.replace("{id: frequent_outage, zh: 频繁停电", f"{{id: outage_often_{part}, zh: 频繁停电{name}")
            for part, name in (("fault", "故障"), ("planned", "计划"))
        ]
        text = text.replace(line, "\n".join(parts)).replace("[frequent_outage]", "[outage_often_fault]")
        retired.append("{id: frequent_outage, zh: 频繁停电, type: power_quality, valid_to: 2027-01-01}")
        changes.append(
            "{on: 2027-01-01, split: {from: frequent_outage, to: [outage_often_fault, outage_often_planned]}}"
        )
    lists = (("retired", retired), ("changes", changes))
    path.write_text(
        text + "".join(f"\n{name}:\n" + "".join(f"- {it}\n" for it in items) for name, items in lists), encoding="utf-8"
    )
    return path


def _line(text: str, cause: str) -> str:
    (line,) = [line for line in text.splitlines() if f"{{id: {cause}," in line]
    return line
