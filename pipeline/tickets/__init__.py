"""A ticket arrives: exports of any of four formats become tickets and rejects, row by row."""

from pipeline.tickets.columns import Columns
from pipeline.tickets.readers import count_hint, read_chunks, read_tickets
from pipeline.tickets.record import Ticket
from pipeline.tickets.rejects import Reject

__all__ = ["Columns", "Reject", "Ticket", "count_hint", "read_chunks", "read_tickets"]
