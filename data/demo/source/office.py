"""One company's month: who calls when and about what, and how the agent files and words it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from places import Household, Region
from sheets import Row
from wording import Agent, Call, in_town

from pipeline.taxonomy import Cause, Taxonomy

MONTH = (2026, 10)
EXPORTED_AT = datetime(2026, 11, 2, 8, 30)  # noqa: DTZ001 - exports carry local time without a zone
# Calls per hour of the day: humps at 11, 17 and 19, few at night.
HOURS = (2, 1, 1, 1, 1, 1, 4, 14, 28, 42, 54, 74, 46, 36, 40, 46, 56, 78, 60, 92, 58, 36, 18, 6)
STORMS = {12: 1.8, 13: 2.0, 24: 1.7}  # days of the month with that many times the usual calls
REMINDERS = 0.07  # share of calls that chase a ticket of before
# Share of calls that agents file under the right cause: nine in ten, outages more easily; none that is out of scope.
RIGHT, RIGHT_FREQUENT_OUTAGE = 0.87, 0.96
NO_LEVEL3 = 0.04  # share of tickets whose level 3 was left empty
TOPIC = 0.7  # share of tickets that open with a bracketed topic
SUBSTANTIATED = 0.74  # share found 属实 in a city's published tickets, January to October 2021

# Where agents put a cause by mistake; for causes not listed, a neighbour of the same group.
CONFUSIONS = {
    "frequent_outage": (
        "outage_unjustified", "outage_notice_missing", "voltage_abnormal", "rural_grid_upgrade", "repair_quality",
    ),
    "voltage_abnormal": ("frequent_outage", "rural_grid_upgrade", "metering_device"),
    "frequency_abnormal": ("voltage_abnormal",),
    "outage_notice_missing": ("outage_unjustified", "outage_off_plan", "frequent_outage"),
    "repair_staff_attitude": ("other_staff_attitude", "repair_staff_conduct"),
    "repair_staff_conduct": ("other_staff_conduct", "repair_overdue"),
    "works_staff_attitude": ("other_staff_attitude", "works_staff_conduct"),
    "works_staff_conduct": ("works_site_restoration", "other_staff_conduct"),
    "value_added_service": ("fee_item", "repair_staff_conduct"),
    "arrears_cutoff_reconnect": ("outage_unjustified", "payment_reminder"),
    "bill": ("meter_reading", "meter_test", "tariff"),
    "meter_test": ("bill", "metering_device"),
    "tariff": ("bill",),
    "promotion_service": ("hall_staff_conduct", "e_channel_service"),
    "enquiry": ("hall_staff_conduct", "tariff", "bill"),
    "fault_report": ("repair_overdue", "frequent_outage", "outage_unjustified"),
    "suggestion": ("tariff", "bill", "outage_notice_missing"),
    "praise": ("other_staff_conduct", "hall_staff_conduct"),
    "integrity_report": ("fee_item", "other_staff_conduct", "expansion_step_improper"),
    "third_party": ("tariff", "outage_unjustified", "frequent_outage"),
    "unrelated": ("other_staff_conduct", "bill"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was written down; `cause` is what it is really about."""

    ticket_id: str
    cause: Cause
    body: str
    household: Household
    accepted_at: datetime
    urged: int


class Office:
    """One company's month of tickets."""

    def __init__(self, company: str, taxonomy: Taxonomy, agent: Agent, rng: random.Random) -> None:
        self._region = Region(company, rng)
        self._taxonomy, self._agent, self._rng = taxonomy, agent, rng
        self._tickets: list[Ticket] = []

    def rows(self, causes: Sequence[str]) -> list[Row]:
        """Return a row per cause, in the order of their times."""
        times = sorted(self._time() for _ in causes)
        return [self._row(cause, time) for cause, time in zip(causes, times, strict=True)]

    def _row(self, cause: str, accepted_at: datetime) -> Row:
        recent = [ticket for ticket in self._tickets[-200:] if ticket.urged < 2]
        earlier = self._rng.choice(recent) if recent and self._rng.random() < REMINDERS else None
        ticket = self._reminder(earlier, accepted_at) if earlier else self._ticket(cause, accepted_at)
        self._tickets.append(ticket)
        return self._written(ticket, earlier.ticket_id if earlier else "")

    def _ticket(self, cause: str, accepted_at: datetime) -> Ticket:
        narrative = self._agent.narrative(cause)
        household = self._region.caller(in_town(narrative))
        body = self._agent.fill(narrative, household, accepted_at)
        return Ticket(self._id(accepted_at), self._taxonomy.cause(cause), body, household, accepted_at, 0)

    def _reminder(self, earlier: Ticket, accepted_at: datetime) -> Ticket:
        self._tickets.remove(earlier)
        number = self._id(accepted_at)
        return Ticket(number, earlier.cause, earlier.body, earlier.household, accepted_at, earlier.urged + 1)

    def _written(self, ticket: Ticket, earlier_id: str) -> Row:
        """Return the row of a ticket, classified and worded by an agent."""
        filed = self._filed(ticket.cause)
        topic = self._topic(filed)
        call = Call(
            ticket.cause.id, ticket.cause.type_id, topic, ticket.body, ticket.household, ticket.accepted_at, earlier_id
        )
        return {
            "ticket_id": ticket.ticket_id,
            "business_type": "投诉",
            "agent_type": self._taxonomy.type(filed.type_id).name,
            "agent_level2": filed.level2_name,
            "agent_cause": "" if self._rng.random() < NO_LEVEL3 else filed.name,
            "text": self._agent.write(call),
            "urged": ticket.urged,
            "department": self._taxonomy.departments[filed.department or "marketing"],
            **self._times(ticket.accepted_at),
            **_of_household(ticket.household),
        }

    def _filed(self, cause: Cause) -> Cause:
        """Return the cause an agent files a call under: the right one, or one that is easily taken for it."""
        right = RIGHT_FREQUENT_OUTAGE if cause.id == "frequent_outage" else RIGHT
        if cause.type_id != "out_of_scope" and self._rng.random() < right:
            return cause
        siblings = [other.id for other in self._taxonomy.causes_of(cause.type_id) if other.level2_id == cause.level2_id]
        choices = CONFUSIONS.get(cause.id) or [sibling for sibling in siblings if sibling != cause.id]
        return self._taxonomy.cause(self._rng.choice(choices))

    def _topic(self, filed: Cause) -> str:
        if self._rng.random() >= TOPIC:
            return ""
        return self._rng.choice((filed.name,) * 8 + (filed.level2_name, *filed.aliases))

    def _time(self) -> datetime:
        days = range(1, 32)
        day = self._rng.choices(days, [STORMS.get(day, 1.0) for day in days])[0]
        hour = self._rng.choices(range(24), HOURS)[0]
        return datetime(*MONTH, day, hour, self._rng.randrange(60), self._rng.randrange(60))  # noqa: DTZ001

    def _times(self, accepted_at: datetime) -> dict[str, str | datetime | None]:
        """Return the times of handling, empty where they would lie after the export; the result comes with the end."""
        minutes = self._rng.randint
        closed_at = accepted_at + timedelta(minutes=minutes(600, 6900), seconds=minutes(0, 59))
        result = "属实" if self._rng.random() < SUBSTANTIATED else "不属实"
        contacted_at = accepted_at + timedelta(minutes=minutes(25, 590), seconds=minutes(0, 59))
        return {
            "accepted_at": accepted_at,
            "dispatched_at": accepted_at + timedelta(minutes=minutes(2, 19), seconds=minutes(0, 59)),
            "contacted_at": contacted_at,
            "closed_at": closed_at if closed_at < EXPORTED_AT else None,
            "substantiated": result if closed_at < EXPORTED_AT else "",
        }

    def _id(self, accepted_at: datetime) -> str:
        """Return an id of the usual shape, date and eight digits, that rises with the time."""
        seconds = (accepted_at - accepted_at.replace(hour=0, minute=0, second=0)).seconds
        return f"{accepted_at:%Y%m%d}{seconds * 1000 + self._rng.randrange(1000):08}"


def _of_household(household: Household) -> dict[str, str]:
    place = household.place
    return {
        "city": place.city,
        "county": place.county,
        "unit": place.unit,
        "urban_rural": place.kind,
        "transformer_area": place.area,
        "line": place.line,
        "customer_number": household.number,
        "customer_name": household.name,
        "address": household.address,
        "phone": household.phone,
        "calling_number": household.calling_number,
    }
