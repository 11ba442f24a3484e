"""The endpoint for a monitoring system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, Literal

from fastapi import APIRouter, Response

from ..history.metrics import measured as measured_history
from ..metrics import FORMAT, Metric, text
from .service import Service

#: Name, kind, help, and where the number is in what a service tells of this moment.
NUMBERS: tuple[tuple[str, Literal["counter", "gauge"], str, str], ...] = (
    ("file_bytes", "gauge", "Size of the file.", "size"),
    ("log_bytes", "gauge", "Size of the write-ahead log.", "wal_size"),
    ("reads_total", "counter", "Checkouts of a reader.", "reads"),
    ("writes_total", "counter", "Turns on the writer lane.", "writes"),
    ("rollbacks_total", "counter", "Transactions rolled back.", "rollbacks"),
    ("readers_open", "gauge", "Readers open.", "pool.open"),
    ("readers_idle", "gauge", "Readers that nobody uses.", "pool.idle"),
    ("writers_waiting", "gauge", "Who waits for the writer lane.", "lane.waiting"),
    ("lane_waits_total", "counter", "Waits for the writer lane.", "lane.waits.count"),
    ("lane_waits_seconds_total", "counter", "Those waits, together.", "lane.waits.total"),
    ("lane_waits_p99_seconds", "gauge", "Their 99th centile.", "lane.waits.p99"),
    ("lane_holds_total", "counter", "Holds of the writer lane.", "lane.holds.count"),
    ("lane_holds_seconds_total", "counter", "Those holds, together.", "lane.holds.total"),
    ("lane_holds_p99_seconds", "gauge", "Their 99th centile.", "lane.holds.p99"),
    ("retry_operations_total", "counter", "Operations that may be retried.", "retries.operations"),
    ("retry_attempts_total", "counter", "Attempts of them.", "retries.attempts"),
    ("retry_recovered_total", "counter", "Those that then succeeded.", "retries.recovered"),
    ("retry_gave_up_total", "counter", "Those that were given up.", "retries.gave_up"),
    ("retry_ratio", "gauge", "Part of the last operations that were retried.", "retries.rate"),
    ("last_backup_timestamp_seconds", "gauge", "When it was backed up last.", "last_backup"),
)


def add(router: APIRouter, service: Service) -> None:
    """Add the endpoint."""

    @router.get("/metrics")
    def metrics() -> Response:
        """Tell the numbers of this moment."""
        found = [*measured(service.now())]
        if (health := service.history_health) is not None:
            found += measured_history(health)
        return Response(text(found), media_type=FORMAT)


def measured(now: Mapping[str, Any]) -> Iterator[Metric]:
    """Make metrics of what a service tells of this moment."""
    for name, kind, help_, path in NUMBERS:
        value = reduce(lambda found, key: found[key], path.split("."), now)
        yield Metric(f"holdfast_{name}", kind, help_, value)
    free = now["free_pages"] * now["page_size"]
    yield Metric("holdfast_free_bytes", "gauge", "Space in the file that nothing uses.", free)
    yield Metric("holdfast_jobs", "gauge", "Jobs in each state.", now["jobs"], "state")
