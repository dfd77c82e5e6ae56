"""Templates become pages: in the reader's language, with everything that is not ours escaped."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.review.catalogue import LANGUAGES, Catalogue
from pipeline.review.settings import Language
from pipeline.review.web.cookies import LANGUAGE

_HERE = Path(__file__).resolve().parent.parent
STATIC = _HERE / "static"
TEMPLATES = _HERE / "templates"
_VERSION_DIGITS = 12


def catalogue_of(request: Request, default: Language) -> Catalogue:
    """Return the texts of the language that a browser chose."""
    chosen = request.cookies.get(LANGUAGE)
    return Catalogue.load(next((language for language in LANGUAGES if language == chosen), default))


def page(template: str, context: Mapping[str, object], status: int = HTTPStatus.OK) -> HTMLResponse:
    """Render a template; what it names and `context` lacks is an error."""
    return HTMLResponse(environment().get_template(template).render(context), status)


def error_page(catalogue: Catalogue, status: int) -> HTMLResponse:
    """Return the page of an error: what to do, and nothing of what was asked or found."""
    key = f"error.{status if f'error.{status}.title' in catalogue.texts else 400 if status < 500 else 500}"
    return page("error.html", {"catalogue": catalogue, "t": catalogue.t, "key": key, "status": status}, status)


@cache
def environment() -> Environment:
    """Return where templates come from, with the filters they use; made once."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["local"] = local
    made.globals |= {"static": static_path, "languages": LANGUAGES}
    return made


def local(at: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time of the database as this machine's clock shows it."""
    return at.replace(tzinfo=UTC).astimezone().strftime(form)


@cache
def static_path(name: str) -> str:
    """Return the address of a static file, another one when its content is another: browsers may keep it."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:_VERSION_DIGITS]}"
