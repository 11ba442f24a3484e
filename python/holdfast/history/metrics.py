"""What a monitoring system is told of a history."""

from __future__ import annotations

from collections.abc import Iterator

from ..metrics import Metric
from .breaker import BreakerState
from .health import HistoryHealth, HistoryStatus


def measured(health: HistoryHealth) -> Iterator[Metric]:
    """Make metrics of the health of a history; none where it is disabled."""
    if health.status is HistoryStatus.DISABLED:
        return
    yield Metric(
        "holdfast_history_up",
        "gauge",
        "Whether records are written: 1 for healthy, 0 for degraded.",
        int(health.status is HistoryStatus.HEALTHY),
    )
    yield Metric(
        "holdfast_history_breaker_open",
        "gauge",
        "Whether the circuit breaker is open: 1 for open or half-open.",
        int(health.breaker is not BreakerState.CLOSED),
    )
    yield Metric(
        "holdfast_history_queued", "gauge", "Records that wait to be written.", health.queued
    )
    yield Metric(
        "holdfast_history_queue_size", "gauge", "Records that wait at most.", health.queue_size
    )
    yield Metric("holdfast_history_written_total", "counter", "Records written.", health.written)
    yield Metric(
        "holdfast_history_dropped_total",
        "counter",
        "Records that will not be written, by reason.",
        health.reasons,
        "reason",
    )
    yield Metric(
        "holdfast_history_last_success_timestamp_seconds",
        "gauge",
        "When something was written last.",
        health.last_success and health.last_success.timestamp(),
    )
    yield Metric("holdfast_history_file_bytes", "gauge", "Size of the file.", health.file_size)
    yield Metric(
        "holdfast_history_deleted_total",
        "counter",
        "Records that were too old or too many.",
        health.deleted,
    )
