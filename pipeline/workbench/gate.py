"""A candidate beside the model in service; the gate itself is pipeline.promotion."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.settings import resolve
from pipeline.workbench.reading import Place

if TYPE_CHECKING:
    from pipeline.promotion import Outcome


def compare(run: Place, config: Place = "configs/promote.yaml") -> "Outcome":
    """Let the gate look at a candidate without moving anything: every check against the model in service.

    `run` is the id of an MLflow run or the beginning of one, models:/..., or a model folder. `outcome.evidence` has
    `sentence` (the verdict), `findings` (name, passed, sentence, figures of each check) and `to_markdown()`. Takes a
    minute or two with the BERT in service. Raises ModelError, CorpusError or StoreError if it cannot be judged.
    """
    from pipeline.promotion import PromoteSettings  # noqa: PLC0415
    from pipeline.promotion import promote as judge  # noqa: PLC0415
    from pipeline.promotion.gate import me  # noqa: PLC0415

    return judge(PromoteSettings.load(resolve(Path(config))), _told(run), by=me(), dry_run=True)


def promote(run: Place, config: Place = "configs/promote.yaml", *, force: str | None = None) -> "Outcome":
    """Put a candidate in service if the gate lets it through, as `gongdan promote` does, and note it in the log.

    `force` is a written reason to put it in service although it was refused. `outcome.action` says promoted, forced or
    refused. Raises what `compare` raises.
    """
    from pipeline.promotion import PromoteSettings  # noqa: PLC0415
    from pipeline.promotion import promote as judge  # noqa: PLC0415
    from pipeline.promotion.gate import me  # noqa: PLC0415

    return judge(PromoteSettings.load(resolve(Path(config))), _told(run), by=me(), force=force)


def _told(run: Place) -> str:
    """Return a run as it was told, a folder as a path that holds wherever the notebook was started."""
    folder = resolve(Path(run))
    return str(folder) if folder.is_dir() else str(run)
