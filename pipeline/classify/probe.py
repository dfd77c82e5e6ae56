"""Before a model is trusted on a processor: narratives whose answers were sealed when the model was made."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.base import Floats
from pipeline.classify.model import Model, read_bert
from pipeline.classify.parity import Agreement
from pipeline.classify.runtime import EXACT, Runtime, arithmetics
from pipeline.errors import ModelError

PROBE = "probe.json"
_DIGITS = 5  # of a sealed probability

# Coarser than what an export has to keep on thousands of rows: with a few hundred, one row is a third of a percent. A
# processor that computes wrongly misses this by far.
LEAST_AGREEMENT = {"cause": 0.985, "type": 0.985, "route": 0.97}
_MOST_MEAN_GAP = 0.02
_ATTEMPTS = 2  # what OpenVINO prepared wrongly by chance (see `pipeline.classify.runtime`) is right the next time


@dataclass(frozen=True, slots=True)
class Probe:
    """Narratives, and the probabilities (n, n_causes) that the model in full precision gave them when it was made."""

    texts: tuple[str, ...]
    probabilities: Floats

    @classmethod
    def read(cls, folder: Path) -> "Probe | None":
        """Read a model folder's; None if it has none (a linear model needs none)."""
        path = folder / PROBE
        if not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(tuple(content["texts"]), np.array(content["probabilities"], dtype=np.float64))

    def to_files(self) -> dict[str, bytes]:
        """Return the file."""
        rows = np.round(self.probabilities, _DIGITS).tolist()
        content = json.dumps({"texts": self.texts, "probabilities": rows}, ensure_ascii=False)
        return {PROBE: (content + "\n").encode()}

    def run(self, folder: Path, runtime: Runtime) -> tuple[Model, Floats]:
        """Return the folder's model, and what it says of the narratives where every part reads everything."""
        model = Model.load(folder, bert=read_bert(runtime))
        return model, model.reading_everything().predict_proba(self.texts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a probe found: the model and its arithmetic, how far it agrees with fp32, and why others are not used."""

    model: Model
    runtime: Runtime
    agreement: Agreement
    refused: tuple[str, ...] = ()

    @property
    def problem(self) -> ModelError | None:
        """Why it is not the arithmetic that was wanted; None if it is."""
        if not self.refused:
            return None
        return ModelError(
            "arithmetic_refused",
            f"on this processor {'; '.join(self.refused)}: {self.runtime.arithmetic} is used, which takes longer",
        )


def examine(folder: Path, wanted: Runtime, settings: ScoreSettings) -> Verdict | None:
    """Run a folder's probe through fp32 and the wanted arithmetic on this processor; None if it has no probe.

    Raises ModelError if even fp32 does not say what was sealed: the weights are not those that were measured. An
    arithmetic that says something else than fp32 gives way to the next more exact one.
    """
    probe = Probe.read(folder)
    if probe is None:
        return None
    exactly = wanted.model_copy(update={"arithmetic": EXACT})
    model, exact = probe.run(folder, exactly)
    sealed = agreement_of(model, model.in_present_tree(probe.probabilities), exact, settings)
    if failed := shortcomings(sealed):
        raise ModelError(
            "model_probe",
            f"{folder} does not say what it said when it was made, not even in {EXACT}: {'; '.join(failed)}. Its "
            "weights are damaged; restore the folder or train again",
        )
    refused: list[str] = []
    order = arithmetics()
    for arithmetic in order[order.index(wanted.arithmetic) : -1] if wanted.arithmetic in order else []:
        runtime = wanted.model_copy(update={"arithmetic": arithmetic})
        for _ in range(_ATTEMPTS):
            faster, said = probe.run(folder, runtime)
            agreement = agreement_of(model, exact, said, settings)
            failed = shortcomings(agreement)
            if not failed:
                return Verdict(faster, runtime, agreement, tuple(refused))
        refused.append(f"{arithmetic} says something else than {EXACT} ({'; '.join(failed)})")
    return Verdict(model, exactly, sealed, tuple(refused))


def shortcomings(agreement: Agreement) -> list[str]:
    """Say in what an arithmetic differs too much to be used; nothing if it does not."""
    failed = agreement.failures(LEAST_AGREEMENT)
    if agreement.mean_gap > _MOST_MEAN_GAP:
        failed.append(f"probabilities are off by {agreement.mean_gap:.3f} ({_MOST_MEAN_GAP} is allowed)")
    return failed


def agreement_of(model: Model, exact: Floats, other: Floats, settings: ScoreSettings) -> Agreement:
    """Compare what two ways of computing a model say of the same narratives."""
    return Agreement.of(exact, other, model.taxonomy, model.manifest.thresholds, settings)
