"""The review desk as an app: its routes behind their gates, its static files, its errors as pages."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from pipeline.errors import StoreError
from pipeline.review.settings import ReviewSettings
from pipeline.review.web.guard import DeclaredOnly, Routes, attach
from pipeline.review.web.pages import STATIC, catalogue_of, error_page
from pipeline.review.web.security import Shield
from pipeline.store.database import Pool

logger = logging.getLogger(__name__)


def create_app(settings: ReviewSettings, pool: Pool, routes: Sequence[Routes]) -> FastAPI:
    """Return the app over a database; whoever calls closes the pool.

    It serves no description of itself, but `openapi()` gives it to tests.
    """
    app = FastAPI(title="gongdan review", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.settings, app.state.pool = settings, pool
    static = Mount("/static", StaticFiles(directory=STATIC), name="static")
    app.router.routes.append(static)
    attach(app, routes)
    app.add_middleware(DeclaredOnly, static=static)
    app.add_middleware(Shield, settings=settings)  # added last, it stands outermost
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreError, _unavailable)
    return app


def _error(request: Request, status: int) -> Response:
    return error_page(catalogue_of(request, request.app.state.settings.language), status)


def _refused(request: Request, error: Exception) -> Response:
    """Answer what a gate, a handler or the router raised; its detail stays here."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    response = _error(request, status) if status >= HTTPStatus.BAD_REQUEST else Response(status_code=status)
    response.headers.update(headers or {})
    return response


def _invalid(request: Request, _: Exception) -> Response:
    return _error(request, HTTPStatus.UNPROCESSABLE_ENTITY)


def _unavailable(request: Request, error: Exception) -> Response:
    logger.error("the database did not answer: %s", error.code if isinstance(error, StoreError) else "")
    return _error(request, HTTPStatus.SERVICE_UNAVAILABLE)
