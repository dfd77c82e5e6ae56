"""What every answer carries, and what is refused before anybody looks at it."""

import logging
import re
import traceback
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.review.settings import ReviewSettings
from pipeline.review.web.pages import catalogue_of, error_page

logger = logging.getLogger(__name__)

BODY_LIMIT = 1_000_000  # bytes; the longest note is a thousandth of it
SAFE = ("GET", "HEAD")
_CONTENT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _CONTENT,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with that, browsers send `Origin: null` with our own forms. Other hosts learn as little.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_STRICT_TRANSPORT = "max-age=31536000"
_UTF8 = re.compile(r'[^;]+; *charset="?utf-8"?')
_KEPT, _NOT_KEPT = "public, max-age=86400", "no-store"


class _TooLargeError(Exception):
    """More was sent than is read."""


class Shield:
    """Stands around the whole app: headers on every answer, a limit for what is sent, no other host's forms."""

    def __init__(self, app: ASGIApp, settings: ReviewSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body read, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, behind_tls=self._settings.behind_tls)
        try:
            if scope["method"] not in SAFE and is_foreign(Headers(scope=scope)):
                await self._refuse(HTTPStatus.FORBIDDEN, scope, receive, answer)
            elif not is_in_utf8(Headers(scope=scope).get("content-type", "")):
                await self._refuse(HTTPStatus.BAD_REQUEST, scope, receive, answer)
            else:
                await self._app(scope, replayed(await body_of(scope, receive), receive), answer)
        except _TooLargeError:
            await self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, scope, receive, answer)
        except Exception as error:
            logger.error("a page failed: %s", where(error))
            if not answer.started:
                await self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, scope, receive, answer)

    async def _refuse(self, status: HTTPStatus, scope: Scope, receive: Receive, send: Send) -> None:
        page = error_page(catalogue_of(Request(scope), self._settings.language), status)
        await page(scope, receive, send)


class _Answer:
    """Sends an answer on, with our headers."""

    def __init__(self, scope: Scope, send: Send, *, behind_tls: bool) -> None:
        self._send = send
        self._behind_tls = behind_tls
        self._static = scope["path"].startswith("/static/")
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            is_kept = self._static and message["status"] < HTTPStatus.BAD_REQUEST
            headers["Cache-Control"] = _KEPT if is_kept else _NOT_KEPT
            if self._behind_tls:
                headers["Strict-Transport-Security"] = _STRICT_TRANSPORT
        await self._send(message)


def is_foreign(headers: Headers) -> bool:
    """Tell whether a form comes from a page of another host; browsers say so, each in its own way."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    except ValueError:
        return True


def is_in_utf8(content_type: str) -> bool:
    """Tell whether a form is in UTF-8, as browsers send ours; by other codecs of Python it could hold half characters.

    >>> is_in_utf8("multipart/form-data; boundary=b"), is_in_utf8("multipart/form-data; boundary=b; charset=utf-7")
    (True, False)
    """
    kind = content_type.lower()
    return "charset" not in kind or _UTF8.fullmatch(kind) is not None


async def body_of(scope: Scope, receive: Receive) -> bytes:
    """Read what was sent, as far as it is allowed to go; raises _TooLargeError."""
    announced = Headers(scope=scope).get("content-length", "0")
    if announced.isdecimal() and int(announced) > BODY_LIMIT:
        raise _TooLargeError
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > BODY_LIMIT:
            raise _TooLargeError
    return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return what hands out a body that was read, and then whatever else comes."""
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return rest.pop() if rest else await receive()

    return again


def where(error: BaseException) -> str:
    """Return the kind of an error and where it arose, without its text."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    return f"{type(error).__name__} at " + " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
