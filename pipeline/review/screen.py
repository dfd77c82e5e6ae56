"""One ticket as a reviewer sees it: what is shown of it, and what is not when it is read blind."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.review.desk import Given
from pipeline.review.evidence import Piece, pieces, unreliable
from pipeline.review.nearest import Near
from pipeline.store.review import BLIND
from pipeline.taxonomy import BoundaryRule, Cause, Taxonomy

# What of an export's columns helps to decide. The agent's own classification and what came of the ticket do not belong
# here: they would tell.
FACTS = ("county", "unit", "transformer_area", "line", "urban_rural", "electricity_use", "urged")
_MOST_RULES = 4
_MOST_KEYS = 9


@dataclass(frozen=True, slots=True)
class Choice:
    """A cause that a number key chooses; `probability` is None where the model did not name it."""

    key: int
    cause: Cause
    type_name: str
    probability: float | None
    by_agent: bool
    by_model: bool


@dataclass(frozen=True, slots=True)
class Path:
    """A type and a cause by name, with the model's probabilities; None where nothing was said."""

    type: str | None
    cause: str | None
    type_probability: float | None = None
    cause_probability: float | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything the page shows. Read blind, it has no topic, no paths, no choices, no rules and no neighbours."""

    given: Given
    blind: bool
    topic: str
    pieces: tuple[Piece, ...]
    marked: bool  # words were looked for
    unreliable: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]  # field names and values
    agent: Path | None
    model: Path | None
    choices: tuple[Choice, ...]
    rules: tuple[BoundaryRule, ...]
    near: tuple[Near, ...]

    @property
    def suggested(self) -> str:
        """The cause that the model names, "" when nothing is suggested."""
        return next((choice.cause.id for choice in self.choices if choice.by_model), "")


def screen(given: Given, taxonomy: Taxonomy, near: Sequence[Near]) -> Screen:
    """Return what to show of a ticket."""
    ticket, blind = given.ticket, given.kind == BLIND
    facts = tuple((name, ticket["fields"][name]) for name in FACTS if ticket["fields"].get(name))
    if blind:
        plain = (Piece(ticket["narrative"], ""),)
        # The topic in brackets is the agent's word for what it is about.
        return Screen(given, blind, "", plain, False, (), facts, None, None, (), (), ())
    return Screen(
        given,
        blind,
        ticket["topic"],
        tuple(pieces(ticket["narrative"], given.evidence)),
        given.evidence is not None,
        tuple(unreliable(given.evidence)),
        facts,
        _agent(given, taxonomy),
        _model(given, taxonomy),
        tuple(_choices(given, taxonomy)),
        tuple(_rules(given, taxonomy)),
        tuple(near),
    )


def clause_of(cause: Cause, taxonomy: Taxonomy) -> str:
    """Return the clause that a correction to a cause usually rests on, or else what tells the cause from others."""
    rules = (rule.when for rule in taxonomy.boundary_rules if cause.id in rule.to)
    return cause.rule or cause.boundary_note or next(rules, "") or cause.definition or cause.name


def _agent(given: Given, taxonomy: Taxonomy) -> Path:
    return Path(
        taxonomy.type(given.agent_type).name if given.agent_type else None,
        taxonomy.name_of(given.agent_cause) if given.agent_cause else None,
    )


def _model(given: Given, taxonomy: Taxonomy) -> Path:
    ticket = given.ticket
    return Path(
        taxonomy.type(ticket["type"]).name,
        taxonomy.name_of(ticket["cause"]),
        ticket["type_probability"],
        ticket["cause_probability"],
    )


def _choices(given: Given, taxonomy: Taxonomy) -> list[Choice]:
    """Return the model's causes, the likeliest first, and the agent's; of a cause that was split its parts."""
    ticket = given.ticket
    named = {ticket["cause"]: ticket["cause_probability"]} | dict(ticket["alternatives"])
    said = [*named, *([given.agent_cause] if given.agent_cause else [])]
    wanted = dict.fromkeys(present for cause_id in said for present in _present(cause_id, taxonomy))
    return [
        Choice(
            key,
            cause := taxonomy.cause(cause_id),
            taxonomy.type(cause.type_id).name,
            named.get(cause_id),
            cause_id == given.agent_cause,
            cause_id == ticket["cause"],
        )
        for key, cause_id in enumerate([*wanted][:_MOST_KEYS], start=1)
    ]


def _rules(given: Given, taxonomy: Taxonomy) -> list[BoundaryRule]:
    """Return the rules about the agent's and the model's classification, those about both first."""
    of_model = tuple(rule for it in _present(given.ticket["cause"], taxonomy) for rule in taxonomy.rules_for(it))
    of_agent: tuple[BoundaryRule, ...] = ()
    if given.agent_cause:
        of_agent = tuple(rule for it in _present(given.agent_cause, taxonomy) for rule in taxonomy.rules_for(it))
    elif given.agent_type:
        causes = {cause.id for cause in taxonomy.causes_of(given.agent_type)}
        of_agent = tuple(
            rule for rule in taxonomy.boundary_rules if rule.never == given.agent_type or causes.intersection(rule.to)
        )
    both = [rule for rule in of_model if rule in of_agent]
    rest = [rule for rule in (*of_model, *of_agent) if rule not in both]
    return list(dict.fromkeys([*both, *rest]))[:_MOST_RULES]


def _present(cause_id: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return a cause, or what it was split into."""
    return (cause_id,) if cause_id in taxonomy.cause_ids else taxonomy.lineage.parts(cause_id)
