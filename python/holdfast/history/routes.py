"""Endpoints about a history: what was kept, found again, counted and deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Response

from .models import MOST, BackendType, HistoryPage, PromptHistory
from .problems import Json
from .repository import PromptRepository

T = TypeVar("T")

#: Records of a page, and records before it, at most.
LARGEST, FARTHEST = 200, 1_000_000
#: Threads that read at once: however slow the file is, the app's own threads are left to the app.
READERS = 4

Name = Annotated[str | None, Query(max_length=1000)]
Text = Annotated[str, Query(max_length=1000)]
Id = Annotated[int, Path(ge=1, le=MOST)]


def filters(
    start: datetime | None = None,
    end: datetime | None = None,
    provider: Name = None,
    backend: BackendType | None = None,
    model: Name = None,
    conversation_id: Name = None,
) -> dict[str, Any]:
    """Read which records are asked for; what is empty lets all through."""
    return {
        "start": _aware(start),
        "end": _aware(end),
        "provider": provider or None,
        "backend": backend,
        "model": model or None,
        "conversation_id": conversation_id or None,
    }


def page(
    limit: Annotated[int, Query(ge=1, le=LARGEST)] = 50,
    offset: Annotated[int, Query(ge=0, le=FARTHEST)] = 0,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """Read which page of them is asked for."""
    return {"limit": limit, "offset": offset, "cursor": cursor or None}


Filters = Annotated[dict[str, Any], Depends(filters)]
Page = Annotated[dict[str, Any], Depends(page)]


def add(
    router: APIRouter,
    repository_of: Callable[..., Any],
    *,
    delete: Callable[..., Any] | None = None,
) -> None:
    """Add the endpoints to a router.

    `repository_of` is a dependency that gives the repository. `delete` is one that raises for who
    may not delete; without it, nobody can.

    >>> from fastapi import APIRouter
    >>> router = APIRouter()
    >>> add(router, lambda: None)
    >>> [route.path for route in router.routes][:2]
    ['/api/v1/history', '/api/v1/history/search']
    """

    given = Depends(repository_of)

    @router.get("/api/v1/history")
    async def history(
        filters: Filters, page: Page, repository: PromptRepository = given
    ) -> Response:
        """List records, the newest first, a page at a time."""
        return _page(await _read(lambda: repository.find_by_date_range(**filters, **page)))

    @router.get("/api/v1/history/search")
    async def search(
        q: Text, filters: Filters, page: Page, repository: PromptRepository = given
    ) -> Response:
        """List the records that have all words of a text: also "a phrase", begin* and -without."""
        return _page(await _read(lambda: repository.search(q, **filters, **page)))

    @router.get("/api/v1/history/statistics")
    async def statistics(filters: Filters, repository: PromptRepository = given) -> Response:
        """Count records, and average their numbers."""
        found = await _read(lambda: repository.get_statistics(**filters))
        return Json(found._asdict())

    @router.get("/api/v1/history/{record_id}")
    async def record(record_id: Id, repository: PromptRepository = given) -> Response:
        """Show a record."""
        found = await _read(lambda: repository.find_by_id(record_id))
        if found is None:
            raise _gone(record_id)
        return Json(_whole(found))

    if delete is None:
        return

    @router.delete("/api/v1/history/{record_id}", status_code=204, dependencies=[Depends(delete)])
    async def delete_record(record_id: Id, repository: PromptRepository = given) -> Response:
        """Delete a record."""
        if not await _read(lambda: repository.delete(record_id)):
            raise _gone(record_id)
        return Response(status_code=204)


_limiter: RunVar[CapacityLimiter] = RunVar("holdfast.history.readers")


async def _read(call: Callable[[], T]) -> T:
    """Run a call in one of a few threads."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(READERS)
        _limiter.set(limiter)
    try:
        return await to_thread.run_sync(call, limiter=limiter)
    except ValueError as error:
        # What makes no sense, as the repository says; it quotes no record.
        raise HTTPException(422, str(error)) from error


def _page(page: HistoryPage) -> Response:
    items = [_whole(record) for record in page.items]
    return Json({"items": items, "total": page.total, "cursor": page.cursor})


def _whole(record: PromptHistory) -> dict[str, Any]:
    return {**asdict(record), "quality_score": record.quality_score}


def _gone(record_id: int) -> HTTPException:
    return HTTPException(404, f"there is no record {record_id}; it may have been deleted")


def _aware(when: datetime | None) -> datetime | None:
    """Take a time that names no zone for UTC."""
    try:
        return when and (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise HTTPException(422, "a time is out of range") from None
