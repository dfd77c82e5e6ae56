"""Which arithmetic and which batches are fastest on this machine: tried once, and kept."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.base import Floats
from pipeline.classify.folder import read_manifest
from pipeline.classify.model import Model
from pipeline.classify.probe import Probe, agreement_of, shortcomings
from pipeline.classify.runtime import EXACT, Runtime, arithmetics, cores
from pipeline.corpus.write import write_file
from pipeline.settings import Settings, resolve

logger = logging.getLogger(__name__)

_SHOWN = 12  # hexadecimal digits of a digest
_BATCHES = (512, 1024, 2048, 4096)  # tokens
_AS_FAST = 0.95  # of the fastest one's rate: two timings of the same way differ by as much
_ROUNDS = 3  # a probe alone is too short to tell large batches from small ones: its last ones leave cores idle
Watch = Callable[[str, int, int], None]


def unwatched(name: str, done: int, total: int) -> None:
    """Take what `Watch` takes, and tell nobody."""
    del name, done, total


class Trial(Settings):
    """One way of computing: how many narratives a second, how far it agrees with fp32, why it is not taken."""

    runtime: Runtime
    rate: float
    agreement: str
    refused: tuple[str, ...]


class Tuning(Settings):
    """What was tried on one machine with one model, the chosen way first."""

    trials: tuple[Trial, ...]

    @property
    def runtime(self) -> Runtime:
        """The way that was chosen."""
        return self.trials[0].runtime


def tuned(folder: Path, settings: ScoreSettings, watch: Watch = unwatched, *, again: bool = False) -> Runtime:
    """Return how a model folder is best run here, with the cores that the settings allow.

    Tried with the folder's probe once for each model, processor, OpenVINO and number of cores, and kept in
    `settings.tuning`; tried `again` when told. A folder without a probe, or settings without a place to keep it, give
    what is usual.
    """
    plain = Runtime(threads=settings.workers)
    if settings.tuning is None or Probe.read(folder) is None:
        return plain
    return tuning_of(folder, settings, watch, again=again).runtime


def tuning_of(folder: Path, settings: ScoreSettings, watch: Watch = unwatched, *, again: bool = False) -> Tuning:
    """Return what was tried for a folder with a probe; see `tuned`. Raises ModelError if the folder cannot be used."""
    path = None if settings.tuning is None else resolve(settings.tuning)
    key, kept = _key(folder, settings), {} if path is None else _kept(path)
    if key not in kept or again:
        kept = {**kept, key: _try(folder, settings, watch)}
        if path is not None:
            _keep(path, kept)
    return kept[key]


def _try(folder: Path, settings: ScoreSettings, watch: Watch) -> Tuning:
    """Try every arithmetic with batches of usual size, then the one that is chosen with batches of every size."""
    probe = Probe.read(folder)
    assert probe is not None, "asked only for folders that have one"  # noqa: S101
    usual = Runtime(threads=settings.workers)
    ways = arithmetics()[::-1]  # fp32 first: the others are compared with it
    total = len(ways) + len(_BATCHES)
    trials: list[Trial] = []
    exact: Floats | None = None
    for done, arithmetic in enumerate(ways):
        watch(f"trying {arithmetic} on this machine (once)", done, total)
        runtime = usual.model_copy(update={"arithmetic": arithmetic})
        model, found, rate = _timed(folder, runtime, probe)
        exact = found if exact is None else exact
        agreement = agreement_of(model, exact, found, settings)
        refused = tuple(shortcomings(agreement)) if arithmetic != EXACT else ()
        trials.append(Trial(runtime=runtime, rate=rate, agreement=agreement.describe(), refused=refused))
    best = best_of(trials)
    trials.remove(best)
    for done, tokens in enumerate(_BATCHES):
        watch(f"trying {best.runtime.arithmetic} with batches of {tokens} tokens (once)", len(ways) + done, total)
        runtime = best.runtime.model_copy(update={"batch_tokens": tokens})
        trials.append(best.model_copy(update={"runtime": runtime, "rate": _timed(folder, runtime, probe, _ROUNDS)[2]}))
    watch("tried", total, total)
    chosen = best.runtime.arithmetic
    order = sorted(trials, key=lambda it: (it.runtime.arithmetic != chosen, bool(it.refused), -it.rate))
    return Tuning(trials=tuple(order))


def best_of(trials: Sequence[Trial]) -> Trial:
    """Return the most exact of those that agree and are about as fast as the fastest; `trials` go from exact to coarse.

    A less exact one that is faster by a hair would only give more tickets other answers.
    """
    agreeing = [trial for trial in trials if not trial.refused]
    fastest = max(trial.rate for trial in agreeing)
    return next(trial for trial in agreeing if trial.rate >= _AS_FAST * fastest)


def _timed(folder: Path, runtime: Runtime, probe: Probe, rounds: int = 1) -> tuple[Model, Floats, float]:
    """Run a probe, which also makes kernels ready, then time some rounds of it."""
    model, found = probe.run(folder, runtime)
    whole = model.reading_everything()
    started = time.monotonic()
    whole.predict_proba(probe.texts * rounds)
    return model, found, round(rounds * len(probe.texts) / (time.monotonic() - started), 1)


def _key(folder: Path, settings: ScoreSettings) -> str:
    """Return what a choice holds for: the model, the processor, who computes, and on how many cores."""
    digest = read_manifest(folder)[1]
    parts = (digest[:_SHOWN], _processor(), f"OpenVINO {version('openvino')}", f"{settings.workers or cores()} cores")
    return ", ".join(parts)


def _processor() -> str:
    """Return the processor's name and what it computes by itself: some machines tell no more than a make."""
    import openvino  # noqa: PLC0415 - a linear model does without

    core = openvino.Core()
    can = sorted(set(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")) - {"BIN", "EXPORT_IMPORT"})
    return f"{core.get_property('CPU', 'FULL_DEVICE_NAME')} ({' '.join(can)})"


def _kept(path: Path) -> Mapping[str, Tuning]:
    """Read what was kept; what cannot be read is tried again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {key: Tuning.model_validate(tuning) for key, tuning in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ValidationError) as error:
        logger.warning("what was found fastest cannot be read, so it is tried again", extra={"error": str(error)})
        return {}


def _keep(path: Path, kept: Mapping[str, Tuning]) -> None:
    content = {key: tuning.model_dump(mode="json") for key, tuning in kept.items()}
    write_file(path, json.dumps(content, ensure_ascii=False, indent=1).encode())
