"""How a history is doing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from .breaker import BreakerState


class WriterStatistics(NamedTuple):
    """How a writer is doing, since it was made.

    `queued` records wait. Of those that were dropped, the queue was `full` or the breaker `open`;
    `rejected` ones no database would keep, and `lost` ones were not written before the end.
    `failures` are those in a row.
    """

    queued: int
    written: int
    full: int
    open: int
    rejected: int
    lost: int
    breaker: BreakerState
    failures: int
    last_success: datetime | None
    last_error: str | None

    @property
    def dropped(self) -> int:
        """How many will not be written."""
        return self.full + self.open + self.rejected + self.lost


class HistoryStatus(StrEnum):
    """Whether records are written: all, not now, or never, as the settings want it."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DISABLED = "disabled"


class HistoryHealth(NamedTuple):
    """How a history is doing, since it was made.

    `queued` records of `queue_size` at most wait. `dropped` ones will not be written; `reasons`
    counts them as `full`, `open`, `rejected` and `lost`, which `WriterStatistics` explains.
    `failures` are those in a row, `retry_in` the seconds until the next try of an open breaker.
    `file_size` and `log_size` are in bytes; None where there is no file. `schema_version` is None
    where no file is open. `deleted` counts what the clean-ups have deleted.
    """

    status: HistoryStatus
    breaker: BreakerState
    failures: int
    retry_in: float
    queued: int
    queue_size: int
    written: int
    dropped: int
    reasons: Mapping[str, int]
    last_success: datetime | None
    last_error: str | None
    file_size: int | None
    log_size: int | None
    schema_version: int | None
    retention_days: float | None
    max_records: int | None
    max_bytes: int | None
    last_cleanup: datetime | None
    deleted: int
