"""What is sealed with a model, and what is found out with it on the machine it runs on."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.classify import score
from pipeline.classify.answer import ScoreSettings
from pipeline.classify.base import Floats
from pipeline.classify.cascade import SHORTCUT, Shortcut
from pipeline.classify.folder import read_manifest
from pipeline.classify.model import Model
from pipeline.classify.probe import PROBE, Probe, examine
from pipeline.classify.runtime import Arithmetic, Runtime, arithmetics
from pipeline.classify.score import score_file
from pipeline.classify.tuning import Trial, best_of, tuned, tuning_of
from pipeline.errors import ModelError
from pipeline.settings import load_settings
from pipeline.taxonomy import Taxonomy


@pytest.fixture(autouse=True)
def _in_the_small_tree(small_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Taxonomy.load(small_tree)
    monkeypatch.setattr(Taxonomy, "load", lambda *_: tree)


@pytest.fixture
def tuning(settings: ScoreSettings, tmp_path: Path) -> ScoreSettings:
    return settings.model_copy(update={"tuning": tmp_path / "tuning.json"})


def test_a_sound_model_passes_in_every_arithmetic(small_mixture: Path, settings: ScoreSettings) -> None:
    for arithmetic in arithmetics():
        verdict = examine(small_mixture, Runtime(arithmetic=arithmetic), settings)
        assert verdict is not None
        assert (verdict.runtime.arithmetic, verdict.problem) == (arithmetic, None)
        assert verdict.agreement.type == 1.0


def test_what_is_prepared_wrongly_by_chance_is_prepared_anew(
    small_mixture: Path, settings: ScoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, faults = Probe.run, [True]

    def once_wrongly(self: Probe, folder: Path, runtime: Runtime) -> tuple[Model, Floats]:
        """Stand where OpenVINO's fault is, which comes once in thousands of times."""
        model, chances = right(self, folder, runtime)
        wrong = runtime.arithmetic == "int8" and bool(faults) and faults.pop()
        return model, np.roll(chances, 1, axis=1) if wrong else chances

    monkeypatch.setattr(Probe, "run", once_wrongly)
    verdict = examine(small_mixture, Runtime(arithmetic="int8"), settings)
    assert faults == []
    assert verdict is not None
    assert (verdict.runtime.arithmetic, verdict.refused) == ("int8", ())


def test_scoring_compares_int8_before_it_answers(
    small_mixture: Path, settings: ScoreSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right, asked = Probe.run, []

    def badly(self: Probe, folder: Path, runtime: Runtime) -> tuple[Model, Floats]:
        """Stand where a processor that computes int8 wrongly would: there is none here."""
        asked.append(runtime.arithmetic)
        model, chances = right(self, folder, runtime)
        return model, np.roll(chances, 1, axis=1) if runtime.arithmetic == "int8" else chances

    monkeypatch.setattr(Probe, "run", badly)
    monkeypatch.setattr(score, "tuned", lambda *_: Runtime(arithmetic="int8"))  # as where it was the fastest
    (tmp_path / "in.csv").write_text("工单编号,受理内容\nA1,村里停电三次\n", encoding="utf-8")
    summary = score_file(tmp_path / "in.csv", tmp_path / "out.csv", small_mixture, settings)
    assert asked[:3] == ["fp32", "int8", "int8"]
    assert summary.tally.scored == 1


def test_the_fastest_way_is_tried_once_and_kept(small_mixture: Path, tuning: ScoreSettings, tmp_path: Path) -> None:
    told: list[str] = []
    first = tuned(small_mixture, tuning, lambda name, *_: told.append(name))
    assert first.arithmetic in arithmetics()
    assert first.threads == tuning.workers
    assert [name.split()[1] for name in told[: len(arithmetics())]] == arithmetics()[::-1]  # the most exact first
    told.clear()
    assert tuned(small_mixture, tuning, lambda name, *_: told.append(name)) == first
    assert told == []
    trials = tuning_of(small_mixture, tuning).trials
    chosen = [trial.rate for trial in trials if trial.runtime.arithmetic == first.arithmetic]
    assert trials[0].rate == max(chosen)
    other = tuning.model_copy(update={"workers": 2})
    assert tuned(small_mixture, other).threads == 2  # other cores are tried anew
    kept = json.loads((tmp_path / "tuning.json").read_text(encoding="utf-8"))
    assert len(kept) == 2
    (tmp_path / "tuning.json").write_text("{", encoding="utf-8")
    assert tuned(small_mixture, tuning).arithmetic in arithmetics()  # what cannot be read is tried again


@pytest.mark.parametrize(
    ("rates", "refused", "expected"),
    [
        ((50.0, 97.0, 100.0), set(), "bf16"),  # as fast: the more exact
        ((50.0, 90.0, 100.0), set(), "int8"),
        ((50.0, 97.0, 100.0), {"bf16"}, "int8"),
        ((50.0, 97.0, 200.0), {"int8"}, "bf16"),
        ((50.0, 97.0, 200.0), {"bf16", "int8"}, "fp32"),
        ((99.0, 97.0, 100.0), set(), "fp32"),
    ],
)
def test_of_ways_that_are_about_as_fast_the_most_exact_is_chosen(
    rates: tuple[float, ...], refused: set[Arithmetic], expected: Arithmetic
) -> None:
    ways: tuple[Arithmetic, ...] = ("fp32", "bf16", "int8")
    trials = [
        Trial(
            runtime=Runtime(arithmetic=way),
            rate=rate,
            agreement="",
            refused=("other causes",) if way in refused else (),
        )
        for way, rate in zip(ways, rates, strict=True)
    ]
    assert best_of(trials).runtime.arithmetic == expected


def test_a_linear_model_needs_none(small_model: Path, tuning: ScoreSettings, tmp_path: Path) -> None:
    assert tuned(small_model, tuning) == Runtime(threads=1)
    assert examine(small_model, Runtime(), tuning) is None
    assert not (tmp_path / "tuning.json").exists()


def test_other_weights_than_those_that_were_measured_are_found_out(
    small_mixture: Path, settings: ScoreSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(small_mixture, folder)
    probe = Probe.read(folder)
    assert probe is not None
    turned = Probe(probe.texts, np.roll(probe.probabilities, 1, axis=1))
    _reseal(folder, PROBE, turned.to_files()[PROBE])
    with pytest.raises(ModelError, match="not even in fp32") as caught:
        examine(folder, Runtime(), settings)
    assert caught.value.code == "model_probe"


def test_without_its_bert_a_mixture_is_another_model_with_thresholds_of_its_own(small_mixture: Path) -> None:
    whole, part = Model.load(small_mixture), Model.load(small_mixture, bert=None)
    assert whole.digest != part.digest
    assert part.name.startswith("linear-part-")
    texts = ["村里停电三次", "柜台不耐烦"]
    assert part.predict_proba(texts).sum(axis=1) == pytest.approx(np.ones(2))
    assert np.log(part.predict_proba(texts)) != pytest.approx(np.log(whole.predict_proba(texts)))
    assert part.manifest.thresholds == load_settings(small_mixture / SHORTCUT, Shortcut).thresholds


def test_a_bert_alone_cannot_do_without_itself(small_bert: Path) -> None:
    with pytest.raises(ModelError, match="nothing but a BERT"):
        Model.load(small_bert, bert=None)


def _reseal(folder: Path, name: str, data: bytes) -> None:
    manifest, _ = read_manifest(folder)
    (folder / name).write_bytes(data)
    content = manifest.model_dump(mode="json")
    content["files"][name] = hashlib.sha256(data).hexdigest()
    (folder / "model.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
