"""How fast `gongdan score` is with the linear model, end to end, and whether its memory grows with the file.

    gongdan train --config configs/train/linear.yaml
    python benchmarks/score_linear.py

writes .csv exports of 100,000 and 1,000,000 tickets (the corpus with noise, repeated), runs the command on two cores,
reading, normalising, masking, segmenting, answering and writing included, and puts a table into docs/benchmarks.md.
"""

import argparse
import csv
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tables import ROOT, machine, write_table

from pipeline.corpus.noise import add_noise

MODEL = ROOT / "var" / "models" / "linear"
VARIANTS = 20_000  # different noisy narratives; larger files repeat them
LENGTH = 110  # characters, the usual length of an agent's note: longer narratives are cut there
SAMPLE_SECONDS = 1.0  # reading the maps of a process stops it for a moment


@dataclass(frozen=True)
class Measured:
    """One run."""

    rows: int
    megabytes: float
    seconds: float
    peak_mib: float

    @property
    def rate(self) -> float:
        """Tickets a second."""
        return self.rows / self.seconds


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


def run(source: Path, target: Path, rows: int, cores: set[int]) -> Measured:
    """Run `gongdan score` on some cores and watch the memory of all its processes (proportional set size)."""
    command = [sys.executable, "-m", "pipeline", "score", str(source), "-o", str(target), "--json"]
    command += ["--model", str(MODEL)]
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
    summary = json.loads(process.stdout.read())
    if process.returncode or summary["scored"] != rows:
        raise SystemExit(f"gongdan score did not score all {rows} rows: {summary}")
    return Measured(rows, source.stat().st_size / 1e6, seconds, peak / 2**20)


def _memory(process: psutil.Process) -> float:
    total = 0
    with suppress(psutil.Error):
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_full_info().pss
    return total


def table(results: Sequence[Measured], length: float, cores: int) -> str:
    """Return the Markdown that goes into docs/benchmarks.md."""
    first, last = results[0], results[-1]
    lines = [
        "| tickets | file | seconds | tickets a second | peak memory, all processes |",
        "|---:|---:|---:|---:|---:|",
        *(
            f"| {it.rows:,} | {it.megabytes:.0f} MB | {it.seconds:.1f} | {it.rate:,.0f} | {it.peak_mib:.0f} MiB |"
            for it in results
        ),
        "",
        f"Ratio of the last row to the first: {last.rows / first.rows:.0f} times the tickets, "
        f"{last.seconds / first.seconds:.1f} times the time, {last.peak_mib / first.peak_mib:.2f} times the memory.",
        "",
        f"{cores} cores of {machine()}, Python {platform.python_version()}; narratives of {length:.0f} characters "
        f"on average, GB18030 .csv in, .csv out, with the model that "
        "configs/train/linear.yaml trains. Made by "
        "`python benchmarks/score_linear.py`.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run all sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes of the exports")
    parser.add_argument("--cores", type=int, default=2, help="cores the command may use")
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    texts = narratives(seed=1)
    cores = set(sorted(os.sched_getaffinity(0))[: options.cores])
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in options.rows:
            source = Path(folder) / f"{rows}.csv"
            write_export(source, rows, texts)
            print(f"scoring {rows:,} tickets ...", flush=True)
            results.append(run(source, Path(folder) / "answers.csv", rows, cores))
            print(f"  {results[-1].rate:,.0f} a second, peak {results[-1].peak_mib:.0f} MiB", flush=True)
            source.unlink()
    content = table(results, statistics.mean(map(len, texts)), len(cores))
    if options.dry_run:
        print(content)
    else:
        write_table("score_linear", content)


if __name__ == "__main__":
    main()
