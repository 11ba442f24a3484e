"""How a history is doing."""

from __future__ import annotations

from datetime import datetime
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
