"""Tickets, answers, labels and models, read into what notebooks work with."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import sqlalchemy as sa

from pipeline.classify.model import Model
from pipeline.corpus import Labelled
from pipeline.corpus import load_labelled as read_labelled
from pipeline.corpus.split import splits_of
from pipeline.corpus.write import json_lines, write_file
from pipeline.errors import StoreError
from pipeline.nightly import NightlySettings, run_night
from pipeline.review.filters import Filter
from pipeline.review.lists import rows as decided_rows
from pipeline.review.teach import teach
from pipeline.settings import CORPUS, load_settings, resolve
from pipeline.store.database import reading
from pipeline.store.schema import predictions
from pipeline.taxonomy import Taxonomy
from pipeline.text import read_narrative
from pipeline.tickets import Columns, Reject
from pipeline.tickets import read_tickets as read_entries

Place = str | Path
_SEED = 20261129
_ANSWER = ("type", "cause", "type_probability", "cause_probability", "answer", "route")


def load_model(folder: Place = "models/default", taxonomy: Place = "configs/taxonomy.yaml") -> Model:
    """Load a model folder; a model that was made for a former tree answers in `taxonomy`.

    The model's `predict_proba(texts)` gives calibrated probabilities (n_texts, n_causes), the columns in the order of
    `model.taxonomy.cause_ids`. Raises ModelError if the folder is missing, damaged or made for something else.
    """
    return Model.load(resolve(Path(folder)), Taxonomy.load(resolve(Path(taxonomy))))


def read_tickets(path: Place) -> pd.DataFrame:
    """Read an export (.csv, .tsv, .xlsx, .parquet, .jsonl): one row per usable ticket, masked.

    Columns: ticket_id, accepted_at (local time, NaT where there is none), topic, narrative, and those that
    configs/columns.yaml knows and that name nobody (unit, agent_type, agent_cause, ...). `frame.attrs["rejects"]` lists
    the unusable rows, as (row, code, message). Raises FileError if the file cannot be read at all.
    """
    tickets: list[dict[str, Any]] = []
    rejects: list[tuple[int, str, str]] = []
    for entry in read_entries(resolve(Path(path)), Columns.load()):
        if isinstance(entry, Reject):
            rejects.append((entry.row, entry.code, entry.message))
            continue
        narrative = read_narrative(entry.text, entry.personal)
        said = {"topic": narrative.topic, "narrative": narrative.text}
        tickets.append({**entry.fields, "ticket_id": entry.ticket_id, "accepted_at": entry.accepted_at, **said})
    frame = _ordered(pd.DataFrame(tickets), ["ticket_id", "accepted_at", "topic", "narrative"])
    frame["accepted_at"] = pd.to_datetime(frame["accepted_at"])
    frame.attrs["rejects"] = rejects
    return frame


def stored_answers(nightly: Place = "configs/nightly.yaml", *, make_night: bool = False) -> pd.DataFrame:
    """Read what the nights answered: one row per ticket, text and model, in the order of acceptance.

    Columns: ticket_id, accepted_at, hour (0-23), unit, topic, narrative (masked), type, cause, type_probability,
    cause_probability (0 to 1), answer (cause, type or none: how far it may be trusted), route (auto or review),
    agent_type, agent_cause (ids of what the agent chose, None where unknown), decided_type, decided_cause (of the
    review desk), right (whether the type is the desk's, else the agent's; None where neither said one), judged_by (desk
    or agent), model_digest, run_id.

    Raises StoreError if there was no night yet; with `make_night`, runs one first.
    """
    found, decided = _ask(nightly, _read, make_night=make_night)
    taxonomy = Taxonomy.load()
    frame = pd.DataFrame([_answered(row, decided, taxonomy) for row in found], columns=_STORED)
    frame["accepted_at"] = pd.to_datetime(frame["accepted_at"])
    frame["hour"] = frame["accepted_at"].dt.hour.astype("Int64")
    return frame.sort_values("accepted_at", ignore_index=True)


def load_corpus(*paths: Place, taxonomy: Place = "configs/taxonomy.yaml") -> list[Labelled]:
    """Read labelled narratives from files or folders (data/corpus unless told): each with id, text, type and cause.

    A Labelled's `text` is masked; `cause` is None where only the type is known. Raises CorpusError that lists the rows
    with unknown labels, FileError for a file that cannot be read.
    """
    chosen = [resolve(Path(path)) for path in paths] or [CORPUS]
    return read_labelled(chosen, Taxonomy.load(resolve(Path(taxonomy))))


def corrections(
    nightly: Place = "configs/nightly.yaml",
    output: Place = "var/reviews.jsonl",
    corpus: Sequence[Labelled] | None = None,
    *,
    make_night: bool = False,
) -> list[Labelled]:
    """Turn the decisions of the review desk into labelled rows, and write them to `output` to train on.

    What was read blind stays out, as it measures the model, and so does what is nearly the same as a row of `corpus`
    (data/corpus unless given) that calibrates or tests. An empty list if nothing was decided yet; the file is there all
    the same. Raises StoreError if there was no night yet; with `make_night`, runs one first.
    """
    known, path, taxonomy = load_corpus() if corpus is None else corpus, resolve(Path(output)), Taxonomy.load()
    taught = _ask(nightly, lambda connection: teach(connection, known, taxonomy, path), make_night=make_night)
    return read_labelled(path, taxonomy) if taught.rows else []


def label_tickets(tickets: pd.DataFrame, cause: str, output: Place) -> Path:
    """Write tickets (a frame with ticket_id and narrative) as labelled rows of one cause, and return the file's path.

    They are for training: `load_corpus`, `hold_out` and the `corpus` of `retrain` take the file. Raises FileError if it
    cannot be written.
    """
    rows = zip(tickets["ticket_id"], tickets["narrative"], strict=True)
    lines = ({"id": name, "text": text, "cause": cause, "style": "labelled", "split": "train"} for name, text in rows)
    path = resolve(Path(output))
    write_file(path, json_lines(lines))
    return path


def hold_out(
    *paths: Place, output: Place, rows: int | None = None, taxonomy: Place = "configs/taxonomy.yaml"
) -> dict[str, list[Labelled]]:
    """Write labelled narratives as one file in which each row says what it is for: train, calibration or test.

    The splits are those of the corpus (near-duplicates on one side), so that no model that is trained on `output` sees
    the test rows, and several may be compared on them. With `rows`, about so many are taken, of every cause alike
    (seeded). Returns the rows of each split. Raises what `load_corpus` raises, FileError if it cannot be written.
    """
    path, found = resolve(Path(output)), load_corpus(*paths, taxonomy=taxonomy)
    chosen = found if rows is None else _sample(found, rows)
    splits = splits_of(chosen)
    write_file(path, json_lines(_lines(chosen, splits)))
    return {
        name: [row for row, split in zip(chosen, splits, strict=True) if split == name]
        for name in ("train", "calibration", "test")
    }


_STORED = (
    "ticket_id", "accepted_at", "hour", "unit", "topic", "narrative", *_ANSWER, "agent_type", "agent_cause",
    "decided_type", "decided_cause", "right", "judged_by", "model_digest", "run_id",
)  # fmt: skip
_Decided = Mapping[str, tuple[str, str]]


_Found = TypeVar("_Found")


def _ask(nightly: Place, work: Callable[[sa.Connection], _Found], *, make_night: bool) -> _Found:
    settings = load_settings(resolve(Path(nightly)), NightlySettings)
    try:
        return reading(settings.database, settings.retry, work)
    except StoreError as error:
        if error.code != "store_missing" or not make_night:
            raise
    run_night(settings)
    return reading(settings.database, settings.retry, work)


def _read(connection: sa.Connection) -> tuple[Sequence[sa.Row[Any]], _Decided]:
    decided = {row.ticket_id: (row.type, row.cause) for row in decided_rows(connection, Filter(), None, 0)}
    return connection.execute(sa.select(predictions)).all(), decided


def _answered(row: sa.Row[Any], decided: _Decided, taxonomy: Taxonomy) -> dict[str, Any]:
    agent_type, agent_cause = taxonomy.filed_under(row.fields)
    decided_type, decided_cause = decided.get(row.ticket_id, (None, None))
    true = decided_type or agent_type
    return {
        **{name: getattr(row, name) for name in ("ticket_id", "accepted_at", "topic", "narrative", *_ANSWER)},
        "unit": row.fields.get("unit", ""),
        "agent_type": agent_type,
        "agent_cause": agent_cause,
        "decided_type": decided_type,
        "decided_cause": decided_cause,
        "right": None if true is None else row.type == true,
        "judged_by": "desk" if decided_type else "agent" if agent_type else None,
        "model_digest": row.model_digest,
        "run_id": row.run_id,
    }


def _ordered(frame: pd.DataFrame, first: Sequence[str]) -> pd.DataFrame:
    rest = [name for name in frame.columns if name not in first]
    return frame.reindex(columns=[*first, *rest])


def _sample(rows: Sequence[Labelled], wanted: int) -> list[Labelled]:
    """Take about `wanted` rows, round after round one of each cause, so that rare causes keep their rows."""
    by_cause: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        by_cause.setdefault(row.cause or row.type, []).append(at)
    source = random.Random(_SEED)  # noqa: S311 - the same rows each time
    for places in by_cause.values():
        source.shuffle(places)
    longest = max(map(len, by_cause.values()), default=0)
    order = [places[turn] for turn in range(longest) for places in by_cause.values() if turn < len(places)]
    return [rows[at] for at in sorted(order[:wanted])]


def _lines(rows: Iterable[Labelled], splits: Iterable[str]) -> Iterator[Mapping[str, str]]:
    for row, split in zip(rows, splits, strict=True):
        label = {"cause": row.cause} if row.cause is not None else {"type": row.type}
        yield {"id": row.id, "text": row.text, **label, "style": row.style, "split": split}
