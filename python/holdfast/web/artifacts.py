"""Endpoints about artifacts, but for the sync."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from ..artifacts import Artifact
from ..artifacts.filters import MOST as LONGEST_CURSOR
from .answers import Answer, ready
from .jobs import LARGEST, Limit, aware
from .markdown import render
from .problems import Refused
from .service import Service

Words = Annotated[list[str] | None, Query(max_length=100)]
Text = Annotated[str | None, Query(max_length=1000)]
#: It has a title or a path in it.
Cursor = Annotated[str | None, Query(max_length=LONGEST_CURSOR)]
Sort = Literal[
    "relevance",
    "-updated",
    "updated",
    "-created",
    "created",
    "title",
    "-title",
    "path",
    "-path",
]
#: Rows that may be skipped by counting; beyond, a cursor goes on.
FARTHEST = 1_000_000


def add(router: APIRouter, service: Service) -> None:
    """Add the endpoints."""

    @router.get("/api/v1/database/artifacts")
    def artifacts(
        type: Words = None,
        status: Words = None,
        category: Words = None,
        tag: Words = None,
        q: Text = None,
        path: Text = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        updated_after: datetime | None = None,
        updated_before: datetime | None = None,
        has_error: bool | None = None,
        sort: Sort | None = None,
        limit: Limit = 50,
        offset: Annotated[int, Query(ge=0, le=FARTHEST)] = 0,
        cursor: Cursor = None,
        facets: bool = True,
    ) -> Response:
        """List artifacts under filters, a page at a time, with the values to filter by."""
        try:
            page = service.index.query(
                type=type,
                status=status,
                category=category,
                tags=tag or (),
                text=q or None,
                path=path or None,
                created_after=aware(created_after),
                created_before=aware(created_before),
                updated_after=aware(updated_after),
                updated_before=aware(updated_before),
                has_error=has_error,
                sort=sort,
                limit=limit,
                offset=offset,
                cursor=cursor or None,
                facets=facets,
            )
        except ValueError as error:
            raise Refused(422, service.hide(str(error))) from error
        return Answer(
            {
                **page._asdict(),
                "items": [_row(service, each) for each in page.items],
                "warning": service.hide(page.warning),
            }
        )

    @router.get("/api/v1/database/artifacts/{artifact_id}")
    def artifact(artifact_id: Annotated[int, Path(ge=0, le=LARGEST)]) -> Response:
        """Show an artifact with its text, as it is and rendered."""
        document = service.index.get(artifact_id)
        return Answer(
            {
                **_row(service, document.artifact),
                "body": document.body,
                "html": render(document.body, document.artifact.path),
                "stale": document.stale,
            }
        )

    @router.get("/api/v1/database/sync-log")
    def sync_log(limit: Limit = 20) -> Response:
        """List the last syncs, the newest first."""
        return Answer({"items": service.hide(service.index.log(limit=limit))})

    @router.get("/api/v1/database/problems")
    def problems() -> Response:
        """List the files that could not be indexed, and contents that several files share."""
        return Answer(
            {
                "items": service.hide(service.index.problems()),
                "duplicates": service.index.duplicates(),
            }
        )


def _row(service: Service, artifact: Artifact) -> dict[str, object]:
    # What a file says is its author's; only what was said about it is ours.
    return {**ready(artifact), "error": service.hide(artifact.error)}
