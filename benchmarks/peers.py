"""How fast `gongdan score` is against what others would do with the very same weights on the same tickets.

    pip install -e '.[train,peers]'
    python benchmarks/peers.py --work var/peers      about an hour on two cores

takes the BERT out of a model folder (models/default unless told) and gives it in fp32 to transformers' pipeline,
sentence-transformers, ONNX Runtime (also in int8) and OpenVINO (also in bf16 and int8). They get 20,000 narratives that
are all different, ready to be read, and their clock leaves out imports, loading and warming up; `gongdan score` gets an
export and its clock is that of the whole command. The peers, each a process of its own, take turns at a part of the
narratives in every round; gongdan scores the whole export in every round. Then each is measured on the corpus's test
split and on labelled real texts, which are not ours to ship: --data names the folder with real_dev.jsonl. Puts a table
into docs/benchmarks.md. With --work what was measured and prepared is kept there, and a run that was stopped goes on.

optimum-onnx is left out: 0.1.0 refuses transformers 5, and what it runs is ONNX Runtime.
"""

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from peers_one import PEERS, WEIGHTS
from tables import ROOT, machine, write_table

from pipeline.settings import DEFAULT_MODEL

EXTRAS = (
    *("torch", "transformers", "nncf", "datasketch", "pypinyin"),
    *("sentence_transformers", "onnx", "onnxruntime", "onnxscript", "psutil"),
)
if missing := [name for name in EXTRAS if find_spec(name) is None]:
    raise SystemExit(f"benchmarks/peers.py needs {', '.join(missing)}: pip install -e '.[train,peers]'")
from measure import write_export  # noqa: E402
from peers_accuracy import accuracies  # noqa: E402
from peers_peak import Shape, int8_peak  # noqa: E402
from peers_work import Kept, Place, Texts, Told  # noqa: E402

from pipeline.classify.model import Model  # noqa: E402

LIBRARIES = ("torch", "transformers", "sentence-transformers", "onnxruntime", "openvino", "nncf")
GONGDAN, EXACT = "`gongdan score`", "the same BERT in fp32 with its linear part"


@dataclass(frozen=True)
class Row:
    """One line of the table; without `told` only how well it answers is known."""

    name: str
    accuracy: Told
    told: Told | None = None


@dataclass(frozen=True)
class Tickets:
    """What was read: how many, their mean length in characters and in tokens, and the operations a ticket takes."""

    count: int
    characters: float
    tokens: float
    operations: float


def able() -> list[str]:
    """Return the peers that this processor can run."""
    import openvino  # noqa: PLC0415 - as late as torch

    kinds = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [name for name in PEERS if "BF16" in kinds or "bf16" not in name]


def prepare(place: Place, model: Model, texts: Texts) -> None:
    """Give the weights all forms, once."""
    from peers_made import prepare as make  # noqa: PLC0415 - it loads all libraries

    make(place.weights, place.made, model.taxonomy, texts.train, partial(print, flush=True))


def timed(kept: Kept, place: Place, texts: Texts, peers: Sequence[str], rounds: int) -> tuple[dict[str, Told], float]:
    """Let all take turns; return seconds for all tickets and the most memory, and the best int8 peak of all rounds."""
    export = place.folder / "export.csv"
    write_export(export, len(texts.raw), texts.raw)
    runs: dict[str, list[Told]] = {name: [] for name in [*peers, GONGDAN]}
    peaks = []
    for number in range(1, rounds + 1):
        peak = kept.of(f"round {number}: int8 peak", partial(_peak, Shape.of(place.made / WEIGHTS), len(place.cores)))
        peaks.append(peak["operations"])
        part = texts.tickets[number - 1 :: rounds]
        for name in peers:
            runs[name].append(kept.of(f"round {number}: {name}", partial(_run, place, name, part)))
        score = partial(place.score, export, len(texts.raw))
        runs[GONGDAN].append(kept.of(f"round {number}: {GONGDAN}", score))
    return {name: _together(found, rounds if name == GONGDAN else 1) for name, found in runs.items()}, max(peaks)


def _peak(shape: Shape, threads: int) -> Told:
    return {"operations": int8_peak(shape, threads)}


def _run(place: Place, name: str, part: Sequence[str]) -> Told:
    return place.run(name, part)[0]


def _together(runs: Sequence[Told], times: int) -> Told:
    """Add up runs that read everything so many times."""
    sums = {name: sum(run[name] for run in runs) / times for name in ("seconds", "cpu_seconds")}
    return {**sums, "peak_mib": max(run["peak_mib"] for run in runs)}


def counted(place: Place, texts: Texts) -> Tickets:
    """Return how long the tickets are."""
    from peers_one import load_windows  # noqa: PLC0415

    lengths = [len(window) for cut in load_windows(place.made).cut(texts.tickets) for window in cut]
    count = len(texts.tickets)
    operations = Shape.of(place.made / WEIGHTS).operations(lengths)
    return Tickets(count, statistics.mean(map(len, texts.tickets)), sum(lengths) / count, operations / count)


def table(rows: Sequence[Row], tickets: Tickets, peak: float, sizes: tuple[int, int], cores: int) -> str:
    """Return the Markdown that goes into docs/benchmarks.md; `sizes` are those of the test split and the real texts."""
    first = next(it.told["seconds"] for it in rows if it.told)
    lines = [
        f"| {tickets.count:,} tickets | a second | against the pipeline | cores used | peak memory, all processes "
        f"| share of int8 peak | type macro-F1, {sizes[0]:,} of the corpus"
        + (f" | {sizes[1]} real |" if sizes[1] else " |"),
        "|---|---:|---:|---:|---:|---:|---:|" + ("---:|" if sizes[1] else ""),
        *(_line(it, tickets, first, peak) for it in rows),
        "",
        "Peers run the BERT alone, uncalibrated, and their clock starts when everything is loaded and warm, with "
        "narratives ready to be read. gongdan's is that of the whole command on a GB18030 .csv, start-up included: "
        "reading, masking, the linear model that answers along, calibration, writing. The first two cut narratives "
        "after 256 tokens, as people use them; the others read long ones in several windows. `nncf.quantize` leaves "
        "the head in fp32: in int8 OpenVINO computes it wrongly. Memory is the most at any time, loading included.",
        "",
        f"Peak: {peak / 1e9:,.0f} GOP/s in int8 products of this BERT's shapes, measured by OpenVINO on the same cores "
        f"between the rounds; their BERT takes {tickets.operations / 1e9:.2f} GOP for a ticket, fillers not "
        "counted. gongdan's share is that of the same work: what it need not do for the same answers counts as done.",
        "",
        f"{cores} cores of {machine()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
        + f"; narratives of {tickets.characters:.0f} characters and {tickets.tokens:.0f} tokens on average, no two "
        "alike. Made by `python benchmarks/peers.py`.",
    ]
    if not sizes[1]:
        lines.append("The real texts were not there.")
    return "\n".join(lines)


def _line(row: Row, tickets: Tickets, first: float, peak: float) -> str:
    cells = ["", "", "", "", ""]
    if row.told:
        seconds = row.told["seconds"]
        rate = tickets.count / seconds
        cells = [
            f"{rate:,.1f}",
            f"{first / seconds:.2f}",
            f"{row.told['cpu_seconds'] / seconds:.2f}",
            f"{row.told['peak_mib']:,.0f} MiB",
            f"{rate * tickets.operations / peak:.0%}",
        ]
    return "| " + " | ".join([row.name, *cells, *(f"{value:.3f}" for value in row.accuracy.values())]) + " |"


def compare(options: argparse.Namespace, place: Place) -> str:
    """Prepare, time and measure everything that is not known yet; return the table."""
    model, exact, peers = Model.load(place.model), Model.load(place.weights), able()
    if exact.manifest.kind != "bert+linear" or exact.projection is not None:
        raise SystemExit(f"{place.weights} has to be a BERT beside a linear model, made for this taxonomy")
    print(f"making {options.tickets:,} tickets and splitting the corpus ...", flush=True)
    texts = Texts.load(options.tickets, options.data, model.taxonomy)
    settings = {
        "tickets": options.tickets, "rounds": options.rounds, "cores": len(place.cores), "model": model.name,
        "weights": exact.name, "real": len(texts.real), "machine": machine(),
        "versions": {name: version(name) for name in LIBRARIES},
    }  # fmt: skip
    kept = Kept(place.folder / "results.json", settings)
    prepare(place, exact, texts)
    told, peak = timed(kept, place, texts, peers, options.rounds)
    found = accuracies(kept, place, texts, model, peers)
    rows = [Row(name, found[name], told[name]) for name in peers]
    rows += [Row(EXACT, found["fp32"]), Row(GONGDAN, found[""], told[GONGDAN])]
    return table(rows, counted(place, texts), peak, (len(texts.test), len(texts.real)), len(place.cores))


def main() -> None:
    """Compare, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=int, default=20_000, help="how many are read")
    parser.add_argument("--rounds", type=int, default=4, help="in how many parts, all taking turns at each")
    parser.add_argument("--cores", type=int, default=2, help="cores everybody may use")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="what gongdan scores with")
    parser.add_argument("--weights", type=Path, help="the folder whose BERT everybody else runs; --model unless given")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of real texts")
    parser.add_argument("--work", type=Path, help="a folder to keep everything in, to go on where a run was stopped")
    parser.add_argument("--dry-run", action="store_true", help="print the table instead of writing docs/benchmarks.md")
    options = parser.parse_args()
    cores = set(sorted(os.sched_getaffinity(0))[: options.cores])
    os.sched_setaffinity(0, cores)  # also for what runs in this process
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.work or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        weights = (options.weights or options.model).resolve()
        content = compare(options, Place(folder, options.model.resolve(), weights, cores))
    write_table("peers", content, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
