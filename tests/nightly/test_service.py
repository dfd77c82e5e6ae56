import os
import shutil
from pathlib import Path

import pytest

from pipeline.classify.answer import ScoreSettings
from pipeline.errors import ModelError
from pipeline.nightly.service import KeptSettings, choose, keep

SETTINGS = ScoreSettings.load()


@pytest.fixture
def kept(tmp_path: Path) -> KeptSettings:
    return KeptSettings(folder=tmp_path / "served", count=2)


def _other(model: Path, folder: Path, name: str) -> Path:
    """Copy a model under another name, as another training would have left it."""
    shutil.copytree(model, folder / name)
    return folder / name


def test_the_model_in_service_is_taken_when_it_is_sound(tree_model: Path, kept: KeptSettings) -> None:
    choice = choose(tree_model, kept, SETTINGS, fallback=True)
    assert (choice.folder, choice.instead) == (tree_model, None)


def test_a_model_is_kept_once_whole_and_the_oldest_go(tree_model: Path, kept: KeptSettings) -> None:
    choice = choose(tree_model, kept, SETTINGS, fallback=False)
    for age, name in ((300, "older"), (200, "old")):
        _other(tree_model, kept.folder, name)
        os.utime(kept.folder / name, (1e9 - age, 1e9 - age))
    keep(choice, kept)
    keep(choice, kept)
    assert sorted(path.name for path in kept.folder.iterdir()) == sorted([choice.model.name, "old"])
    assert choose(kept.folder / choice.model.name, kept, SETTINGS, fallback=False).model.digest == choice.model.digest


def test_fallback_passes_over_kept_models_that_are_damaged_themselves(
    tree_model: Path, kept: KeptSettings, tmp_path: Path
) -> None:
    sound = _other(tree_model, kept.folder, "sound")
    os.utime(sound, (1e9, 1e9))
    damaged = _other(tree_model, kept.folder, "damaged")
    (damaged / "weights.npz").unlink()
    choice = choose(tmp_path / "none", kept, SETTINGS, fallback=True)
    assert (choice.folder, choice.instead.code) == (sound, "model_missing")
    shutil.rmtree(sound)
    with pytest.raises(ModelError, match="no earlier model"):
        choose(tmp_path / "none", kept, SETTINGS, fallback=True)
