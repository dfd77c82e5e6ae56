"""Which model a night uses: the one in service, or, when that is damaged and somebody said so, the one before it."""

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.classify.folder import read_manifest
from pipeline.classify.model import Model
from pipeline.errors import GongdanError, LexiconError, ModelError, TaxonomyError
from pipeline.settings import Settings, resolve

logger = logging.getLogger(__name__)


class KeptSettings(Settings):
    """Copies of the models that closed a night, so that there is one to go back to."""

    folder: Path
    count: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """A loaded model, its folder, and why it is not the one in service (None: it is)."""

    model: Model
    folder: Path
    instead: GongdanError | None = None


def choose(folder: Path, kept: KeptSettings, *, fallback: bool) -> Choice:
    """Load the model in service; with `fallback`, the last one that closed a night if that cannot be used.

    Raises ModelError (or what is wrong with taxonomy or lexicon) before anything is read.
    """
    try:
        return Choice(Model.load(folder), folder)
    except ModelError as error:
        if not fallback:
            raise
        for previous in _newest_first(resolve(kept.folder)):
            try:
                found = Choice(Model.load(previous), previous, instead=error)
            except (ModelError, TaxonomyError, LexiconError) as further:
                logger.warning("kept model cannot be used", extra={"code": further.code, "folder": previous.name})
                continue
            logger.warning("model in service not used", extra={"code": error.code, "instead": found.model.name})
            return found
        raise ModelError(error.code, f"{error.message}; and no earlier model is kept that could be used") from error


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
    """Copy the model of a closed night aside, and remove the oldest copies beyond `count`."""
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
