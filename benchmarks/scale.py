"""How fast `gongdan score` is, end to end, and whether time and memory grow with the file as they should.

    gongdan train --config configs/train/linear.yaml
    python benchmarks/scale.py linear
    python benchmarks/scale.py shipped        100,000, 300,000 and 1,000,000 tickets: two to four hours

writes .csv exports (the corpus with noise, no two narratives alike; for the shipped model its test split), runs the
command on two cores, reading, normalising, masking, segmenting, answering and writing included, and puts a table into
docs/benchmarks.md after each.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import gongdan, narratives, write_export
from tables import ROOT, machine, write_table

from pipeline.classify.model import Model
from pipeline.settings import DEFAULT_MODEL

# name -> its folder, which narratives it reads, and how many.
MODELS: dict[str, tuple[Path, str | None, tuple[int, ...]]] = {
    "linear": (ROOT / "var" / "models" / "linear", None, (100_000, 1_000_000)),
    "shipped": (DEFAULT_MODEL, "test", (100_000, 300_000, 1_000_000)),
}


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


def run(source: Path, target: Path, model: Path, rows: int, cores: set[int]) -> Measured:
    """Run `gongdan score` on some cores."""
    done = gongdan("score", source, "-o", target, "--json", "--model", model, cores=cores)
    summary = json.loads(done.output)
    if summary["scored"] != rows:
        raise SystemExit(f"gongdan score did not score all {rows} rows: {summary}")
    return Measured(rows, source.stat().st_size / 1e6, done.seconds, done.peak_mib)


def table(results: Sequence[Measured], model: str, length: float, cores: int) -> str:
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
        f"on average, no two alike, GB18030 .csv in, .csv out, with {model}. Made by `python benchmarks/scale.py`.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run all sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS, help="which model reads")
    parser.add_argument("--rows", type=int, nargs="+", help="sizes of the exports")
    parser.add_argument("--cores", type=int, default=2, help="cores the command may use")
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    folder_of_model, split, sizes = MODELS[options.model]
    sizes = tuple(options.rows or sizes)
    name = Model.load(folder_of_model).name
    texts = narratives(1, max(sizes), split)
    cores = set(sorted(os.sched_getaffinity(0))[: options.cores])
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            source = Path(folder) / f"{rows}.csv"
            write_export(source, rows, texts)
            print(f"scoring {rows:,} tickets ...", flush=True)
            results.append(run(source, Path(folder) / "answers.csv", folder_of_model, rows, cores))
            print(f"  {results[-1].rate:,.0f} a second, peak {results[-1].peak_mib:.0f} MiB", flush=True)
            source.unlink()
            content = table(results, name, statistics.mean(map(len, texts)), len(cores))
            write_table(f"scale_{options.model}", content, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
