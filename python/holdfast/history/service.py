"""The history of a service: opened, written, cleaned up, and never in the way."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .. import RetryPolicy
from ..database import Database, open
from .breaker import BreakerState, CircuitBreaker
from .errors import RepositoryConnectionError
from .health import HistoryHealth, HistoryStatus
from .memory import InMemoryRepository
from .models import PromptHistory
from .repository import PromptRepository
from .retention import Cleaner, Retention
from .sqlite import VERSION
from .writer import PATIENCE, HistoryWriter

if TYPE_CHECKING:
    from .settings import HistorySettings

_logger = logging.getLogger("holdfast.history")
#: Seconds that a start waits for the file to be opened.
OPENING = 2.0
#: Seconds that a synchronous save waits for its record to be written.
WAIT = 2.0
THIRTY_DAYS = Retention()
#: Milliseconds that the thread waits for another process that has the lock.
BUSY = 1000


class History:
    """A history in a file of its own, for a service that runs whether the file can be used or not.

    Nothing is opened before `start`, or the first record. Every other failure is told by `health`
    and the log, and got over when its cause is gone.

    Args:
        path: The file; its directory must exist.
        enabled: Without, there is no file: records are not kept, and none are found.
        background: Whether records are written in the background; else `save` waits for that.
        wal: Whether there is a write-ahead log; else SQLite's rollback journal.
        pool_size: Readers at most.
        retention: What is kept; None is everything.
        breaker: When to leave the file alone for a while.
        queue_size: Records that wait at most.

    >>> with History(folder / "history.db") as history:
    ...     history.save(PromptHistory(
    ...         original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
    ...         model="llama3", provider="ollama",
    ...     ))
    ...     history.drain()
    ...     history.repository.find_recent().total, history.health().status.value
    True
    True
    (1, 'healthy')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        enabled: bool = True,
        background: bool = True,
        wal: bool = True,
        pool_size: int = 10,
        retention: Retention | None = THIRTY_DAYS,
        breaker: CircuitBreaker | None = None,
        queue_size: int = 10_000,
    ) -> None:
        self._path = Path(path)
        self._enabled = enabled
        self._wal = wal
        self._pool_size = pool_size
        self._retention = retention
        self._queue_size = queue_size
        self._cleaner = None if retention is None else Cleaner(retention)
        self._breaker = breaker or CircuitBreaker()
        self._none = InMemoryRepository()
        self._writer = HistoryWriter(
            self._open,
            queue_size=queue_size,
            breaker=self._breaker,
            wait=0.0 if background else WAIT,
            upkeep=self._cleaner,
        )

    @classmethod
    def of(cls, settings: HistorySettings) -> Self:
        """Make a history as settings say.

        >>> from holdfast.history import HistorySettings
        >>> History.of(HistorySettings(enabled=False)).health().status.value
        'disabled'
        """
        kept = Retention(
            days=settings.retention_days,
            max_records=settings.max_records,
            max_bytes=settings.max_bytes,
        )
        return cls(
            settings.db_path,
            enabled=settings.enabled,
            background=settings.async_enabled,
            wal=settings.wal_mode,
            pool_size=settings.pool_size,
            retention=kept if settings.auto_cleanup else None,
            breaker=CircuitBreaker(settings.breaker_failures, settings.breaker_seconds),
        )

    def _open(self) -> Database:
        # A map of a file that is truncated would end the process.
        pragmas: dict[str, str | int | bool] = {"mmap_size": 0, "busy_timeout": BUSY}
        if not self._wal:
            pragmas["journal_mode"] = "delete"
        # Who tries again is the breaker.
        policy = RetryPolicy(attempts=1)
        return open(self._path, pool_size=self._pool_size, pragmas=pragmas, retry=policy)

    # Records

    def save(self, record: PromptHistory) -> bool:
        """Take a record, to be written soon; whether it was taken. See `HistoryWriter.save`."""
        return self._enabled and self._writer.save(record)

    @property
    def enabled(self) -> bool:
        """Whether records are kept."""
        return self._enabled

    @property
    def repository(self) -> PromptRepository:
        """The records that were written; those of a history that is not enabled are none.

        Raises RepositoryConnectionError while the file is not open. Never waits, and opens nothing:
        who only looks makes no file.
        """
        if not self._enabled:
            return self._none
        repository = self._writer.source.repository
        if repository is None:
            tried = self._writer.started
            why = "it is tried again" if tried else "start() opens it, as the first record does"
            error = RepositoryConnectionError(
                f"the history cannot be used now: its file is not open; {why}"
            )
            error.retryable = tried
            raise error
        return repository

    async def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was saved before is written; False where it cannot be, or not in time."""
        return await self._writer.flush(timeout)

    def drain(self, timeout: float | None = None) -> bool:
        """`flush` for threads without an event loop."""
        return self._writer.drain(timeout)

    # How it is doing

    def health(self) -> HistoryHealth:
        """Tell how it is doing; nothing is waited for, and nothing read but the sizes of files."""
        found = self._writer.statistics()
        database = self._writer.source.database
        path = self._path if database is None else database.path
        size, log_size = _size(path), _size(Path(f"{path}-wal"))
        is_open = database is not None
        works = (
            is_open
            and size is not None
            and not found.failures
            and found.breaker is BreakerState.CLOSED
            and found.queued < self._queue_size
        )
        status = HistoryStatus.HEALTHY if works else HistoryStatus.DEGRADED
        kept, cleaner = self._retention or Retention(days=None), self._cleaner
        return HistoryHealth(
            status=status if self._enabled else HistoryStatus.DISABLED,
            breaker=found.breaker,
            failures=found.failures,
            retry_in=self._breaker.remaining if found.breaker is BreakerState.OPEN else 0.0,
            queued=found.queued,
            queue_size=self._queue_size,
            written=found.written,
            dropped=found.dropped,
            reasons={name: getattr(found, name) for name in ("full", "open", "rejected", "lost")},
            last_success=found.last_success,
            last_error=found.last_error,
            file_size=size if self._enabled else None,
            log_size=log_size if self._enabled else None,
            schema_version=VERSION if is_open else None,
            retention_days=kept.days,
            max_records=kept.max_records,
            max_bytes=kept.max_bytes,
            last_cleanup=cleaner.last if cleaner else None,
            deleted=cleaner.deleted if cleaner else 0,
        )

    # Beginning and ending

    def start(self, timeout: float = OPENING) -> bool:
        """Open the file and begin to clean up; whether it is open within `timeout` seconds.

        What cannot be opened is tried again for as long as the history is there.
        """
        if not self._enabled:
            return False
        ready = self._writer.start(timeout)
        if ready:
            _logger.info("the history is open")
        else:
            _logger.warning("the history is not open yet: the service begins without it")
        return ready

    def close(self, timeout: float = PATIENCE) -> bool:
        """Take no more, write what waits within `timeout` seconds; whether all was written."""
        return self._writer.close(timeout)

    async def aclose(self, timeout: float = PATIENCE) -> bool:
        """`close` for event loops, which go on meanwhile."""
        return await self._writer.aclose(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.aclose()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None
