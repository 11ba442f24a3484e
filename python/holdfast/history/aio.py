"""What a repository of prompts does, awaited."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Unpack

from .models import HistoryPage, HistoryStatistics, PromptHistory
from .query import Filters, Query, boundary, is_id, make_query, most, parsed
from .repository import checked


class AsyncPromptRepository(ABC):
    """The same verbs as those of `PromptRepository`, for the tasks of event loops."""

    async def save(self, record: PromptHistory) -> int:
        """Keep a record and return its id; see `PromptRepository.save`."""
        return (await self._insert(checked([record])))[0]

    async def save_many(self, records: Iterable[PromptHistory]) -> list[int]:
        """Keep records, all or none, and return their ids in order."""
        batch = checked(records)
        return await self._insert(batch) if batch else []

    async def find_by_id(self, record_id: int) -> PromptHistory | None:
        """Return a record, or None."""
        return await self._find(record_id) if is_id(record_id) else None

    async def find_recent(
        self,
        limit: int = 50,
        offset: int = 0,
        *,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> HistoryPage:
        """Return a page of the newest records; see `PromptRepository.find_recent`."""
        return await self._page(make_query(limit=limit, offset=offset, cursor=cursor, **filters))

    async def find_by_date_range(
        self,
        start: datetime | None,
        end: datetime | None,
        limit: int = 50,
        offset: int = 0,
        *,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> HistoryPage:
        """Return a page of the records from `start` on and before `end`; None is without bound."""
        return await self._page(
            make_query(start=start, end=end, limit=limit, offset=offset, cursor=cursor, **filters)
        )

    async def search(
        self,
        text: str,
        limit: int = 50,
        offset: int = 0,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> HistoryPage:
        """Return a page of the records that have all words; see `PromptRepository.search`."""
        return await self._page(
            make_query(
                text=parsed(text),
                start=start,
                end=end,
                limit=limit,
                offset=offset,
                cursor=cursor,
                **filters,
            )
        )

    async def get_statistics(
        self,
        *,
        text: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        **filters: Unpack[Filters],
    ) -> HistoryStatistics:
        """Count records, and average their numbers; with `text`, those that a search finds."""
        wanted = None if text is None else parsed(text)
        return await self._statistics(make_query(text=wanted, start=start, end=end, **filters))

    async def delete(self, record_id: int) -> bool:
        """Delete a record; whether it was there."""
        return is_id(record_id) and await self._delete(record_id)

    async def delete_old(self, days: float = 30, *, now: datetime | None = None) -> int:
        """Delete the records that are older than some days; see `PromptRepository.delete_old`."""
        return await self._delete_before(boundary(days, now))

    async def trim(self, *, max_records: int | None = None, max_bytes: int | None = None) -> int:
        """Delete the oldest records until so many are left; see `PromptRepository.trim`."""
        return await self._trim(most("max_records", max_records), most("max_bytes", max_bytes))

    @abstractmethod
    async def _insert(self, records: list[PromptHistory]) -> list[int]: ...

    @abstractmethod
    async def _find(self, record_id: int) -> PromptHistory | None: ...

    @abstractmethod
    async def _page(self, query: Query) -> HistoryPage: ...

    @abstractmethod
    async def _statistics(self, query: Query) -> HistoryStatistics: ...

    @abstractmethod
    async def _delete(self, record_id: int) -> bool: ...

    @abstractmethod
    async def _delete_before(self, end: str) -> int: ...

    @abstractmethod
    async def _trim(self, max_records: int | None, max_bytes: int | None) -> int: ...
