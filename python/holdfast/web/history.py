"""Endpoints about the history of prompts."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Path, Query, Response

from ..history import BackendType, HistoryPage, PromptHistory, PromptRepository
from ..history.models import MOST
from .answers import Answer, ready
from .artifacts import FARTHEST, Text
from .excerpts import excerpts
from .jobs import Limit, aware
from .problems import Refused
from .service import Service

Name = Annotated[str | None, Query(max_length=1000)]
Id = Annotated[int, Path(ge=1, le=MOST)]
#: Characters of the texts of a list: what is longer is in the record itself.
SHOWN = 400
#: Periods of a timeline, at most.
PERIODS = 100
#: What a search looks into.
TEXTS = ("original_idea", "improved_prompt", "context", "role", "directive", "framework")


class Filters(NamedTuple):
    """Which records."""

    q: str | None
    start: datetime | None
    end: datetime | None
    by: dict[str, Any]

    def find(self, history: PromptRepository, **page: Any) -> HistoryPage:
        """Read a page of them."""
        if self.q is not None:
            return history.search(self.q, start=self.start, end=self.end, **self.by, **page)
        return history.find_by_date_range(self.start, self.end, **self.by, **page)


def filters(
    q: Text = None,
    provider: Name = None,
    backend: BackendType | None = None,
    model: Name = None,
    conversation_id: Name = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Filters:
    """Read which records are asked for; what is empty lets all through."""
    by = {
        "provider": provider or None,
        "backend": backend,
        "model": model or None,
        "conversation_id": conversation_id or None,
    }
    return Filters(q or None, aware(start), aware(end), by)


Asked = Annotated[Filters, Depends(filters)]


def add(router: APIRouter, service: Service) -> None:
    """Add the endpoints."""

    @router.get("/api/v1/history")
    def history(
        asked: Asked,
        limit: Limit = 50,
        offset: Annotated[int, Query(ge=0, le=FARTHEST)] = 0,
        cursor: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        """List records under filters, the newest first, a page at a time."""
        with _checked(service):
            page = asked.find(service.history, limit=limit, offset=offset, cursor=cursor or None)
        items = [_row(record, asked.q) for record in page.items]
        return Answer({"items": items, "total": page.total, "cursor": page.cursor})

    @router.get("/api/v1/history/statistics")
    def statistics(asked: Asked) -> Response:
        """Count records, and average their numbers."""
        with _checked(service):
            found = service.history.get_statistics(
                text=asked.q, start=asked.start, end=asked.end, **asked.by
            )
        return Answer(found)

    @router.get("/api/v1/history/timeline")
    def timeline(
        asked: Asked, at: Annotated[list[datetime], Query(min_length=2, max_length=PERIODS + 1)]
    ) -> Response:
        """Count the records from each of some times until the next."""
        times = [moment for moment in map(aware, at) if moment is not None]
        items: list[dict[str, Any]] = []
        with _checked(service):
            for start, end in pairwise(times):
                if end <= start:
                    raise Refused(422, "at: each time is later than the one before")
                first = max(start, asked.start or start)
                last = min(end, asked.end or end)
                period = asked._replace(start=first, end=last)
                count = period.find(service.history, limit=1).total if first < last else 0
                items.append({"start": start, "end": end, "count": count})
        return Answer({"items": items})

    @router.get("/api/v1/history/{record_id}")
    def record(record_id: Id) -> Response:
        """Show a record."""
        found = service.history.find_by_id(record_id)
        if found is None:
            raise _gone(record_id)
        return Answer(whole(found))

    @router.delete("/api/v1/history/{record_id}", status_code=204)
    def delete(record_id: Id) -> Response:
        """Delete a record."""
        if not service.history.delete(record_id):
            raise _gone(record_id)
        return Response(status_code=204)


def whole(record: PromptHistory) -> dict[str, Any]:
    """A record as an object."""
    return ready({**asdict(record), "quality_score": record.quality_score})


def _row(record: PromptHistory, q: str | None) -> dict[str, Any]:
    """A record as a row of a list: without most of its texts, but with what was found in them."""
    texts = {name: getattr(record, name) for name in TEXTS}
    texts |= {"guardrails": "\n".join(record.guardrails), "reasoning": record.reasoning or ""}
    found = whole(record)
    for name in texts:
        del found[name]
    shown = {name: texts[name][:SHOWN] for name in ("original_idea", "improved_prompt")}
    return {**found, **shown, "found": ready(excerpts(q, texts) if q else {})}


@contextmanager
def _checked(service: Service) -> Generator[None]:
    try:
        yield
    except ValueError as error:
        raise Refused(422, service.hide(str(error))) from error


def _gone(record_id: int) -> Refused:
    return Refused(404, f"there is no record {record_id}; it may have been deleted")
