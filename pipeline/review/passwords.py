"""Passwords: how they are kept, checked and made up."""

import math
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pipeline.errors import AccessError
from pipeline.review.settings import AccessSettings

LONGEST = 200  # characters; nobody types more, and hashing is work
_GROUP, _GROUPS = 4, 4  # sixteen of 31 characters are 79 bits
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
# A hash takes 64 MiB and four threads for a moment: many who log in at once wait for each other instead of for memory.
_AT_ONCE = threading.BoundedSemaphore(2)
_hasher = PasswordHasher()  # Argon2id with the low-memory costs of RFC 9106


def hashed(password: str) -> str:
    """Return the hash to keep, with its own salt and costs."""
    with _AT_ONCE:
        return _hasher.hash(password)


# Of no account: a name that nobody has takes as long to refuse as one that somebody has.
_NOBODY = hashed(secrets.token_urlsafe())


def fits(password: str, kept: str | None) -> bool:
    """Tell whether a password is the one that was kept; None takes as long and is always False."""
    try:
        with _AT_ONCE:
            return _hasher.verify(kept or _NOBODY, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def is_dated(kept: str) -> bool:
    """Tell whether a hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(kept)


def one_time(settings: AccessSettings) -> str:
    """Make up a password to hand over, in groups that can be read aloud."""
    groups = max(_GROUPS, math.ceil(settings.password_length / _GROUP))
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(_GROUP)) for _ in range(groups))


def require_good(password: str, name: str, settings: AccessSettings) -> None:
    """Refuse a password that is too short, too long, one character again and again, or the name; raises AccessError."""
    if not settings.password_length <= len(password) <= LONGEST:
        raise AccessError("password_length", f"a password has {settings.password_length} to {LONGEST} characters")
    if len(set(password)) == 1 or password.lower() == name.lower():
        raise AccessError("password_simple", "a password is not one character again and again, nor the user's name")
