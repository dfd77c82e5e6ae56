"""How fast `gongdan score --engine spark` is on two local workers against one process, whole commands.

    gongdan train --config configs/train/linear.yaml
    python benchmarks/spark.py

writes a .parquet of 200,000 tickets (the corpus with noise; some ids come twice, some narratives are
missing), scores it in one process, in two processes and in Spark with two workers, requires that all write the same
bytes, and puts a table into docs/benchmarks.md.
"""

import argparse
import csv
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from measure import Measured, gongdan, narratives, write_export
from tables import ROOT, machine, write_table

MODEL = ROOT / "var" / "models" / "linear"
# name -> what the command is given; {one} and {two} are settings with so many processes.
ENGINES = {
    "one process": ("--settings", "{one}"),
    "two processes": ("--settings", "{two}"),
    "Spark, two local workers": ("--settings", "{one}", "--engine", "spark", "--master", "local[2]"),
}
TWICE, MISSING = 1_000, 1_700  # every so-manieth row bears the id of an earlier one, or has no narrative


@dataclass(frozen=True)
class Row:
    """One run."""

    engine: str
    rows: int
    done: Measured

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.done.seconds


def write_parquet(path: Path, rows: int) -> None:
    """Write an export with the usual columns, a few of its rows faulty."""
    export = path.with_suffix(".csv")
    write_export(export, rows, narratives(1, rows))
    with export.open(encoding="gb18030", newline="") as file:
        header, *cells = csv.reader(file)
    export.unlink()
    number, text = header.index("工单编号"), header.index("受理内容")
    for row in range(TWICE, rows, TWICE):
        cells[row][number] = cells[row // 2][number]
    for row in range(MISSING, rows, MISSING):
        cells[row][text] = ""
    pq.write_table(pa.table(dict(zip(header, map(list, zip(*cells, strict=True)), strict=True))), path)


def write_settings(folder: Path) -> dict[str, str]:
    """Write the shipped scoring settings with one and with two processes."""
    shipped = (ROOT / "configs" / "score.yaml").read_text(encoding="utf-8")
    paths = {"one": folder / "one.yaml", "two": folder / "two.yaml"}
    for workers, path in enumerate(paths.values(), start=1):
        path.write_text(shipped.replace("workers: 0", f"workers: {workers}"), encoding="utf-8")
    return {name: str(path) for name, path in paths.items()}


def run(engine: str, options: Sequence[str], source: Path, target: Path, rows: int, cores: set[int]) -> Row:
    """Run `gongdan score` from start to end."""
    done = gongdan("score", source, "-o", target, "--model", MODEL, "--json", *options, cores=cores)
    if json.loads(done.output)["read"] != rows:
        raise SystemExit(f"gongdan score did not read all {rows} rows: {done.output}")
    return Row(engine, rows, done)


def written(target: Path) -> tuple[bytes, bytes]:
    """Return what a run wrote: answers and rejects."""
    return target.read_bytes(), target.with_name(target.name + ".rejects.csv").read_bytes()


def table(results: Sequence[Row], rejected: int, cores: int) -> str:
    """Return the Markdown that goes into docs/benchmarks.md."""
    first = results[0]
    lines = [
        f"| {first.rows:,} rows of one .parquet | seconds | rows a second | against one process | peak memory |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {it.engine} | {it.done.seconds:.1f} | {it.rate:,.0f} | {it.rate / first.rate:.2f} | "
            f"{it.done.peak_mib:.0f} MiB |"
            for it in results
        ),
        "",
        "Whole commands, Spark's own start included; memory of all processes, Java's included. Answers and the "
        f"{rejected} rejects are the same bytes in all runs. {cores} cores of {machine()}, "
        f"Python {platform.python_version()}, with the model that configs/train/linear.yaml trains.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run all engines on the same rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the export")
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing docs/benchmarks.md")
    parser.add_argument("--cores", type=int, default=2, help="cores the command may use")
    options = parser.parse_args()
    cores = set(sorted(os.sched_getaffinity(0))[: options.cores])
    results, outputs = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, settings = folder / "export.parquet", write_settings(folder)
        write_parquet(source, options.rows)
        for number, (engine, arguments) in enumerate(ENGINES.items()):
            target = folder / f"{number}.parquet"
            given = [argument.format(**settings) for argument in arguments]
            results.append(run(engine, given, source, target, options.rows, cores))
            outputs.append(written(target))
            print(f"{engine}: {results[-1].done.seconds:.1f} s, {results[-1].rate:,.0f} rows a second", flush=True)
    if any(output != outputs[0] for output in outputs):
        raise SystemExit("the engines do not write the same")
    rejected = outputs[0][1].count(b"\n") - 1
    content = table(results, rejected, len(cores))
    write_table("spark", content, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
