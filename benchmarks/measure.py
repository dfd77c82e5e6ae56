"""What benchmarks share: exports to read, and the time and memory of a command with all its processes."""

import csv
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tables import ROOT

from pipeline.corpus.noise import add_noise

VARIANTS = 20_000  # different noisy narratives; larger files repeat them
LENGTH = 110  # characters, the usual length of an agent's note: longer narratives are cut there
SAMPLE_SECONDS = 1.0  # reading the maps of a process stops it for a moment


@dataclass(frozen=True)
class Measured:
    """One run of a command: its time, the most memory of all its processes together, and what it printed."""

    seconds: float
    peak_mib: float
    output: str


def narratives(seed: int) -> list[str]:
    """Return noisy narratives made from the corpus."""
    texts = [
        json.loads(line)["text"][:LENGTH]
        for path in sorted((ROOT / "data" / "corpus").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    source = random.Random(seed)
    return [add_noise(source.choice(texts), source) for _ in range(VARIANTS)]


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
    """Run `gongdan` on some cores and watch its memory (proportional set size); exits if it fails."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores)
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _memory(psutil.Process(process.pid)))
        time.sleep(SAMPLE_SECONDS)
    seconds = time.monotonic() - started
    assert process.stdout is not None
    output = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"gongdan {arguments[0]} ended with status {process.returncode}: {output}")
    return Measured(seconds, peak / 2**20, output)


def _memory(process: psutil.Process) -> float:
    total = 0
    with suppress(psutil.Error):
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_full_info().pss
    return total
