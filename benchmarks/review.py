"""How long a page of the review desk takes while twenty people review at once over PostgreSQL.

    gongdan train --config configs/train/linear.yaml
    python benchmarks/review.py                      about three minutes on two cores

runs a night over 20,000 tickets with the linear model into a real PostgreSQL and starts `gongdan review` over it, as
one process. When its queue is filled and explained, twenty people log in from another process and decide, first without
ever stopping to think, then at a pace that is still faster than people's; they skip, take back, send twice and look at
the lists now and then. Exits unless the database then holds what they saw kept, once. Puts a table into
docs/benchmarks.md.
"""

import argparse
import multiprocessing
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import psutil
import sqlalchemy as sa
import yaml
from measure import SAMPLE_SECONDS, narratives, write_export
from nightly import LINEAR, night, postgres
from reviewers import Seen, compare, hire, merged, work
from tables import ROOT, machine, write_table

from pipeline.store.review import SHOWN, readings, review_items
from pipeline.taxonomy import Taxonomy

PEOPLE = 20
TICKETS, QUEUE = 20_000, 3000
PACES = ((0.0, 2000), (2.0, 200))  # seconds to think for each ticket, decisions
READY_SECONDS = 900
ALL_PAGES = "all pages"


class Desk:
    """`gongdan review` as a process of its own, and the most memory it was seen with."""

    def __init__(self, config: Path, port: int) -> None:
        command = [sys.executable, "-m", "pipeline", "review", "--config", str(config), "--port", str(port)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        self._port = port
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._sample)
        self.peak_mib = 0.0
        self._watch.start()

    def answers(self) -> bool:
        """Tell whether the desk is up; exits if it has ended."""
        if self._process.poll() is not None:
            raise SystemExit(f"the desk ended with status {self._process.returncode}")
        line = HTTPConnection("127.0.0.1", self._port, timeout=SAMPLE_SECONDS)
        with suppress(OSError):
            line.request("GET", "/healthz")
            return line.getresponse().status == 200
        return False

    def close(self) -> None:
        """End it, as Ctrl-C does."""
        self._ended.set()
        self._watch.join()
        self._process.terminate()
        self._process.wait()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            with suppress(psutil.Error):
                self.peak_mib = max(self.peak_mib, psutil.Process(self._process.pid).memory_info().rss / 2**20)


def configuration(folder: Path) -> Path:
    """Write the desk's configuration beside the night's: the shipped one, with a longer queue."""
    config = yaml.safe_load((ROOT / "configs" / "review.yaml").read_text(encoding="utf-8"))
    config |= {"nightly": str(folder / "nightly.yaml"), "queue": config["queue"] | {"nightly_most": QUEUE}}
    path = folder / "review.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@contextmanager
def desk_over(folder: Path, address: str) -> Iterator[tuple[Desk, int]]:
    """Start a desk and wait until its worker has nothing left to do; yields it with its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    desk = Desk(configuration(folder), port)
    try:
        until = time.monotonic() + READY_SECONDS
        while not desk.answers() or unexplained(address) != 0:
            if time.monotonic() > until:
                raise SystemExit("the desk is not ready")
            time.sleep(SAMPLE_SECONDS)
        yield desk, port
    finally:
        desk.close()


def unexplained(address: str) -> int | None:
    """Return how many tickets of the queue still lack their words; None before there is a queue."""
    item = review_items.c
    lacking = sa.select(item.id).join(readings, readings.c.item_id == item.id)
    lacking = lacking.where(item.evidence.is_(None), readings.c.kind == SHOWN)
    with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
        if not connection.scalar(sa.select(sa.func.count()).select_from(readings)):
            return None
        return connection.scalar(sa.select(sa.func.count()).select_from(lacking.subquery()))


def reviewed(address: str, port: int, queue: Sequence[tuple[float, int]]) -> list[Seen]:
    """Let twenty people work at one pace after the other; exits if the database holds anything else than they saw."""
    people = hire(address, PEOPLE)
    causes = [cause.id for cause in Taxonomy.load().causes]
    found: list[Seen] = []
    for think, wanted in queue:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
            found.append(elsewhere.submit(work, port, people, wanted, causes, think).result())
        print(f"  {wanted / found[-1].seconds:.1f} decisions a second", flush=True)
        wrong = compare(address, merged(found), sum(wanted for _, wanted in queue[: len(found)]))
        if wrong:
            raise SystemExit("; ".join(wrong))
    return found


def table(found: Sequence[Seen], paces: Sequence[tuple[float, int]], desk: Desk, cores: int) -> str:
    """Return the Markdown that goes into docs/benchmarks.md."""
    lines = [
        "| seconds to think | page | asked for | median | 95% within | 99% within |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for seen, (think, _) in zip(found, paces, strict=True):
        times = {ALL_PAGES: [seconds for _, seconds in seen.times]}
        for route, seconds in sorted(seen.times):
            times.setdefault(route, []).append(seconds)
        for route, all_of_it in times.items():
            lines.append(f"| {think:g} | {route} | {len(all_of_it):,} | {_milliseconds(all_of_it)} |")
    rates = (f"{wanted / seen.seconds:.1f}" for seen, (_, wanted) in zip(found, paces, strict=True))
    lines += [
        "",
        f"{PEOPLE} people at once; {' and '.join(f'{wanted:,}' for _, wanted in paces)} decisions, "
        f"{' and '.join(rates)} a second. Every decision that somebody saw kept was in the database afterwards, "
        "once, nothing else was, and the chain of the audit log was whole. "
        f"Most memory of the desk: {desk.peak_mib:.0f} MiB.",
        "",
        f"{cores} cores of {machine()} for the desk, PostgreSQL and those who ask, Python {platform.python_version()}. "
        "Made by `python benchmarks/review.py`.",
    ]
    return "\n".join(lines)


def _milliseconds(times: Sequence[float]) -> str:
    parts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else [times[0]] * 99
    return " | ".join(f"{1000 * parts[percent - 1]:.0f} ms" for percent in (50, 95, 99))


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=2, help="cores that all of it may use")
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    cores = set(sorted(os.sched_getaffinity(0))[: options.cores])
    os.sched_setaffinity(0, cores)
    with tempfile.TemporaryDirectory() as name, postgres(Path(name)) as address:
        folder = Path(name)
        (folder / "inbox").mkdir()
        write_export(folder / "inbox" / "export.csv", TICKETS, narratives(1, TICKETS))
        print(f"a night over {TICKETS:,} tickets ...", flush=True)
        night(folder, address, LINEAR, cores)
        print("the desk fills its queue ...", flush=True)
        with desk_over(folder, address) as (desk, port):
            print(f"{PEOPLE} people ...", flush=True)
            content = table(reviewed(address, port, PACES), PACES, desk, len(cores))
    write_table("review", content, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
