"""What a repository of prompts does, whatever keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Unpack

from .models import HistoryPage, HistoryStatistics, PromptHistory
from .query import Filters, Query, boundary, is_id, make_query, most, parsed


class PromptRepository(ABC):
    """Keeps records and finds them again; the newest first, of equal times the greatest id.

    What is asked for is checked here, so that every implementation answers alike: it raises
    ValueError for what makes no sense, and RepositoryError for what went wrong. Any thread may
    call it. An implementation has the methods whose names begin with an underscore.
    """

    def save(self, record: PromptHistory) -> int:
        """Keep a record and return its id.

        A record that has an id keeps it; RepositoryConstraintError where that is taken.
        """
        return self._insert(checked([record]))[0]

    def save_many(self, records: Iterable[PromptHistory]) -> list[int]:
        """Keep records, all or none, and return their ids in order."""
        batch = checked(records)
        return self._insert(batch) if batch else []

    def find_by_id(self, record_id: int) -> PromptHistory | None:
        """Return a record, or None."""
        return self._find(record_id) if is_id(record_id) else None

    def find_recent(
        self,
        limit: int = 50,
        offset: int = 0,
        *,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> HistoryPage:
        """Return a page of the newest records.

        The `cursor` of a page leads to the one after it, though records come and go meanwhile.
        """
        return self._page(make_query(limit=limit, offset=offset, cursor=cursor, **filters))

    def find_by_date_range(
        self,
        start: datetime | None,
        end: datetime | None,
        limit: int = 50,
        offset: int = 0,
        *,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> HistoryPage:
        """Return a page of the records from `start` on and before `end`; None is without bound.

        Times are compared as instants; one without a zone is refused.
        """
        return self._page(
            make_query(start=start, end=end, limit=limit, offset=offset, cursor=cursor, **filters)
        )

    def search(
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
        """Return a page of the records that have all words of a text, the newest first.

        Also "a phrase", begin* and -without; case and accents make no difference, nothing is a
        syntax error, and a text without a word finds nothing.
        """
        return self._page(
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

    def get_statistics(
        self,
        *,
        text: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        **filters: Unpack[Filters],
    ) -> HistoryStatistics:
        """Count records, and average their numbers; with `text`, those that a search finds."""
        wanted = None if text is None else parsed(text)
        return self._statistics(make_query(text=wanted, start=start, end=end, **filters))

    def delete(self, record_id: int) -> bool:
        """Delete a record; whether it was there."""
        return is_id(record_id) and self._delete(record_id)

    def delete_old(self, days: float = 30, *, now: datetime | None = None) -> int:
        """Delete the records that are older than some days, and return their number.

        One that is exactly as old stays. What was deleted when an error is raised stays deleted.
        """
        return self._delete_before(boundary(days, now))

    def trim(self, *, max_records: int | None = None, max_bytes: int | None = None) -> int:
        """Delete the oldest records until so many are left, or so many bytes of texts.

        Returns how many it has deleted.
        """
        return self._trim(most("max_records", max_records), most("max_bytes", max_bytes))

    def tidy(self) -> bool:
        """Do a little of what saving puts off, in a moment; whether there may be more to do.

        A `HistoryWriter` calls it; records are found with and without.
        """
        return False

    @abstractmethod
    def _insert(self, records: list[PromptHistory]) -> list[int]: ...

    @abstractmethod
    def _find(self, record_id: int) -> PromptHistory | None: ...

    @abstractmethod
    def _page(self, query: Query) -> HistoryPage: ...

    @abstractmethod
    def _statistics(self, query: Query) -> HistoryStatistics: ...

    @abstractmethod
    def _delete(self, record_id: int) -> bool: ...

    @abstractmethod
    def _delete_before(self, end: str) -> int: ...

    @abstractmethod
    def _trim(self, max_records: int | None, max_bytes: int | None) -> int: ...


def checked(records: Iterable[PromptHistory]) -> list[PromptHistory]:
    """The records as a list. Raises TypeError for what is none."""
    batch = list(records)
    for record in batch:
        if not isinstance(record, PromptHistory):
            raise TypeError(f"a repository keeps PromptHistory, not {type(record).__name__}")
    return batch
