"""What was said under a former tree, as the present one reads it: renamed and merged causes as what they became."""

from collections.abc import Mapping
from typing import Any

from pipeline.taxonomy_changes import Lineage


def ticket_now(ticket: Mapping[str, Any], lineage: Lineage) -> dict[str, Any]:
    """Return a prediction in the present tree, the probabilities of merged causes added up; a split cause stays."""
    kind, cause = lineage.read(ticket["type"], ticket["cause"])
    sums = {cause: ticket["cause_probability"]}
    for alternative, probability in ticket["alternatives"]:
        present = lineage.successor(alternative) or alternative
        sums[present] = sums.get(present, 0.0) + probability
    first = sums.pop(cause)
    return {**ticket, "type": kind, "cause": cause, "cause_probability": first, "alternatives": [*sums.items()]}


def agent_now(type_id: str | None, cause_id: str | None, lineage: Lineage) -> tuple[str | None, str | None]:
    """Return what an agent said in the present tree; of a split cause only the type is left."""
    if cause_id is None:
        return type_id, None
    successor = lineage.successor(cause_id)
    return lineage.read(type_id or "", cause_id) if successor else (type_id, None)
