"""What people would notice: how many of the last nights' tickets would get another type, and which."""

from collections import Counter
from typing import Any

import numpy as np

from pipeline.promotion.checks.finding import Finding
from pipeline.promotion.compared import Compared
from pipeline.promotion.settings import ChurnSettings, PromoteSettings

NAME = "churn"
_SHOWN = 60  # characters of an example


def churn(compared: Compared, settings: PromoteSettings) -> Finding:
    """Refuse a candidate that would change the type of too many tickets; name the largest flows with examples."""
    limits, total = settings.churn, len(compared.recent)
    if not total:
        return Finding(NAME, True, f"no tickets of the last {limits.days} days to compare with", {"tickets": 0})
    changed = int((compared.candidate.recent != compared.champion.recent).sum())
    found = flows(compared, limits)
    told = "; ".join(f"{it['from_name']} to {it['to_name']} {it['tickets']}" for it in found)
    return Finding(
        NAME,
        changed / total <= limits.most,
        f"{changed} of {total} tickets of the last {limits.days} days would change their type ({changed / total:.1%}, "
        f"{limits.most:.0%} are allowed){f': {told}' if told else ''}",
        {"tickets": total, "changed": changed, "share": changed / total, "flows": found},
    )


def flows(compared: Compared, limits: ChurnSettings) -> list[dict[str, Any]]:
    """Return the largest changes from a type to a type, each with its first tickets, masked."""
    before, after = compared.champion.recent, compared.candidate.recent
    counted = Counter((int(one), int(other)) for one, other in zip(before, after, strict=True) if one != other)
    largest = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[: limits.flows]
    return [_flow(compared, pair, count, limits.examples) for pair, count in largest]


def _flow(compared: Compared, pair: tuple[int, int], count: int, examples: int) -> dict[str, Any]:
    one, other = (compared.taxonomy.types[column] for column in pair)
    inside = (compared.champion.recent == pair[0]) & (compared.candidate.recent == pair[1])
    return {
        "from": one.id,
        "from_name": one.name,
        "to": other.id,
        "to_name": other.name,
        "tickets": count,
        "examples": [
            {"ticket": compared.recent[at].id, "narrative": compared.recent[at].narrative[:_SHOWN]}
            for at in np.flatnonzero(inside)[:examples]
        ],
    }
