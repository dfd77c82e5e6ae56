"""What follows from a change of the tree: for labels, models, stored predictions and decisions."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.classify.folder import read_manifest, require_match
from pipeline.corpus.relabel import Relabelled, Say, relabel, write
from pipeline.corpus.write import write_file
from pipeline.errors import ModelError, StoreError
from pipeline.nightly import NightlySettings
from pipeline.review import audit
from pipeline.review.verdicts import effective
from pipeline.settings import ROOT, resolve
from pipeline.store.database import Pool
from pipeline.store.review import OPEN, SHOWN, readings
from pipeline.store.schema import predictions
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon

HOME = ROOT / "var" / "taxonomy"
QUEUE = "to-label.jsonl"  # what a person has to label, in HOME
FITS, SUMS, RETRAIN, UNUSABLE = "fits", "sums", "retrain", "unusable"

# The last reading of each item.
_LAST = sa.select(readings.c.item_id, readings.c.run_id, sa.func.max(readings.c.number).label("number")).group_by(
    readings.c.item_id, readings.c.run_id
)


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model folder under the present tree: made for it, valid by summing, or to be trained again, and why."""

    folder: Path
    state: str
    taxonomy_version: str  # that it was made for
    summed: tuple[tuple[str, str], ...] = ()  # (former cause, what it became)
    blind_to: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Standing decisions for former causes: `renamed` ones are read through the lineage and stay.

    `split` are the items of those that nobody has decided anew or is about to; `drawn` of others were read blind: they
    judge the model of their night, teach nothing, and stay too.
    """

    renamed: int = 0
    split: tuple[int, ...] = ()
    drawn: int = 0


@dataclass(frozen=True, slots=True)
class Migration:
    """Everything that follows; None where there is no database."""

    taxonomy: Taxonomy
    files: tuple[Relabelled, ...]
    models: tuple[ModelState, ...]
    former_predictions: Counter[str] | None  # by the version of their tree
    decisions: Decisions | None

    def summary(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "taxonomy_version": self.taxonomy.version,
            "labels": [
                {
                    "file": str(file.path),
                    "moved": [{"from": old, "to": new, "rows": rows} for (old, new), rows in file.moved.items()],
                    "left_to_a_person": dict(Counter(entry.former for entry in file.queued)),
                }
                for file in self.files
                if file.changed
            ],
            "models": [
                {
                    "folder": str(it.folder), "state": it.state, "taxonomy_version": it.taxonomy_version,
                    "summed": [list(pair) for pair in it.summed], "blind_to": list(it.blind_to), "reason": it.reason,
                }
                for it in self.models
            ],
            "predictions_of_former_trees": self.former_predictions,
            "decisions": self.decisions and {
                "renamed_or_merged": self.decisions.renamed, "split_to_be_decided_anew": len(self.decisions.split),
                "split_read_blind": self.decisions.drawn,
            },
        }  # fmt: skip


def plan(taxonomy: Taxonomy, labelled: Sequence[Path], nightly: NightlySettings) -> Migration:
    """Look what follows from the changes of a tree; nothing is written. Raises FileError or StoreError."""
    files, models = tuple(relabel(labelled, taxonomy)), tuple(_models(taxonomy, nightly))
    try:
        pool = Pool(nightly.database, nightly.retry)
    except StoreError as error:
        if error.code != "store_missing":
            raise
        return Migration(taxonomy, files, models, None, None)
    with closing(pool):
        stored = pool.read(lambda connection: _former_predictions(connection, taxonomy))
        decided = pool.read(lambda connection: look_at_decisions(connection, taxonomy))
    return Migration(taxonomy, files, models, stored, decided)


def apply(migration: Migration, nightly: NightlySettings, home: Path, say: Say, *, reviews: bool) -> None:
    """Do what follows: rewrite labelled files, queue what a person has to label, write the summary into `home`.

    With `reviews`, what was decided for a cause that was split is given to the reviewers again. Done again, it finds
    nothing left to do. Raises FileError or StoreError.
    """
    write(migration.files, home / QUEUE, say)
    asked = 0
    if reviews and migration.decisions is not None:
        with closing(Pool(nightly.database, nightly.retry)) as pool:
            asked = pool.write(lambda connection: ask_again(connection, migration.taxonomy))
        if asked:
            say(f"review desk: {asked} tickets are to be decided anew")
    if asked or any(file.changed for file in migration.files):
        path = home / f"migration-{migration.taxonomy.version}.json"
        done = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **migration.summary(), "asked_again": asked}
        write_file(path, (json.dumps(_joined(path, done), ensure_ascii=False, indent=1) + "\n").encode())
        say(f"{path}: what was done")


def ask_again(connection: sa.Connection, taxonomy: Taxonomy) -> int:
    """Give every ticket that was decided for a cause that was split since a further reading; return how many."""
    audit.take_turn(connection)  # so that two who migrate at once do not both ask
    items = look_at_decisions(connection, taxonomy).split
    if items:
        numbers = {row.item_id: row for row in connection.execute(_LAST)}
        values = {"kind": SHOWN, "status": OPEN, "position": 0.0}  # the first of its night
        rows = [
            values | {"item_id": item, "number": numbers[item].number + 1, "run_id": numbers[item].run_id}
            for item in items
        ]
        connection.execute(readings.insert(), rows)
        audit.record(connection, None, "taxonomy_migrated", taxonomy.version, asked_again=len(rows))
    return len(items)


def look_at_decisions(connection: sa.Connection, taxonomy: Taxonomy) -> Decisions:
    """Find the standing decisions for causes that the tree has no more."""
    standing = effective("standing")
    query = (
        sa.select(standing.c.item_id, standing.c.number, standing.c.cause, standing.c.blind)
        .where(standing.c.cause.not_in(taxonomy.cause_ids))
        .order_by(standing.c.item_id, standing.c.number)
    )
    last = {row.item_id: row.number for row in connection.execute(_LAST)}
    renamed, split, drawn = 0, [], 0
    for item, number, cause, blind in connection.execute(query):
        if taxonomy.lineage.successor(cause) is not None:
            renamed += 1
        elif blind:
            drawn += 1
        elif number == last[item]:
            split.append(item)
    return Decisions(renamed, tuple(split), drawn)


def _models(taxonomy: Taxonomy, nightly: NightlySettings) -> list[ModelState]:
    kept = resolve(nightly.kept_models.folder)
    copies = sorted(path for path in kept.iterdir() if path.is_dir()) if kept.is_dir() else []
    folders = [resolve(nightly.model), *(path for path in copies if not path.name.startswith("."))]
    lexicon = Lexicon.load()
    return [_model(folder, taxonomy, lexicon) for folder in folders]


def _model(folder: Path, taxonomy: Taxonomy, lexicon: Lexicon) -> ModelState:
    try:
        manifest, _ = read_manifest(folder)
    except ModelError as error:
        return ModelState(folder, UNUSABLE, "", reason=str(error))
    version = manifest.taxonomy_version
    try:
        projection = require_match(manifest, folder, taxonomy, lexicon)
    except ModelError as error:
        state = RETRAIN if error.code == "model_taxonomy" else UNUSABLE
        return ModelState(folder, state, version, reason=error.message)
    if projection is None:
        return ModelState(folder, FITS, version)
    became = [(cause, taxonomy.lineage.successor(cause)) for cause, _ in manifest.tree]
    summed = tuple((old, new) for old, new in became if new is not None and new != old)
    return ModelState(folder, SUMS, version, summed, projection.blind_to)


def _former_predictions(connection: sa.Connection, taxonomy: Taxonomy) -> Counter[str]:
    version = predictions.c.taxonomy_version
    query = sa.select(version, sa.func.count()).where(version != taxonomy.version).group_by(version).order_by(version)
    return Counter({row[0]: row[1] for row in connection.execute(query)})


def _joined(path: Path, done: dict[str, Any]) -> list[Any]:
    """Return what was done for this version before, and now."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [*before, done]
