"""What benchmarks share: exports to read, and the time and memory of a command with all its processes."""

import csv
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tables import ROOT

from pipeline.corpus import load_labelled
from pipeline.corpus.noise import add_noise
from pipeline.corpus.split import splits_of
from pipeline.taxonomy import Taxonomy
from pipeline.text import read_narrative

LENGTH = 110  # characters, the usual length of an agent's note: longer narratives are cut there
SAMPLE_SECONDS = 1.0  # reading the maps of a process stops it for a moment


@dataclass(frozen=True)
class Measured:
    """One run of a command: its time, the most memory of all its processes together, what it printed, its CPU time."""

    seconds: float
    peak_mib: float
    output: str
    cpu_seconds: float


def narratives(seed: int, count: int, split: str | None = None) -> list[str]:
    """Return noisy narratives made from the corpus, or from one split of it, no two of which are read as the same text.

    None is answered for another. Of what taught a model its linear part is surer, so that the BERT would read less:
    take the split "test" where that counts.
    """
    rows = load_labelled(ROOT / "data" / "corpus", Taxonomy.load())
    texts = [row.raw for row, its in zip(rows, splits_of(rows), strict=True) if split in (None, its)]
    source, seen, found = random.Random(seed), set[int](), list[str]()
    while len(found) < count:
        narrative = add_noise(source.choice(texts)[:LENGTH], source)
        read = hash(read_narrative(narrative).text)
        if read not in seen:
            seen.add(read)
            found.append(narrative)
    return found


def write_export(path: Path, rows: int, texts: Sequence[str]) -> None:
    """Write an export with the usual columns in GB18030."""
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["工单编号", "受理时间", "一级分类", "受理内容", "供电单位", "台区", "户号", "联系电话"])
        writer.writerows(_rows(rows, texts))


def _rows(rows: int, texts: Sequence[str]) -> Iterator[list[str]]:
    kinds = ("服务投诉", "营业投诉", "停送电投诉", "供电质量投诉", "电网建设投诉")
    for number in range(rows):
        yield [
            f"20261101{number:08d}",
            f"2026-11-{number % 28 + 1:02d} {number % 24:02d}:{number % 60:02d}:00",
            kinds[number % 5],
            texts[number % len(texts)],
            f"第{number % 60}供电所",
            f"{number % 997}号台区",
            f"33{number:08d}",
            f"138{number:08d}",
        ]


def gongdan(*arguments: str | Path, cores: set[int]) -> Measured:
    """Run `gongdan` on some cores and watch it as `watched` does; exits if it fails."""
    return watched([sys.executable, "-m", "pipeline", *map(str, arguments)], f"gongdan {arguments[0]}", cores)


def watched(
    command: Sequence[str], name: str, cores: set[int], environment: Mapping[str, str] | None = None
) -> Measured:
    """Run a command on some cores and watch its memory (proportional set size); exits, telling its name, if it fails.

    `environment` is added to this process's own.
    """
    used, started = _children_seconds(), time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _memory(psutil.Process(process.pid)))
        time.sleep(SAMPLE_SECONDS)
    seconds = time.monotonic() - started
    assert process.stdout is not None
    output = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{name} ended with status {process.returncode}: {output}")
    return Measured(seconds, peak / 2**20, output, _children_seconds() - used)


def _children_seconds() -> float:
    """Return the processor's time that ended processes and theirs took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory(process: psutil.Process) -> float:
    total = 0
    with suppress(psutil.Error):
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_full_info().pss
    return total
