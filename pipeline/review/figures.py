"""All figures about model, agents and reviewers, for the page about quality and its workbook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.review.statistics import (
    LEVELS,
    SIDES,
    Agreement,
    FollowThrough,
    Level,
    Proportion,
    Quality,
    Side,
    agreement,
    agreement_by_readers,
    agreement_by_type,
    follow_through,
    naive,
    quality,
)
from pipeline.review.verdicts import Span, blind_verdicts, queue_verdicts, second_readings, shown_pairs
from pipeline.store.review import users


@dataclass(frozen=True, slots=True)
class Figures:
    """What the readings say.

    `sides`: how good the model and the agents are, from blind readings. `naive`: how often the queue agreed with the
    model, which is no accuracy. `agreement_by_readers` is about types, by the names of both people.
    """

    sides: Mapping[Side, Quality]
    follow_through: Mapping[Level, FollowThrough]
    agreement: Mapping[Level, Agreement]
    agreement_by_type: Mapping[str, Agreement]
    agreement_by_readers: Mapping[tuple[str, str], Agreement]
    naive: Mapping[Level, Proportion]


def read_figures(connection: sa.Connection, span: Span, types: Sequence[str]) -> Figures:
    """Read the decisions of a span and count them; `types` are the ids to give figures for."""
    blind, queue = blind_verdicts(connection, span), queue_verdicts(connection, span)
    shown, twice = shown_pairs(connection, span), second_readings(connection, span)
    names = {row.id: row.name for row in connection.execute(sa.select(users.c.id, users.c.name))}
    readers = agreement_by_readers(twice, "type")
    return Figures(
        {side: quality(blind, side, types) for side in SIDES},
        {level: follow_through(shown, level) for level in LEVELS},
        {level: agreement(twice, level) for level in LEVELS},
        agreement_by_type(twice, types),
        {(names[one], names[other]): found for (one, other), found in readers.items()},
        {level: naive(queue, level) for level in LEVELS},
    )
