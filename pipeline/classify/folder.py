"""A model as a folder: data only, every file with its sha256, nothing that is unpickled."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.classify.answer import Thresholds
from pipeline.classify.calibrate import Calibration
from pipeline.errors import ModelError
from pipeline.settings import Settings
from pipeline.taxonomy import Taxonomy
from pipeline.taxonomy_changes import Projection
from pipeline.text import Lexicon

MANIFEST = "model.json"
LEXICON = "lexicon.txt"
CARD = "README.md"
FORMAT = 2  # raised when folders of another format cannot be read


class Manifest(Settings):
    """model.json: what the model is, what it was made for and with, and the sha256 of every other file."""

    format: int
    kind: str
    made: str
    taxonomy_version: str
    tree: tuple[tuple[str, str], ...]  # (cause id, type id) in the order of the probability columns
    lexicon_sha256: str
    calibration: Calibration
    thresholds: Thresholds
    trained_on: Mapping[str, Any]
    metrics: Mapping[str, float]
    files: Mapping[str, str]


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Return the manifest and the model's digest after checking every file; raises ModelError."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError("model_missing", f"{folder} holds no model ({MANIFEST}); train one or give --model") from error
    try:
        content = json.loads(data)
        _require_format(content, folder)
        manifest = Manifest.model_validate(content)
    except (ValueError, ValidationError) as error:
        raise ModelError("model_damaged", f"{path} cannot be read: {error}") from error
    for name, expected in manifest.files.items():
        if not (folder / name).is_file() or _sha256(folder / name) != expected:
            raise ModelError("model_damaged", f"{folder / name} is missing or was altered; restore the folder")
    return manifest, digest_of(manifest)


def _require_format(content: object, folder: Path) -> None:
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise ModelError("model_too_new", f"{folder} has format {found}; update gongdan to use it")
    if isinstance(found, int) and found < FORMAT:
        raise ModelError("model_too_old", f"{folder} has format {found}, in use is {FORMAT}; train it again")


def digest_of(manifest: Manifest) -> str:
    """Return the sha256 of everything an answer depends on: training again on the same corpus gives the same digest."""
    parts = manifest.model_dump(mode="json", exclude={"made", "trained_on", "metrics"})
    parts["files"] = {name: sha256 for name, sha256 in parts["files"].items() if name != CARD}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def require_match(manifest: Manifest, folder: Path, taxonomy: Taxonomy, lexicon: Lexicon) -> Projection | None:
    """Return how the model's probabilities add up to those of the taxonomy; None if it was made for this very tree.

    Raises ModelError if the model was made for a tree with a cause that has no successor here, or for another lexicon.
    """
    if manifest.lexicon_sha256 != lexicon.sha256:
        raise ModelError(
            "model_lexicon",
            f"{folder} was made with another lexicon, so it would read other words than it learned; train again or put "
            f"{folder / LEXICON} back in place",
        )
    if manifest.tree == tree_of(taxonomy):
        return None  # another version that changed no cause and no type is no other tree
    if manifest.taxonomy_version == taxonomy.version:
        raise ModelError(
            "model_taxonomy",
            f"{folder} was made for another tree of the same version {taxonomy.version}; give the changed tree a "
            "`version` of its own, so that answers under either can be told apart",
        )
    projection = taxonomy.lineage.projection(manifest.tree)
    if projection.stopped_by:
        raise ModelError("model_taxonomy", f"{folder} {why_stopped(manifest, taxonomy, projection)}")
    return projection


def why_stopped(manifest: Manifest, taxonomy: Taxonomy, projection: Projection) -> str:
    """Say which causes keep a model from being used with a taxonomy, and what to do."""
    split = [cause for cause in projection.stopped_by if taxonomy.lineage.parts(cause)]
    gone = [cause for cause in projection.stopped_by if cause not in split]
    reasons = [
        *(f"{cause} was split into {', '.join(taxonomy.lineage.parts(cause))}" for cause in split),
        *([f"{', '.join(gone)}: no cause of this taxonomy succeeds it"] if gone else []),
    ]
    return (
        f"was made for taxonomy {manifest.taxonomy_version}, in use is {taxonomy.version}, and cannot be used with it: "
        f"{'; '.join(reasons)}. Label anew (`gongdan taxonomy migrate`) and train again, or use that taxonomy"
    )


def tree_of(taxonomy: Taxonomy) -> tuple[tuple[str, str], ...]:
    """Return what of a taxonomy a model depends on."""
    return taxonomy.tree


def write_folder(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write a model folder whole or not at all; `manifest` gains the sha256 of every file."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        hashes = {}
        for name, data in files.items():
            (made / name).write_bytes(data)
            hashes[name] = hashlib.sha256(data).hexdigest()
        complete = Manifest.model_validate({**manifest, "files": hashes})
        text = json.dumps(complete.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True)
        (made / MANIFEST).write_text(text + "\n", encoding="utf-8")
        made.chmod(0o755)
        replaced = folder.with_name(f".{folder.name}-replaced-{os.getpid()}")
        if folder.exists():
            folder.rename(replaced)
        made.rename(folder)
        shutil.rmtree(replaced, ignore_errors=True)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
