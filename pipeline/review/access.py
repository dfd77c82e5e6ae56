"""Who may do what at the review desk. Who makes accounts does not read tickets."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here for."""

    REVIEWER = "reviewer"
    LEAD = "lead"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """What a page asks of its reader."""

    PERSONAL = "personal"  # what anyone who is logged in may: the own password, leaving
    REVIEW = "review"  # the queue, and deciding
    READ = "read"  # lists, overviews, exports
    QUALITY = "quality"  # the honest figures
    UNMASK = "unmask"
    AUDIT = "audit"
    USERS = "users"


_REVIEWER = frozenset({Permission.PERSONAL, Permission.REVIEW, Permission.READ})
ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.REVIEWER: _REVIEWER,
    Role.LEAD: _REVIEWER | {Permission.QUALITY, Permission.UNMASK, Permission.AUDIT},
    Role.ADMINISTRATOR: frozenset({Permission.PERSONAL, Permission.USERS}),
}


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account; `must_change` while the password is one that somebody else knows."""

    id: int
    name: str
    role: Role
    must_change: bool

    def may(self, permission: Permission) -> bool:
        """Tell whether the role allows it.

        >>> User(1, "li", Role.ADMINISTRATOR, must_change=False).may(Permission.READ)
        False
        """
        return permission in ROLES[self.role]
