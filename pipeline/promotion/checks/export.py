"""Whether what is served says the same as what was trained."""

from collections.abc import Mapping

from pipeline.promotion.checks.finding import Finding
from pipeline.promotion.compared import Compared
from pipeline.promotion.settings import PromoteSettings

NAME = "export parity"
_LINEAR = "linear"  # is served as it was trained
_PREFIXES = ("export", "int8")  # int8: models that were trained before fp16 could be exported, too


def export(compared: Compared, settings: PromoteSettings) -> Finding:
    """Refuse an exported BERT whose labels or routes differ from the trained one's, as its training measured it."""
    manifest = compared.candidate.manifest
    if manifest.kind == _LINEAR:
        return Finding(NAME, True, "a linear model is served as it was trained", {})
    least: Mapping[str, float] = settings.export.model_dump()
    found = {what: agreement(manifest.metrics, what) for what in least}
    missing = [what for what, share in found.items() if share is None]
    if missing:
        sentence = f"its training measured no agreement of {', '.join(missing)} with what was exported; train it again"
        return Finding(NAME, False, sentence, found)
    rows = manifest.metrics.get("n", 0.0)  # of the test split; training compared at least these
    shares = {what: share for what, share in found.items() if share is not None}
    # One row is always allowed, as training allows it.
    failed = [what for what, share in shares.items() if round((1 - share) * rows) > max(1, (1 - least[what]) * rows)]
    told = ", ".join(f"{what} {share:.2%} (least {least[what]:.1%})" for what, share in shares.items())
    return Finding(NAME, not failed, f"the exported model agrees with the trained one: {told}", found)


def agreement(metrics: Mapping[str, float], what: str) -> float | None:
    """Return the share of rows on which exported and trained model agree, None if that was not measured."""
    names = (f"{prefix}_{what}_agreement" for prefix in _PREFIXES)
    return next((metrics[name] for name in names if name in metrics), None)
