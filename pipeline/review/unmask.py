"""A ticket as it was typed. The database never holds it: it is read from its source again, for one pair of eyes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.nightly import NightlySettings
from pipeline.nightly.night import key_of, open_source
from pipeline.review import audit
from pipeline.review.access import User
from pipeline.settings import resolve
from pipeline.store.database import Pool
from pipeline.text.mask import mask
from pipeline.tickets import Columns


@dataclass(frozen=True, slots=True)
class Unmasked:
    """The narrative as it was typed, and the personal columns of the export."""

    text: str
    personal: tuple[str, ...]


def unmask(pool: Pool, nightly: NightlySettings, user: User, ticket: Mapping[str, Any], reason: str) -> Unmasked | None:
    """Read a ticket (columns of `predictions`) from its source again; None if it is gone or was changed there.

    Who asked and why is in the audit log before anything is read. Raises FileError, SourceError or StoreError.
    """
    pool.write(lambda connection: audit.record(connection, user, "unmask", ticket["ticket_id"], reason=mask(reason)))
    source = open_source(nightly, Columns.load(resolve(nightly.columns)))
    found = source.find(ticket["source"], ticket["row"], ticket["ticket_id"])
    if found is None or key_of(found) != (ticket["ticket_id"], ticket["content_sha256"]):
        return None
    return Unmasked(found.text, tuple(value for value, _ in found.personal))
