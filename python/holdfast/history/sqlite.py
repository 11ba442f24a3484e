"""The repository in a Holdfast database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from ..database import Database
from ..upkeep import vacuum_in_cycles
from . import statements
from .errors import translated
from .models import HistoryPage, HistoryStatistics, PromptHistory
from .query import Query
from .repository import PromptRepository
from .rows import INSERT, inserts, page_of, record_of, row_of, statistics_of

SCHEMA = Path(__file__).parent / "schema"
COMPONENT = "history"
VERSION = len(list(SCHEMA.glob("*.sql")))
#: Seconds in which the table is made, waits included, where nothing else was said.
PATIENCE = 30.0
#: Seconds that a transaction which deletes holds the lane, about.
HOLD = 0.003
#: Records that one deletes at most.
BATCH = 1000
#: Pages that a cycle of the vacuum gives back.
PAGES = 200
#: Pages of the text index that a transaction merges; each has about so many bytes.
MERGE = 64
PAGE = 4096
#: Pages that are merged in a moment, after a save.
STEP = 8
#: How much of the text index is merged for what was deleted.
MERGED_PER_DELETED = 10


class HoldfastRepository(PromptRepository):
    """Keeps records in the table `prompt_history` of an open database.

    The table is made with the first use. `timeout` is in seconds, for each statement and what it
    waits for others; without it, the database's own patience. Errors of the database are
    RepositoryErrors, with the database's own as `__cause__`.

    >>> repository = HoldfastRepository(db)
    >>> repository.save(PromptHistory(
    ...     original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
    ...     model="llama3", provider="ollama",
    ... ))
    1
    >>> repository.find_recent(provider="ollama").items[0].improved_prompt
    'Write a sonnet.'
    """

    def __init__(self, db: Database, *, timeout: float | None = None) -> None:
        self._db = db
        self._timeout = timeout
        self._ready = False

    @property
    def is_ready(self) -> bool:
        """Whether the table is there and up to date; it is not made for the answer."""
        if not self._ready:
            with translated:
                self._ready = self._db.schema_version(COMPONENT) == VERSION
        return self._ready

    def migrate(self) -> None:
        """Make the table, or bring it up to date; the first use does so too."""
        with translated:
            version = self._db.schema_version(COMPONENT)
            if version != VERSION:
                patience = PATIENCE if self._timeout is None else self._timeout
                # The first step only makes tables: no copy is needed of what an app has there.
                self._db.migrate(SCHEMA, component=COMPONENT, backup=version > 0, timeout=patience)
        self._ready = True

    def _opened(self) -> Database:
        if not self._ready:
            self.migrate()
        return self._db

    def _insert(self, records: list[PromptHistory]) -> list[int]:
        db = self._opened()
        with translated:
            if len(records) == 1:
                return [db.fetch_value(INSERT, row_of(records[0]), timeout=self._timeout)]
            rows = [row_of(record) for record in records]
            with db.transaction(timeout=self._timeout) as tx:
                if any(record.id is not None for record in records):
                    return [tx.fetch_value(INSERT, row) for row in rows]
                for sql, values in inserts(rows):
                    tx.execute(sql, values)
                last: int = tx.fetch_value(statements.LAST_ID)
                return list(range(last - len(rows) + 1, last + 1))

    def _find(self, record_id: int) -> PromptHistory | None:
        db = self._opened()
        with translated:
            row = db.fetch_one(statements.FIND, [record_id], timeout=self._timeout)
        return None if row is None else record_of(row)

    def _page(self, query: Query) -> HistoryPage:
        db = self._opened()
        with translated, db.snapshot(timeout=self._timeout) as snap:
            total: int = snap.fetch_value(*statements.count(query))
            rows = snap.fetch_all(*statements.page(query))
        return page_of(query, rows, total)

    def _statistics(self, query: Query) -> HistoryStatistics:
        db = self._opened()
        with translated, db.snapshot(timeout=self._timeout) as snap:
            sums = snap.fetch_all(*statements.sums(query))[0]
            counts = snap.fetch_all(*statements.counts(query))
        return statistics_of(sums, counts)

    def _delete(self, record_id: int) -> bool:
        db = self._opened()
        with translated:
            return db.execute(statements.DELETE, [record_id], timeout=self._timeout) > 0

    def _delete_before(self, end: str) -> int:
        # No record has the id 0.
        return self._delete_up_to(end, 0)

    def _trim(self, max_records: int | None, max_bytes: int | None) -> int:
        db = self._opened()
        deleted = 0
        for sql, bound in statements.beyond(max_records, max_bytes):
            with translated:
                newest = db.fetch_one(sql, bound, timeout=self._timeout)
            if newest is not None:
                deleted += self._delete_up_to(*newest)
        return deleted

    def _delete_up_to(self, timestamp: str, record_id: int) -> int:
        db = self._opened()
        pace = Pace()
        with translated:
            while pace.goes_on:
                batch = [timestamp, record_id, pace.batch]
                with db.transaction(timeout=self._timeout) as tx:
                    pace.begin()
                    pace.done(tx.fetch_all(statements.DELETE_OLDEST, batch))
            if pace.deleted:
                for pages in merges(pace.bytes):
                    if not self._merge(pages):
                        break
                vacuum_in_cycles(db, PAGES, timeout=self._timeout)
        return pace.deleted

    def tidy(self) -> bool:
        """Merge a little of the text index, which then merges less in the midst of a save."""
        self._opened()
        with translated:
            return self._merge(STEP)

    def _merge(self, pages: int) -> bool:
        with self._db.transaction(timeout=self._timeout) as tx:
            before: int = tx.fetch_value(statements.CHANGES)
            tx.execute(statements.MERGE, [pages])
            return tx.fetch_value(statements.CHANGES) - before >= 2


class Pace:
    """How many records the next transaction deletes, so that it holds the lane for moments."""

    def __init__(self) -> None:
        self.batch = 10
        self.deleted = 0
        self.bytes = 0
        self.goes_on = True
        self._begun = 0.0

    def begin(self) -> None:
        """The lane is ours from here on: how long it was waited for says nothing."""
        self._begun = perf_counter()

    def done(self, sizes: list[tuple[int]]) -> None:
        """Count what was deleted, and go by how long it took."""
        took = perf_counter() - self._begun
        self.deleted += len(sizes)
        self.bytes += sum(size for (size,) in sizes)
        self.goes_on = len(sizes) == self.batch
        fits = self.batch * HOLD / max(took, 1e-6)
        self.batch = int(min(max(fits, 1), self.batch * 4, BATCH))


def merges(size: int) -> Iterator[int]:
    """How the text index is merged after so many bytes of texts were deleted, step by step.

    Together the steps write some times as much as was deleted: so a large index is merged as a
    whole only when a good part of it is gone.
    """
    left = size * MERGED_PER_DELETED // PAGE
    pages = -MERGE
    while left > 0:
        yield pages
        left -= MERGE
        pages = MERGE
