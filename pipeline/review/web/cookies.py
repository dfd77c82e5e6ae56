"""The cookies: whose session this is, which form was handed to whom, which language was chosen."""

import re
from collections.abc import Mapping

from fastapi import Response

from pipeline.review.settings import Language, ReviewSettings

LANGUAGE = "language"
_YEAR = 365 * 24 * 3600
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # what secrets.token_urlsafe(32) makes


def session_cookie(settings: ReviewSettings) -> str:
    """Return the name of the session's cookie; browsers take `__Host-` over TLS only, and from this host only."""
    return "__Host-gongdan" if settings.behind_tls else "gongdan"


def form_cookie(settings: ReviewSettings) -> str:
    """Return the name of the cookie that forms are tied to before there is a session."""
    return f"{session_cookie(settings)}-form"


def token_in(cookies: Mapping[str, str], name: str) -> str | None:
    """Return a token that a browser sent, None if there is none or it is none of ours."""
    value = cookies.get(name, "")
    return value if _TOKEN.fullmatch(value) else None


def keep(response: Response, settings: ReviewSettings, name: str, token: str) -> None:
    """Give a browser a token until it is closed."""
    response.set_cookie(name, token, httponly=True, samesite="lax", secure=settings.behind_tls, path="/")


def keep_language(response: Response, settings: ReviewSettings, language: Language) -> None:
    """Let a browser remember the language for a year."""
    response.set_cookie(
        LANGUAGE, language, max_age=_YEAR, httponly=True, samesite="lax", secure=settings.behind_tls, path="/"
    )


def forget(response: Response, settings: ReviewSettings, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(name, httponly=True, samesite="lax", secure=settings.behind_tls, path="/")
