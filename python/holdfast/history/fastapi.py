"""A history in a FastAPI application: its lifespan, its dependencies, its endpoints."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

try:
    from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response
    from starlette.requests import HTTPConnection
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f'a history in an app needs {missing.name}: pip install "holdfast[history,web]"',
        name=missing.name,
    ) from missing

from ..metrics import FORMAT, text
from .errors import RepositoryConnectionError
from .metrics import measured
from .problems import LATER, HistoryRoute, Json
from .repository import PromptRepository
from .routes import add
from .service import History

if TYPE_CHECKING:
    from .settings import HistorySettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@cache
def get_settings() -> HistorySettings:
    """The settings, read once from the environment and `.env`.

    `get_settings.cache_clear()` has them read again. Raises InvalidSettingsError.

    >>> get_settings() is get_settings()
    True
    """
    from .settings import HistorySettings

    return HistorySettings()


def lifespan(
    settings: HistorySettings | None = None, *, history: History | None = None
) -> Lifespan:
    """Make the lifespan of an app that has a history: opened at its start, closed at its end.

    The history is made of `settings`, by default what `get_settings` gives, or its override in the
    app; or it is `history`, which is then closed too. Wrong settings end the start; a file that
    cannot be opened does not.

    >>> app = FastAPI(lifespan=lifespan())
    """

    @asynccontextmanager
    async def with_history(app: FastAPI) -> AsyncGenerator[None]:
        made = history
        if made is None:
            overrides = getattr(app, "dependency_overrides", {})
            read = overrides.get(get_settings, get_settings)
            made = History.of(read() if settings is None else settings)
        app.state.holdfast_history = made
        try:
            async with made:
                yield
        finally:
            del app.state.holdfast_history

    return with_history


async def get_history(connection: HTTPConnection) -> History:
    """The history of the app, to save records: `history.save(record)` never waits."""
    history = getattr(connection.app.state, "holdfast_history", None)
    if not isinstance(history, History):
        raise RuntimeError(
            "the app has no history now: FastAPI(lifespan=holdfast.history.lifespan()), or enter "
            "it in the app's own lifespan"
        )
    return history


async def get_repository(
    history: Annotated[History, Depends(get_history)],
) -> PromptRepository:
    """The records of the app's history; 503 while its file cannot be opened."""
    try:
        return history.repository
    except RepositoryConnectionError as error:
        raise HTTPException(503, str(error), {"Retry-After": str(LATER)}) from error


def router(
    *, read: Callable[..., Any] | None = None, delete: Callable[..., Any] | None = None
) -> APIRouter:
    """Make a router with the history and its health, to include in an app under any prefix.

    Args:
        read: A dependency that raises for who may not read; everybody may by default. The health
            has no content, and is for everybody.
        delete: One that raises for who may not delete; without it, nobody can.

    >>> app = FastAPI(lifespan=lifespan())
    >>> app.include_router(router(delete=lambda: None))
    """
    made = APIRouter(route_class=HistoryRoute, tags=["history"])
    records = APIRouter(
        route_class=HistoryRoute, dependencies=[] if read is None else [Depends(read)]
    )
    add(records, get_repository, delete=delete)

    @made.get("/health/repository")
    async def health(history: Annotated[History, Depends(get_history)]) -> Json:
        """Tell how the history is doing: the app itself is well whatever this says."""
        return Json(history.health()._asdict())

    @made.get("/metrics/repository")
    async def metrics(history: Annotated[History, Depends(get_history)]) -> Response:
        """Tell a monitoring system how the history is doing."""
        return Response(text(measured(history.health())), media_type=FORMAT)

    made.include_router(records)
    return made
