"""Endpoints about the history of prompts: its own, and those that a page needs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from ..history import BackendType, HistoryPage, HistoryStatistics, PromptHistory, PromptRepository
from ..history import routes as history_routes
from .answers import Answer
from .artifacts import FARTHEST, Text
from .excerpts import excerpts
from .jobs import Limit, aware
from .problems import Refused
from .service import Service

Name = Annotated[str | None, Query(max_length=1000)]
#: Characters of the texts of a list: what is longer is in the record itself.
SHOWN = 400
#: Periods of which the records are counted, at most.
PERIODS = 100
FACETS = ("provider", "backend", "model")
#: What a search looks into, beside guardrails and reasoning.
TEXTS = ("original_idea", "improved_prompt", "context", "role", "directive", "framework")


@dataclass(frozen=True, slots=True)
class Filters:
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

    def statistics(self, history: PromptRepository) -> HistoryStatistics:
        """Count them, and average their numbers."""
        return history.get_statistics(text=self.q, start=self.start, end=self.end, **self.by)

    def without(self, name: str) -> Filters:
        """The same, but for one filter."""
        return replace(self, by={**self.by, name: None})


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

    @router.get("/api/v1/history/excerpts")
    def excerpts_(
        asked: Asked,
        limit: Limit = 50,
        offset: Annotated[int, Query(ge=0, le=FARTHEST)] = 0,
        cursor: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        """List records without most of their texts, but with what was found in them."""
        with _checked(service):
            page = asked.find(service.history, limit=limit, offset=offset, cursor=cursor or None)
        items = [_excerpt(record, asked.q) for record in page.items]
        return Answer({"items": items, "total": page.total, "cursor": page.cursor})

    @router.get("/api/v1/history/overview")
    def overview(
        asked: Asked, at: Annotated[list[datetime] | None, Query(max_length=PERIODS + 1)] = None
    ) -> Response:
        """Tell statistics, the values to filter by, and how many records are between some times."""
        history = service.history
        with _checked(service):
            found = asked.statistics(history)
            return Answer(
                {
                    "statistics": found,
                    "facets": {name: _facet(history, asked, found, name) for name in FACETS},
                    "periods": _periods(history, asked, at or []),
                }
            )

    def repository() -> PromptRepository:
        return service.history

    # The guard of the router says who may delete.
    history_routes.add(router, repository, delete=lambda: None)


def _facet(
    history: PromptRepository, asked: Filters, found: HistoryStatistics, name: str
) -> list[dict[str, Any]]:
    """The values that a filter could have under the others."""
    if asked.by[name] is not None:
        found = asked.without(name).statistics(history)
    counts: dict[str, int] = getattr(found, f"by_{name}")
    return [{"value": value, "count": count} for value, count in counts.items()]


def _periods(history: PromptRepository, asked: Filters, at: list[datetime]) -> list[dict[str, Any]]:
    """How many records there are from each time until the next, whatever period is asked for."""
    times = [moment for moment in map(aware, at) if moment is not None]
    if any(end <= start for start, end in pairwise(times)):
        raise Refused(422, "at: each time is later than the one before")
    return [
        {
            "start": start,
            "end": end,
            "count": replace(asked, start=start, end=end).find(history, limit=1).total,
        }
        for start, end in pairwise(times)
    ]


def _excerpt(record: PromptHistory, q: str | None) -> dict[str, Any]:
    texts: dict[str, str] = {name: getattr(record, name) for name in TEXTS}
    texts |= {"guardrails": "\n".join(record.guardrails), "reasoning": record.reasoning or ""}
    return {
        "id": record.id,
        "timestamp": record.timestamp,
        "provider": record.provider,
        "model": record.model,
        "backend": record.backend,
        "conversation_id": record.conversation_id,
        "confidence": record.confidence,
        "quality_score": record.quality_score,
        "latency_ms": record.latency_ms,
        "input_tokens": record.input_tokens,
        "output_tokens": record.output_tokens,
        "original_idea": record.original_idea[:SHOWN],
        "improved_prompt": record.improved_prompt[:SHOWN],
        "found": excerpts(q, texts) if q else {},
    }


@contextmanager
def _checked(service: Service) -> Generator[None]:
    try:
        yield
    except ValueError as error:
        raise Refused(422, service.hide(str(error))) from error
