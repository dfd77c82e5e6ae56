"""What a ticket is, once its row has been accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """One accepted row of an export.

    `row` counts from 1 as a spreadsheet or editor shows it (the line where the row begins). `text` is as typed: it is
    masked by `pipeline.text.read_narrative` before anything keeps it. `fields` holds the other mapped columns as
    typed; `personal` the (value, stand-in) pairs of the columns that name or locate the customer.
    """

    ticket_id: str
    text: str
    row: int
    accepted_at: datetime | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    personal: tuple[tuple[str, str], ...] = ()
