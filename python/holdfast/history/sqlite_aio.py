"""The repository in a Holdfast database, for the tasks of event loops."""

from __future__ import annotations

from ..aio import AsyncDatabase
from . import statements
from .aio import AsyncPromptRepository
from .errors import translated
from .models import HistoryPage, HistoryStatistics, PromptHistory
from .query import Query
from .rows import INSERT, inserts, page_of, record_of, row_of, statistics_of
from .sqlite import COMPONENT, PAGES, PATIENCE, SCHEMA, VERSION, Pace, merges


class AsyncHoldfastRepository(AsyncPromptRepository):
    """Keeps records in the table `prompt_history`; see `HoldfastRepository`.

    >>> repository = AsyncHoldfastRepository(db)
    >>> await repository.save(PromptHistory(
    ...     original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
    ...     model="llama3", provider="ollama",
    ... ))
    1
    """

    def __init__(self, db: AsyncDatabase, *, timeout: float | None = None) -> None:
        self._db = db
        self._timeout = timeout
        self._ready = False

    async def migrate(self) -> None:
        """Make the table, or bring it up to date; the first use does so too."""
        with translated:
            version = await self._db.schema_version(COMPONENT)
            if version != VERSION:
                patience = PATIENCE if self._timeout is None else self._timeout
                await self._db.migrate(
                    SCHEMA, component=COMPONENT, backup=version > 0, timeout=patience
                )
        self._ready = True

    async def _opened(self) -> AsyncDatabase:
        if not self._ready:
            await self.migrate()
        return self._db

    async def _insert(self, records: list[PromptHistory]) -> list[int]:
        db = await self._opened()
        with translated:
            if len(records) == 1:
                return [await db.fetch_value(INSERT, row_of(records[0]), timeout=self._timeout)]
            rows = [row_of(record) for record in records]
            async with db.transaction(timeout=self._timeout) as tx:
                if any(record.id is not None for record in records):
                    return [await tx.fetch_value(INSERT, row) for row in rows]
                for sql, values in inserts(rows):
                    await tx.execute(sql, values)
                last: int = await tx.fetch_value(statements.LAST_ID)
                return list(range(last - len(rows) + 1, last + 1))

    async def _find(self, record_id: int) -> PromptHistory | None:
        db = await self._opened()
        with translated:
            row = await db.fetch_one(statements.FIND, [record_id], timeout=self._timeout)
        return None if row is None else record_of(row)

    async def _page(self, query: Query) -> HistoryPage:
        db = await self._opened()
        with translated:
            async with db.snapshot(timeout=self._timeout) as snap:
                total: int = await snap.fetch_value(*statements.count(query))
                rows = await snap.fetch_all(*statements.page(query))
        return page_of(query, rows, total)

    async def _statistics(self, query: Query) -> HistoryStatistics:
        db = await self._opened()
        with translated:
            async with db.snapshot(timeout=self._timeout) as snap:
                sums = (await snap.fetch_all(*statements.sums(query)))[0]
                counts = await snap.fetch_all(*statements.counts(query))
        return statistics_of(sums, counts)

    async def _delete(self, record_id: int) -> bool:
        db = await self._opened()
        with translated:
            return await db.execute(statements.DELETE, [record_id], timeout=self._timeout) > 0

    async def _delete_before(self, end: str) -> int:
        return await self._delete_up_to(end, 0)

    async def _trim(self, max_records: int | None, max_bytes: int | None) -> int:
        db = await self._opened()
        deleted = 0
        for sql, bound in statements.beyond(max_records, max_bytes):
            with translated:
                newest = await db.fetch_one(sql, bound, timeout=self._timeout)
            if newest is not None:
                deleted += await self._delete_up_to(*newest)
        return deleted

    async def _delete_up_to(self, timestamp: str, record_id: int) -> int:
        db = await self._opened()
        pace = Pace()
        with translated:
            while pace.goes_on:
                batch = [timestamp, record_id, pace.batch]
                async with db.transaction(timeout=self._timeout) as tx:
                    pace.begin()
                    pace.done(await tx.fetch_all(statements.DELETE_OLDEST, batch))
            if pace.deleted:
                await self._merge(pace.bytes)
                last = await db.vacuum(PAGES, timeout=self._timeout)
                while last.reclaimed and last.free_after:
                    last = await db.vacuum(PAGES, timeout=self._timeout)
        return pace.deleted

    async def _merge(self, size: int) -> None:
        for pages in merges(size):
            async with self._db.transaction(timeout=self._timeout) as tx:
                before: int = await tx.fetch_value(statements.CHANGES)
                await tx.execute(statements.MERGE, [pages])
                if await tx.fetch_value(statements.CHANGES) - before < 2:
                    return
