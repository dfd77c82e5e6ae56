"""The model card: what a model is, what it was made from, what to expect of it and what not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.classify.answer import Thresholds
from pipeline.classify.calibrate import Calibration
from pipeline.taxonomy import Taxonomy
from pipeline.train.evaluate import Evaluation


@dataclass(frozen=True, slots=True)
class Story:
    """What only the training knows: on which rows the figures rest, and under which licence the model stands."""

    seen: str
    licence: str


def model_card(manifest: Mapping[str, Any], evaluation: Evaluation, taxonomy: Taxonomy, story: Story) -> str:
    """Return the card in Markdown."""
    thresholds: Thresholds = manifest["thresholds"]
    calibration: Calibration = manifest["calibration"]
    rows = "\n".join(
        f"| {score.name} | {score.support} | {score.precision:.3f} | {score.recall:.3f} | {score.f1:.3f} |"
        for score in evaluation.types
        if score.support
    )
    metrics = manifest["metrics"]
    hard = (
        f"""
On {metrics["hard_rows"]} narratives written to mislead a model, which nothing was trained or chosen on: type accuracy
{metrics["hard_type_accuracy"]:.3f}, cause accuracy {metrics["hard_cause_accuracy"]:.3f}; answered at least with a type:
{metrics["hard_coverage"]:.1%}, of which wrong: {metrics["hard_accepted_error"]:.1%}.
"""
        if "hard_rows" in metrics
        else ""
    )
    return f"""# Model card: {manifest["kind"]}

Reads a Chinese complaint ticket and gives a probability to each of {len(taxonomy.causes)} causes; types are their sums.

| | |
|---|---|
| made | {manifest["made"]} |
| taxonomy | {manifest["taxonomy_version"]} |
| lexicon sha256 | `{manifest["lexicon_sha256"]}` |
| trained on | {manifest["trained_on"]["rows"]} narratives, sha256 `{manifest["trained_on"]["sha256"]}` |
| temperatures | causes {calibration.causes:.3f}, types {calibration.types:.3f} |
| type | {thresholds.type.describe()} |
| cause | {thresholds.cause.describe()} |
| licence | {story.licence} |

## What was seen

{story.seen} The corpus is written, not recorded: on real tickets expect less.

Type accuracy {evaluation.type_accuracy:.3f}, type macro-F1 {evaluation.type_macro_f1:.3f}, cause accuracy
{evaluation.cause_accuracy:.3f}, cause macro-F1 {evaluation.cause_macro_f1:.3f}, ECE {evaluation.ece:.3f}; answered at
least with a type: {evaluation.coverage:.1%}, of which wrong: {evaluation.accepted_error:.1%}.
{hard}
| type | rows | precision | recall | F1 |
|---|---|---|---|---|
{rows}

## Not for

Deciding about a person without a person. Texts other than complaints to a power utility. Other languages than Chinese.
"""
