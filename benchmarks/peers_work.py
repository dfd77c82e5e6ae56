"""What benchmarks/peers.py works with: what was measured so far, the processes it starts, and the texts they read."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import gongdan, narratives, watched
from tables import ROOT

from pipeline.classify.base import Floats
from pipeline.corpus import Labelled, load_labelled
from pipeline.corpus.split import splits_of
from pipeline.settings import CORPUS
from pipeline.taxonomy import Taxonomy
from pipeline.text import read_narrative

SEED = 1
Told = dict[str, Any]


class Kept:
    """What was measured so far, in a file; what is there is not measured again."""

    def __init__(self, path: Path, settings: Told) -> None:
        """Go on with a file; exits if it was made with other settings."""
        self._path = path
        self._told: Told = {"settings": settings, "measured": {}}
        if path.exists():
            self._told = json.loads(path.read_text(encoding="utf-8"))
        if self._told["settings"] != settings:
            raise SystemExit(f"{path} was measured with other settings ({self._told['settings']}): name another --work")
        self._write()  # what is prepared beside it belongs to these settings, too

    def of(self, what: str, found: Callable[[], Told]) -> Told:
        """Return what is known, or find it out and keep it."""
        measured: dict[str, Told] = self._told["measured"]
        if what not in measured:
            print(f"{what} ...", flush=True)
            measured[what] = found()
            self._write()
            print("  " + ", ".join(f"{name} {value:,.3f}" for name, value in measured[what].items()), flush=True)
        return measured[what]

    def _write(self) -> None:
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self._told, ensure_ascii=False, indent=1), encoding="utf-8")
        partial.replace(self._path)


@dataclass(frozen=True)
class Place:
    """Where it all lies, and what may be used of the machine."""

    folder: Path
    model: Path  # that gongdan scores with
    weights: Path  # the model whose BERT everybody else runs
    cores: set[int]

    @property
    def made(self) -> Path:
        """The weights in every form."""
        return self.folder / "made"

    def run(self, peer: str, texts: Sequence[str], *more: str) -> tuple[Told, Mapping[str, Floats]]:
        """Run a peer in a process of its own; return its figures and what else it left."""
        source, result = self.folder / "texts.json", self.folder / "result.npz"
        source.write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
        script, threads = ROOT / "benchmarks" / "peers_one.py", str(len(self.cores))
        command = [sys.executable, str(script), peer, str(self.made), str(source), str(result), "--threads", threads]
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
        environment = dict.fromkeys(names, threads) | {"TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1"}
        done = watched([*command, *more], peer, self.cores, environment)
        with np.load(result) as file:
            left = dict(file)
        told = {name: float(left.pop(name)) for name in ("seconds", "cpu_seconds")}
        return {**told, "peak_mib": done.peak_mib}, left

    def score(self, export: Path, tickets: int) -> Told:
        """Run `gongdan score`, from start to end."""
        target = self.folder / "answers.csv"
        done = gongdan("score", export, "-o", target, "--json", "--model", self.model, cores=self.cores)
        if json.loads(done.output)["scored"] != tickets:
            raise SystemExit(f"gongdan score did not score all {tickets} tickets: {done.output}")
        return {"seconds": done.seconds, "cpu_seconds": done.cpu_seconds, "peak_mib": done.peak_mib}


@dataclass(frozen=True)
class Texts:
    """What is read: tickets against the clock, labelled narratives to measure on, others to calibrate int8 on."""

    raw: Sequence[str]
    tickets: Sequence[str]
    test: Sequence[Labelled]
    real: Sequence[Labelled]
    train: Sequence[str]

    @classmethod
    def load(cls, tickets: int, data: Path, taxonomy: Taxonomy) -> "Texts":
        """Make the tickets and read what is labelled; without the folder of real texts there are none."""
        raw = narratives(SEED, tickets, "test")
        rows = load_labelled(CORPUS, taxonomy)
        splits = list(zip(rows, splits_of(rows), strict=True))
        real = data / "real_dev.jsonl"
        return cls(
            raw,
            [read_narrative(text).text for text in raw],
            [row for row, split in splits if split == "test" and row.cause is not None],
            load_labelled(real, taxonomy) if real.exists() else [],
            [row.text for row, split in splits if split == "train"],
        )
