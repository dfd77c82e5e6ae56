"""What the head of every page leads to."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.review.access import Permission, User


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the navigation; the catalogue says `nav.{key}`."""

    key: str
    path: str
    needs: Permission

    def leads_to(self, path: str) -> bool:
        """Tell whether a page is this entry's or lies below it."""
        return path == self.path or path.startswith(f"{self.path}/")


NAV = (
    Entry("queue", "/queue", Permission.REVIEW),
    Entry("tickets", "/tickets", Permission.READ),
    Entry("confusions", "/confusions", Permission.READ),
    Entry("units", "/units", Permission.READ),
    Entry("weeks", "/weeks", Permission.READ),
    Entry("quality", "/quality", Permission.QUALITY),
    Entry("audit", "/audit", Permission.AUDIT),
    Entry("users", "/users", Permission.USERS),
)


def entries_of(user: User) -> Sequence[Entry]:
    """Return the entries that a user's role may open."""
    return [entry for entry in NAV if user.may(entry.needs)]


def first_page(user: User) -> str:
    """Return where a user begins."""
    return "/password" if user.must_change else entries_of(user)[0].path
