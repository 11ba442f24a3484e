"""A ready application around the router."""

from __future__ import annotations

from typing import Unpack

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ..database import Database
from .problems import of_http
from .router import Settings, router
from .routes import finished


def app(db: Database, **settings: Unpack[Settings]) -> FastAPI:
    """Make an application that is the dashboard of a database; settings as for `router`.

    >>> app(db, read_only=True).title
    'Holdfast: example.db'
    """
    # The pages of FastAPI's documentation load scripts from another host.
    made = FastAPI(
        title=f"Holdfast: {db.path.name}",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    made.include_router(router(db, **settings))

    @made.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> Response:
        return finished(of_http(error))

    return made
