"""Which model a night uses: the one in service, or, when that cannot be trusted, what comes nearest to it."""

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.folder import read_manifest
from pipeline.classify.model import Model, read_bert
from pipeline.classify.probe import Verdict, examine
from pipeline.classify.tuning import tuned
from pipeline.errors import GongdanError, LexiconError, ModelError, TaxonomyError
from pipeline.settings import Settings, resolve

logger = logging.getLogger(__name__)


class KeptSettings(Settings):
    """Copies of the models that closed a night, so that there is one to go back to."""

    folder: Path
    count: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """A loaded model, its folder, and why it is not the one in service (None: it is).

    `verdict` says how its arithmetic was examined on this processor; None if it needs no examination.
    """

    model: Model
    folder: Path
    instead: GongdanError | None = None
    verdict: Verdict | None = None

    @property
    def problems(self) -> list[GongdanError]:
        """What somebody should know of the choice."""
        found = [self.instead, self.verdict.problem if self.verdict else None]
        return [problem for problem in found if problem is not None]


def choose(folder: Path, kept: KeptSettings, settings: ScoreSettings, *, fallback: bool) -> Choice:
    """Load the model in service, once its probe has shown that this processor computes it rightly.

    If it cannot be used: with `fallback` the last one that closed a night; without one, if only the weights of its BERT
    are wrong, its linear part alone. Raises ModelError (or what is wrong with taxonomy or lexicon) before anything is
    read.
    """
    try:
        return _examined(folder, settings)
    except ModelError as error:
        found = _kept_one(kept, settings) if fallback else None
        if found is None and error.code == "model_probe":
            found = _linear_part(folder)
        if found is None:
            further = "; and no earlier model is kept that could be used" if fallback else ""
            raise ModelError(error.code, error.message + further) from error
        logger.warning("model in service not used", extra={"code": error.code, "instead": found.model.name})
        return replace(found, instead=error)


def _examined(folder: Path, settings: ScoreSettings) -> Choice:
    wanted = tuned(folder, settings)
    verdict = examine(folder, wanted, settings)
    if verdict is None:
        return Choice(Model.load(folder, bert=read_bert(wanted)), folder)
    logger.info(
        "model examined", extra={"arithmetic": verdict.runtime.arithmetic, "agreement": verdict.agreement.describe()}
    )
    if verdict.problem is not None:
        logger.warning("arithmetic refused", extra={"code": verdict.problem.code, "reason": verdict.problem.message})
    return Choice(verdict.model, folder, verdict=verdict)


def _kept_one(kept: KeptSettings, settings: ScoreSettings) -> Choice | None:
    for previous in _newest_first(resolve(kept.folder)):
        try:
            return _examined(previous, settings)
        except (ModelError, TaxonomyError, LexiconError) as further:
            logger.warning("kept model cannot be used", extra={"code": further.code, "folder": previous.name})
    return None


def _linear_part(folder: Path) -> Choice | None:
    try:
        return Choice(Model.load(folder, bert=None), folder)
    except ModelError:
        return None  # it has none, or none that was ever measured alone


def find(digest: str, folder: Path, kept: KeptSettings) -> Path | None:
    """Return the folder of the model with a digest: the one in service or a copy that is kept; None if it is gone."""
    for candidate in (folder, *_newest_first(resolve(kept.folder))):
        try:
            if read_manifest(candidate)[1] == digest:
                return candidate
        except ModelError:
            continue
    return None


def keep(choice: Choice, kept: KeptSettings) -> None:
    """Copy the model of a closed night aside, and remove the oldest copies beyond `count`.

    A folder whose weights are wrong is none to go back to.
    """
    if choice.model.without_bert:
        return
    home = resolve(kept.folder)
    target = home / choice.model.name
    home.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        made = home / f".{target.name}"
        shutil.rmtree(made, ignore_errors=True)  # what a killed night left
        shutil.copytree(choice.folder, made)
        made.rename(target)
    os.utime(target)
    for old in list(_newest_first(home))[kept.count :]:
        shutil.rmtree(old)


def _newest_first(home: Path) -> Iterator[Path]:
    folders = [path for path in home.iterdir() if path.is_dir()] if home.is_dir() else []
    visible = [path for path in folders if not path.name.startswith(".")]
    yield from sorted(visible, key=lambda path: path.stat().st_mtime, reverse=True)
