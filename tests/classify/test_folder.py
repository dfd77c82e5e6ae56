import json
import shutil
from pathlib import Path

import pytest

from pipeline.classify.folder import CARD, LEXICON, MANIFEST, digest_of, read_manifest
from pipeline.classify.model import Model
from pipeline.errors import ModelError
from pipeline.settings import LEXICON as PROJECT_LEXICON
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon


@pytest.fixture
def copy(small_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model, tmp_path / "model"))


def _code(folder: Path, tree: Path, lexicon: Path = PROJECT_LEXICON) -> str:
    with pytest.raises(ModelError) as caught:
        Model.load(folder, Taxonomy.load(tree), Lexicon.load(lexicon))
    return caught.value.code


def test_a_whole_folder_loads_and_names_itself_by_its_digest(copy: Path, small_tree: Path) -> None:
    model = Model.load(copy, Taxonomy.load(small_tree))
    assert model.name == f"linear-{model.digest[:12]}"


def test_a_missing_folder_is_named(tmp_path: Path, small_tree: Path) -> None:
    assert _code(tmp_path / "nowhere", small_tree) == "model_missing"


@pytest.mark.parametrize("name", ["weights.npz", "vocabulary.json", LEXICON, CARD])
def test_one_altered_byte_in_any_file_is_found(copy: Path, small_tree: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    assert _code(copy, small_tree) == "model_damaged"


def test_a_missing_file_is_found(copy: Path, small_tree: Path) -> None:
    (copy / "weights.npz").unlink()
    assert _code(copy, small_tree) == "model_damaged"


def test_a_manifest_that_is_no_json_is_damaged(copy: Path, small_tree: Path) -> None:
    (copy / MANIFEST).write_text("{", encoding="utf-8")
    assert _code(copy, small_tree) == "model_damaged"


@pytest.mark.parametrize(("found", "code"), [(99, "model_too_new"), (1, "model_too_old")])
def test_a_folder_of_another_format_is_refused(copy: Path, small_tree: Path, found: int, code: str) -> None:
    content = json.loads((copy / MANIFEST).read_text(encoding="utf-8")) | {"format": found}
    (copy / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    assert _code(copy, small_tree) == code


def test_an_unknown_kind_is_refused(copy: Path, small_tree: Path) -> None:
    content = json.loads((copy / MANIFEST).read_text(encoding="utf-8")) | {"kind": "oracle"}
    (copy / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    assert _code(copy, small_tree) == "model_kind"


def test_another_lexicon_is_refused(copy: Path, small_tree: Path, tmp_path: Path) -> None:
    changed = tmp_path / "lexicon.txt"
    changed.write_bytes(PROJECT_LEXICON.read_bytes() + "配电柜子 9\n".encode())
    assert _code(copy, small_tree, changed) == "model_lexicon"


def test_another_taxonomy_is_refused(copy: Path, small_tree: Path, tmp_path: Path) -> None:
    tree = small_tree.read_text(encoding="utf-8").replace("id: slow", "id: late")
    for changed in (tree, tree.replace('version: "1"', 'version: "2"')):
        (tmp_path / "tree.yaml").write_text(changed, encoding="utf-8")
        assert _code(copy, tmp_path / "tree.yaml") == "model_taxonomy"


def test_a_registry_address_says_that_there_is_no_registry(small_tree: Path) -> None:
    assert _code(Path("models:/gongdan@champion"), small_tree) == "model_missing"


def test_the_digest_covers_what_answers_depend_on_and_nothing_else(copy: Path) -> None:
    manifest, digest = read_manifest(copy)
    assert digest_of(manifest.model_copy(update={"made": "another day"})) == digest
    assert digest_of(manifest.model_copy(update={"lexicon_sha256": "0" * 64})) != digest
    weights = {**manifest.files, "weights.npz": "0" * 64}
    assert digest_of(manifest.model_copy(update={"files": weights})) != digest


def test_no_file_of_a_model_is_a_pickle(copy: Path) -> None:
    assert {path.suffix for path in copy.iterdir()} == {".json", ".npz", ".md", ".txt"}
    for path in copy.iterdir():
        assert not path.read_bytes().startswith(b"\x80")
