"""Repositories in memory: for tests, and for a service that keeps nothing."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import fsum
from threading import Lock
from typing import TypeVar

from .aio import AsyncPromptRepository
from .errors import RepositoryConstraintError
from .models import MOST, HistoryPage, HistoryStatistics, PromptHistory, stamp
from .query import Query, cursor_after
from .repository import PromptRepository
from .rows import size_of, texts_of
from .search import found_in

T = TypeVar("T", bound=str)

Key = tuple[str, int]


class InMemoryRepository(PromptRepository):
    """Keeps records in memory, and answers as `HoldfastRepository` does.

    >>> repository = InMemoryRepository()
    >>> repository.save(PromptHistory(
    ...     original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
    ...     model="llama3", provider="ollama",
    ... ))
    1
    >>> repository.search("SONNET").total
    1
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: dict[int, PromptHistory] = {}
        #: Time and id of each, the oldest first.
        self._keys: list[Key] = []
        self._last_id = 0

    def _insert(self, records: list[PromptHistory]) -> list[int]:
        with self._lock:
            last, new = self._last_id, dict[int, PromptHistory]()
            for record in records:
                number = last + 1 if record.id is None else record.id
                if number in new or number in self._records:
                    raise RepositoryConstraintError(f"there is a record with the id {number}")
                if number > MOST:
                    raise RepositoryConstraintError("there is no greater id to give")
                new[number] = record if record.id == number else replace(record, id=number)
                last = max(last, number)
            self._last_id = last
            self._records |= new
            for number, record in new.items():
                insort(self._keys, (stamp(record.timestamp), number))
        return list(new)

    def _find(self, record_id: int) -> PromptHistory | None:
        return self._records.get(record_id)

    def _page(self, query: Query) -> HistoryPage:
        found = list(self._fitting(query))
        total = len(found)
        if query.after is not None:
            found = [each for each in found if _key(each) < query.after]
        items = tuple(found[query.offset : query.offset + query.limit])
        more = len(found) > query.offset + len(items)
        return HistoryPage(items, total, cursor_after(items) if items and more else None)

    def _statistics(self, query: Query) -> HistoryStatistics:
        found = list(self._fitting(query))
        return HistoryStatistics(
            len(found),
            sum(map(size_of, found)),
            _average(each.latency_ms for each in found),
            _average(each.confidence for each in found),
            _average(each.quality_score for each in found),
            sum(each.input_tokens or 0 for each in found),
            sum(each.output_tokens or 0 for each in found),
            _counted(each.provider for each in found),
            _counted(each.backend for each in found),
            _counted(each.model for each in found),
            found[-1].timestamp if found else None,
            found[0].timestamp if found else None,
        )

    def _fitting(self, query: Query) -> Iterator[PromptHistory]:
        """The records that a query lets through, the newest first."""
        with self._lock:
            records = [self._records[number] for _, number in reversed(self._keys)]
        for record in records:
            when = stamp(record.timestamp)
            if (
                (query.provider is None or record.provider == query.provider)
                and (query.backend is None or record.backend == query.backend)
                and (query.model is None or record.model == query.model)
                and (
                    query.conversation_id is None or record.conversation_id == query.conversation_id
                )
                and (query.start is None or when >= query.start)
                and (query.end is None or when < query.end)
                and (query.text is None or found_in(query.text, texts_of(record)))
            ):
                yield record

    def _delete(self, record_id: int) -> bool:
        with self._lock:
            record = self._records.pop(record_id, None)
            if record is not None:
                del self._keys[bisect_left(self._keys, _key(record))]
        return record is not None

    def _delete_before(self, end: str) -> int:
        with self._lock:
            return self._drop(bisect_left(self._keys, (end, 0)))

    def _trim(self, max_records: int | None, max_bytes: int | None) -> int:
        with self._lock:
            kept, left = 0, max_bytes
            for _, number in reversed(self._keys):
                left = None if left is None else left - size_of(self._records[number])
                if kept == max_records or (left is not None and left < 0):
                    break
                kept += 1
            return self._drop(len(self._keys) - kept)

    def _drop(self, number: int) -> int:
        for _, record_id in self._keys[:number]:
            del self._records[record_id]
        del self._keys[:number]
        return number


class AsyncInMemoryRepository(AsyncPromptRepository):
    """`InMemoryRepository` for event loops."""

    def __init__(self) -> None:
        self._kept = InMemoryRepository()

    async def _insert(self, records: list[PromptHistory]) -> list[int]:
        return self._kept._insert(records)

    async def _find(self, record_id: int) -> PromptHistory | None:
        return self._kept._find(record_id)

    async def _page(self, query: Query) -> HistoryPage:
        return self._kept._page(query)

    async def _statistics(self, query: Query) -> HistoryStatistics:
        return self._kept._statistics(query)

    async def _delete(self, record_id: int) -> bool:
        return self._kept._delete(record_id)

    async def _delete_before(self, end: str) -> int:
        return self._kept._delete_before(end)

    async def _trim(self, max_records: int | None, max_bytes: int | None) -> int:
        return self._kept._trim(max_records, max_bytes)


def _key(record: PromptHistory) -> Key:
    return stamp(record.timestamp), record.id or 0


def _average(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None


def _counted(values: Iterable[T]) -> dict[T, int]:
    return dict(sorted(Counter(values).items(), key=lambda each: (-each[1], each[0])))
