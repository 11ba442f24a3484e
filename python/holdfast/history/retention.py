"""How much of a history is kept, and when the rest is deleted."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import ClosedError
from .error_text import said
from .query import boundary, most
from .repository import PromptRepository

_logger = logging.getLogger("holdfast.history")
#: Seconds from one clean-up to the next, and to another try after one that failed.
EVERY, AGAIN = 3600.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept: records of the last `days`, the newest `max_records`, `max_bytes` of texts.

    None is without bound. A record that is exactly as old as `days` stays.

    >>> Retention(days=7, max_records=100_000).max_bytes is None
    True
    """

    days: float | None = 30.0
    max_records: int | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.days is not None:
            boundary(self.days, None)
        most("max_records", self.max_records)
        most("max_bytes", self.max_bytes)

    def clean(self, repository: PromptRepository) -> int:
        """Delete what is not kept, in small transactions; how many records those were."""
        deleted = 0 if self.days is None else repository.delete_old(self.days)
        if self.max_records is not None or self.max_bytes is not None:
            deleted += repository.trim(max_records=self.max_records, max_bytes=self.max_bytes)
        return deleted


class Cleaner:
    """Cleans up when it is called first, and every hour after that.

    In a thread of its own, that ends when it is done: deleting a million records takes minutes,
    and what is saved meanwhile is written between its transactions.
    """

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._thread: threading.Thread | None = None
        self._due = 0.0
        self.last: datetime | None = None
        self.deleted = 0

    def __call__(self, repository: PromptRepository) -> float:
        """Begin to clean up where it is time; the seconds until it may be time again."""
        if self._thread is not None and self._thread.is_alive():
            return AGAIN
        now = time.monotonic()
        if now < self._due:
            return self._due - now
        self._due = now + AGAIN
        thread = threading.Thread(
            target=self._clean, args=[repository], name="holdfast-history-cleanup", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            # The system has no thread to give now.
            return AGAIN
        self._thread = thread
        return AGAIN

    def _clean(self, repository: PromptRepository) -> None:
        begun = time.monotonic()
        try:
            deleted = self._retention.clean(repository)
        except Exception as error:
            ended = isinstance(error.__cause__, ClosedError)
            level = logging.DEBUG if ended else logging.WARNING
            _logger.log(level, "the history could not be cleaned up: %s", said(error))
            return
        self.last = datetime.now(UTC)
        self.deleted += deleted
        self._due = time.monotonic() + EVERY
        took = time.monotonic() - begun
        level = logging.INFO if deleted else logging.DEBUG
        _logger.log(level, "%d old records were deleted in %.1f s", deleted, took)
