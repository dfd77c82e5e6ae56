"""Callers told apart without being named: a keyed stand-in for the customer's number or telephone."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.store.patience import full
from pipeline.tickets import Ticket

# Whose calls belong together: the customer's number says it best, a telephone where there is none.
_BY = ("<户号>", "<电话>")
_KEY_BYTES = 32
_SHOWN = 32  # hexadecimal digits; 128 bits do not collide


class Pseudonyms:
    """Stand-ins by HMAC-SHA256: telephone numbers are too few for a hash without a key to hide them."""

    def __init__(self, path: Path) -> None:
        """Read the key, or make one that only its owner may read; raises ConfigError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _write_new(path)
            self._key = path.read_bytes()
        except OSError as error:
            raise full(error) or ConfigError(
                "key_unusable", f"the key of the stand-ins {path} cannot be used: {error}"
            ) from error
        if len(self._key) != _KEY_BYTES:
            raise ConfigError("key_unusable", f"{path} holds no key of {_KEY_BYTES} bytes; restore it, or remove it")

    def of(self, ticket: Ticket) -> str | None:
        """Return the stand-in of a ticket's caller, None where the export does not say who called."""
        for kind in _BY:
            for value, stand_in in ticket.personal:
                if stand_in == kind and (plain := "".join(filter(str.isalnum, value))):
                    return hmac.new(self._key, f"{kind}{plain}".encode(), hashlib.sha256).hexdigest()[:_SHOWN]
        return None


def _write_new(path: Path) -> None:
    # Written aside first: half a key would be worse than none.
    made = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        made.touch(mode=0o600)
        made.write_bytes(secrets.token_bytes(_KEY_BYTES))
        made.rename(path)
    finally:
        made.unlink(missing_ok=True)
