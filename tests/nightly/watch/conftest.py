"""Nights for the watch: narratives of the corpus that the shipped linear part never learned, with its answers."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import sqlalchemy as sa
import yaml

from pipeline.classify.linear import LinearClassifier
from pipeline.classify.model import Model
from pipeline.corpus.split import own_split
from pipeline.nightly.watch import Watch, WatchSettings, watch
from pipeline.settings import CORPUS, DEFAULT_MODEL
from pipeline.store.schema import CLOSED, metadata, predictions, runs
from pipeline.taxonomy import OUT_OF_SCOPE, Taxonomy
from pipeline.text import Lexicon, Segmenter, read_narrative

TONIGHT = date(2026, 11, 30)  # a Monday
_LONGEST = 160  # characters: letters of three pages take the tests' time and are no tickets
_LEARNED = 1800  # narratives that play the corpus
_SURE = 0.58  # the linear part leaves 13 % of what it never saw below this, as the shipped model does
DIGEST = "d" * 64


@dataclass(frozen=True, slots=True)
class Ticket:
    """A narrative with an answer."""

    text: str
    type: str
    probability: float
    answer: str
    area: str | None = None
    customer: str | None = None


@dataclass
class Nights:
    """A database of nights."""

    connection: sa.Connection
    model: Model
    corpus: Path
    made: int = field(default=0)

    def add(self, day: date | None, tickets: Sequence[Ticket], digest: str = DIGEST) -> int:
        """Write a run whose tickets were accepted on a day; returns its number."""
        run_id = 1 + (self.connection.scalar(sa.select(sa.func.max(runs.c.id))) or 0)
        self.connection.execute(runs.insert(), _run(run_id, digest))
        rows = []
        for ticket in tickets:
            self.made += 1
            rows.append(_row(f"T{self.made}", run_id, day, ticket, digest))
        if rows:
            self.connection.execute(predictions.insert(), rows)
        return run_id

    def watch(self, run_id: int, settings: WatchSettings, corpus: Path | None = None) -> Watch:
        """Watch a run."""
        return watch(self.connection, run_id, self.model, settings, corpus or self.corpus)


@pytest.fixture(scope="session")
def segmenter() -> Segmenter:
    return Segmenter(Lexicon.load())


@pytest.fixture
def watching() -> WatchSettings:
    """The shipped settings, with fewer texts and permutations."""
    shipped = WatchSettings.load()
    fewer = shipped.text.model_copy(update={"rows": 60, "permutations": 4})
    return shipped.model_copy(update={"text": fewer})


@pytest.fixture
def grouping(watching: WatchSettings) -> WatchSettings:
    """Settings with which no night has enough tickets for signals: groups alone."""
    return watching.model_copy(update={"least_rows": 100_000})


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the corpus that the linear part has learned."""
    path = tmp_path_factory.mktemp("learned") / "corpus.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in _rows() if own_split(row["read"]) == "train"]
    path.write_text("\n".join(lines[:_LEARNED]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def fresh(segmenter: Segmenter, taxonomy: Taxonomy) -> list[Ticket]:
    """Narratives that the linear part has not learned, in no order, as it answers them."""
    texts = [row["read"] for row in _rows() if own_split(row["read"]) != "train"]
    return _answered(texts, segmenter, taxonomy)


@pytest.fixture(scope="session")
def topics(segmenter: Segmenter, taxonomy: Taxonomy) -> Mapping[str, list[Ticket]]:
    """Tickets about what the taxonomy lacks, as the linear part answers them."""
    content = yaml.safe_load((Path(__file__).parent / "topics.yaml").read_text(encoding="utf-8"))
    return {
        name: _answered([read_narrative(text).text for text in texts], segmenter, taxonomy)
        for name, texts in content.items()
    }


@pytest.fixture
def nights(segmenter: Segmenter, taxonomy: Taxonomy, corpus_file: Path) -> Iterator[Nights]:
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    # The watch asks a model for nothing else.
    model = cast("Model", SimpleNamespace(digest=DIGEST, taxonomy=taxonomy, segmenter=segmenter))
    with engine.connect() as connection:
        yield Nights(connection, model, corpus_file)
    engine.dispose()


def weeks(nights: Nights, tickets: Sequence[Ticket], days: int = 28, digest: str = DIGEST) -> None:
    """Deal tickets out to the days before tonight."""
    for number, dealt in enumerate(np.array_split(np.arange(len(tickets)), days)):
        nights.add(TONIGHT - timedelta(days=days - number), [tickets[index] for index in dealt], digest)


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    lines = (line for path in sorted(CORPUS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").split("\n"))
    rows = [json.loads(line) for line in lines if line]
    rows = [row | {"read": read_narrative(row["text"]).text} for row in rows if len(row["text"]) <= _LONGEST]
    return tuple(sorted(rows, key=lambda row: hashlib.sha256(row["text"].encode()).hexdigest()[::-1]))


def _answered(texts: Sequence[str], segmenter: Segmenter, taxonomy: Taxonomy) -> list[Ticket]:
    of_types = taxonomy.type_probabilities(LinearClassifier.load(DEFAULT_MODEL, segmenter).predict_proba(texts))
    return [
        Ticket(text, taxonomy.type_ids[row.argmax()], float(row.max()), "cause" if row.max() >= _SURE else "none")
        for text, row in zip(texts, of_types, strict=True)
    ]


def _run(run_id: int, digest: str) -> dict[str, Any]:
    return {
        "id": run_id, "started_at": datetime(2026, 11, 30, 23), "status": CLOSED, "resumed": 0, "purpose": "night",
        "host": "h", "source": "s", "model": "m", "model_digest": digest, "taxonomy_version": "1",
        "lexicon_sha256": "l", "settings": {}, "problems": [], "read": 0, "scored": 0, "review": 0, "known": 0,
        "rejected": 0, "before_since": 0,
    }  # fmt: skip


def _row(ticket_id: str, run_id: int, day: date | None, ticket: Ticket, digest: str) -> dict[str, Any]:
    review = ticket.answer == "none" or ticket.type == OUT_OF_SCOPE
    return {
        "ticket_id": ticket_id, "content_sha256": hashlib.sha256(ticket_id.encode()).hexdigest(),
        "model_digest": digest, "taxonomy_version": "1", "run_id": run_id, "source": "s", "row": 1,
        "accepted_at": day and datetime.combine(day, time(9, 30)), "customer": ticket.customer,
        "fields": {"transformer_area": ticket.area} if ticket.area else {}, "topic": "", "narrative": ticket.text,
        "type": ticket.type, "cause": "c", "type_probability": ticket.probability,
        "cause_probability": ticket.probability, "answer": ticket.answer, "route": "review" if review else "auto",
        "reasons": [], "alternatives": [],
    }  # fmt: skip
