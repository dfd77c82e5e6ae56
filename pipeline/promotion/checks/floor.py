"""No type may pay for the mean: its recall must not fall by more than a little."""

from typing import Any

from pipeline.promotion.checks.finding import Finding
from pipeline.promotion.compared import Compared
from pipeline.promotion.settings import PromoteSettings

NAME = "floor of each type"


def floor(compared: Compared, settings: PromoteSettings) -> Finding:
    """Refuse a candidate that finds clearly less of any type with enough rows; the types are named."""
    limits, true = settings.floor, compared.true_types
    figures: dict[str, Any] = {}
    fallen, few = [], []
    for column, kind in enumerate(compared.taxonomy.types):
        rows = true == column
        count = int(rows.sum())
        before, after = (
            float((side.types[rows] == column).mean()) if count else 0.0
            for side in (compared.champion, compared.candidate)
        )
        judged = count >= limits.least_rows
        figures[kind.id] = {"rows": count, "champion": before, "candidate": after, "judged": judged}
        told = f"{kind.name} {kind.id}"
        if not judged:
            few.append(f"{told} ({count})")
        elif before - after > limits.most_drop:
            fallen.append(f"{told} from {before:.1%} to {after:.1%} of {count} rows")
    return Finding(NAME, not fallen, _sentence(fallen, few, figures, limits.most_drop), figures)


def _sentence(fallen: list[str], few: list[str], figures: dict[str, Any], most: float) -> str:
    judged = [it for it in figures.values() if it["judged"]]
    if fallen:
        said = f"recall falls by more than {most:.0%}: {'; '.join(fallen)}"
    elif judged:
        drop = max(it["champion"] - it["candidate"] for it in judged)
        change = f"the largest fall is {drop:.1%}" if drop > 0 else "none falls"
        said = f"recall of {len(judged)} types compared: {change}, {most:.0%} is allowed"
    else:
        said = "no type has rows enough to compare its recall"
    return f"{said}; too few rows to judge: {', '.join(few)}" if few else said
