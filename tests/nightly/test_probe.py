"""A night with the shipped model, whose BERT has to show first that it says here what it said when it was made."""

import hashlib
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from pipeline.classify.probe import Probe
from pipeline.classify.runtime import Runtime, arithmetics
from pipeline.nightly import run_night, service
from pipeline.settings import DEFAULT_MODEL
from pipeline.store.schema import runs

from ..conftest import ROWS, MakeNight, drop, everything, untuned


def _with_a_wrong_scale(folder: Path) -> Path:
    """Copy the shipped model, one weight scale of its int8 file multiplied, and sealed anew as an export would be."""
    shutil.copytree(DEFAULT_MODEL, folder)
    graph = ET.parse(folder / "model.xml")
    scales = [layer for layer in graph.iter("layer") if layer.get("name", "").endswith("/scale")]
    place = scales[len(scales) // 2].find("data")
    assert place is not None
    weights = bytearray((folder / "model.bin").read_bytes())
    begin, size = int(place.attrib["offset"]), int(place.attrib["size"])
    assert place.attrib["element_type"] == "f16"
    wrong = np.frombuffer(weights[begin : begin + size], dtype=np.float16) * np.float16(16)
    weights[begin : begin + size] = wrong.tobytes()
    (folder / "model.bin").write_bytes(weights)
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    manifest["files"]["model.bin"] = hashlib.sha256(weights).hexdigest()
    (folder / "model.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    return folder


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    return _with_a_wrong_scale(tmp_path / "wrong")


def test_a_corrupted_scale_is_found_before_the_night_and_its_linear_part_answers(
    make_night: MakeNight, wrong: Path, tmp_path: Path
) -> None:
    outputs = {"folder": str(tmp_path / "nights"), "answers": [], "report": True}
    night = make_night(model=str(wrong), outputs=outputs, score=untuned(tmp_path))
    drop(night.source.inbox, "a.csv", ROWS)
    done = run_night(night)
    assert done.instead is not None
    assert done.instead.code == "model_probe"
    assert "not even in fp32" in done.instead.message
    assert done.model.startswith("linear-part-")
    assert done.counts.scored + done.counts.review == 3
    assert [problem["code"] for problem in everything(night.database, runs)[0].problems] == ["model_probe"]
    report = next((tmp_path / "nights").rglob("report.html")).read_text(encoding="utf-8")
    assert "model_probe" in report
    assert done.model in report
    assert not (tmp_path / "served").exists()  # what is wrong is none to go back to


def test_with_fallback_the_last_sound_model_answers_instead(make_night: MakeNight, wrong: Path, tmp_path: Path) -> None:
    sound = make_night(model=str(DEFAULT_MODEL), score=untuned(tmp_path))
    drop(sound.source.inbox, "a.csv", ROWS[:1])
    first = run_night(sound)
    assert first.instead is None
    assert first.verdict is not None
    assert first.verdict.agreement.type > 0.98
    night = make_night(model=str(wrong), score=untuned(tmp_path))
    drop(night.source.inbox, "b.csv", ROWS[1:2])
    done = run_night(night, fallback=True)
    assert done.instead is not None
    assert (done.model, done.instead.code) == (first.model, "model_probe")


def test_an_arithmetic_that_this_processor_gets_wrong_gives_way_to_a_more_exact_one(
    make_night: MakeNight, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    right = Probe.run

    def badly(self: Probe, folder: Path, runtime: Runtime) -> object:
        """Stand where a processor that computes int8 wrongly would: there is none here."""
        model, chances = right(self, folder, runtime)
        return model, np.roll(chances, 1, axis=1) if runtime.arithmetic == "int8" else chances

    monkeypatch.setattr(Probe, "run", badly)
    monkeypatch.setattr(service, "tuned", lambda *_: Runtime(arithmetic="int8"))  # as where it was the fastest
    night = make_night(model=str(DEFAULT_MODEL), score=untuned(tmp_path))
    drop(night.source.inbox, "a.csv", ROWS)
    done = run_night(night)
    assert done.instead is None
    assert done.verdict is not None
    assert done.verdict.runtime.arithmetic == arithmetics()[len(done.verdict.refused)]  # the first that is right here
    assert done.verdict.refused[0].startswith("int8 says something else than fp32")
