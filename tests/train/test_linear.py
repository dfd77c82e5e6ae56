import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.classify.model import Model
from pipeline.corpus import load_labelled
from pipeline.errors import ConfigError, CorpusError
from pipeline.settings import CONFIGS, load_settings
from pipeline.taxonomy import Taxonomy
from pipeline.train.linear import LinearSettings, train_linear


def test_a_model_trained_on_a_small_corpus_knows_it_and_says_how_sure_it_may_be(
    small_model: Path, small_tree: Path, small_corpus: Path
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    model = Model.load(small_model, taxonomy)
    rows = load_labelled(small_corpus, taxonomy)
    chances = model.predict_proba([row.text for row in rows])
    assert chances.shape == (96, 4)
    assert chances.sum(axis=1) == pytest.approx(np.ones(96))
    assert [taxonomy.cause_ids[best] for best in chances.argmax(axis=1)] == [row.cause for row in rows]
    assert model.manifest.metrics["n"] == 96
    assert model.manifest.thresholds.type.rows + model.manifest.thresholds.type.wrong > 0


def test_training_twice_gives_the_same_model(linear_config: Path, small_model: Path, tmp_path: Path) -> None:
    settings = load_settings(linear_config, LinearSettings)
    again = train_linear(settings.model_copy(update={"output": tmp_path / "again"}))
    tree = Taxonomy.load(settings.taxonomy)
    assert Model.load(again.folder, tree).digest == Model.load(small_model, tree).digest


def test_rows_that_a_file_keeps_for_the_test_teach_nothing(
    linear_config: Path, small_corpus: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in small_corpus.read_text(encoding="utf-8").splitlines()]
    splits = ("train", "train", "calibration", "test")
    corpus = tmp_path / "rows.jsonl"
    told = [json.dumps({**row, "split": splits[at % 4]}, ensure_ascii=False) + "\n" for at, row in enumerate(rows)]
    corpus.write_text("".join(told), encoding="utf-8")
    settings = load_settings(linear_config, LinearSettings)
    trained = train_linear(settings.model_copy(update={"corpus": corpus, "output": tmp_path / "model"}))
    assert trained.evaluation.n == 72


def test_no_path_of_the_machine_enters_the_folder(linear_config: Path, tmp_path: Path) -> None:
    settings = load_settings(linear_config, LinearSettings)
    folder = train_linear(settings.model_copy(update={"output": tmp_path / "secret-place"})).folder
    for path in folder.iterdir():
        assert b"secret-place" not in path.read_bytes()


def test_a_cause_without_a_narrative_is_named_and_still_has_a_probability(
    linear_config: Path, small_corpus: Path, small_tree: Path, tmp_path: Path
) -> None:
    lines = [
        line for line in small_corpus.read_text(encoding="utf-8").splitlines() if json.loads(line)["cause"] != "slow"
    ]
    (tmp_path / "three.jsonl").write_text("\n".join(lines), encoding="utf-8")
    update = {"corpus": tmp_path / "three.jsonl", "output": tmp_path / "model"}
    trained = train_linear(load_settings(linear_config, LinearSettings).model_copy(update=update))
    assert trained.without_narrative == ("slow",)
    chances = Model.load(trained.folder, Taxonomy.load(small_tree)).predict_proba(["态度差"])
    assert chances.shape == (1, 4)
    assert 0 < chances[0, 3] < chances[0, 2]


def test_too_few_narratives_are_refused(linear_config: Path, small_corpus: Path, tmp_path: Path) -> None:
    first = small_corpus.read_text(encoding="utf-8").splitlines()[:3]
    (tmp_path / "few.jsonl").write_text("\n".join(first), encoding="utf-8")
    settings = load_settings(linear_config, LinearSettings).model_copy(update={"corpus": tmp_path / "few.jsonl"})
    with pytest.raises(CorpusError) as caught:
        train_linear(settings)
    assert caught.value.code == "corpus_too_small"


def test_an_interrupted_training_leaves_the_old_model_in_place(
    linear_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(linear_config, LinearSettings).model_copy(update={"output": tmp_path / "model"})
    folder = train_linear(settings).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        train_linear(settings)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("change", "fault"),
    [({"regularisation": -1}, "regularisation"), ({"folds": None}, "folds"), ({"surprise": 1}, "surprise")],
)
def test_a_config_that_is_incomplete_or_wrong_names_the_field(
    tmp_path: Path, change: dict[str, object], fault: str
) -> None:
    text = (CONFIGS / "train" / "linear.yaml").read_text(encoding="utf-8")
    (tmp_path / "linear.yaml").write_text(text + json.dumps(change)[1:-1].replace('"', ""), encoding="utf-8")
    with pytest.raises(ConfigError, match=fault):
        load_settings(tmp_path / "linear.yaml", LinearSettings)
