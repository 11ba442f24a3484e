"""Numbers of the last minutes, for charts."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, NamedTuple

#: Seconds between two samples, and how many are kept: ten minutes.
EVERY, KEPT = 2.0, 300


class Sample(NamedTuple):
    """How it was at one moment; sizes in bytes, `reads` to `retries` a second since the last one.

    `hold` and `wait` are the mean times in seconds for which the writer lane was held, and for
    which it was waited for.
    """

    at: float
    size: int
    wal_size: int
    pages: int
    free_pages: int
    reads: float
    writes: float
    commits: float
    retries: float
    hold: float
    wait: float
    lane_waiting: int
    pool_in_use: int
    jobs_queued: int
    jobs_running: int


class Samples:
    """The last samples, the oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Sample] = deque(maxlen=KEPT)
        self._last: dict[str, Any] | None = None

    def add(self, now: dict[str, Any]) -> Sample:
        """Make a sample of what `Service.now` has told, and keep it."""
        with self._lock:
            last, self._last = self._last or now, now
            seconds = max(now["at"] - last["at"], 0.001)
            holds, before = now["lane"]["holds"], last["lane"]["holds"]
            jobs: dict[str, int] = now["jobs"] or {}

            def rate(new: float, old: float) -> float:
                return round((new - old) / seconds, 3)

            def mean(name: str) -> float:
                new, old = now["lane"][name], last["lane"][name]
                times = new["count"] - old["count"]
                return round((new["total"] - old["total"]) / times, 6) if times > 0 else 0.0

            sample = Sample(
                at=round(now["at"], 3),
                size=now["size"],
                wal_size=now["wal_size"],
                pages=now["pages"],
                free_pages=now["free_pages"],
                reads=rate(now["reads"], last["reads"]),
                writes=rate(now["writes"], last["writes"]),
                commits=rate(holds["count"], before["count"]),
                retries=rate(now["retries"]["attempts"], last["retries"]["attempts"]),
                hold=mean("holds"),
                wait=mean("waits"),
                lane_waiting=now["lane"]["waiting"],
                pool_in_use=now["pool"]["open"] - now["pool"]["idle"],
                jobs_queued=jobs.get("queued", 0),
                jobs_running=jobs.get("running", 0),
            )
            self._kept.append(sample)
            return sample

    def recent(self) -> list[Sample]:
        """Return what is kept."""
        with self._lock:
            return list(self._kept)

    def is_due(self, at: float) -> bool:
        """Whether the last sample is older than `EVERY`."""
        with self._lock:
            # A clock that was set back must not stop them.
            return self._last is None or not 0 <= at - self._last["at"] < EVERY
