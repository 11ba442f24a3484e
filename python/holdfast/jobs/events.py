"""What happens to jobs, told to Python's logging and to a file of JSON lines. Never content."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

from .models import now

_logger = logging.getLogger("holdfast.jobs")
_LEVELS = {"job_failed": logging.WARNING, "job_interrupted": logging.WARNING}
#: The event that a job in a state has just had.
EVENTS = {
    "queued": "job_queued",
    "running": "job_started",
    "succeeded": "job_completed",
    "failed": "job_failed",
    "cancelled": "job_cancelled",
    "interrupted": "job_interrupted",
}


class EventLog:
    """Writes one line an event; `path` is the file of JSON lines, or None for none.

    Several processes may write to one file. When it has `max_bytes`, it becomes `NAME.1`.
    """

    def __init__(self, path: Path | None, max_bytes: int = 10_000_000) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._failed = False

    def anew(self) -> EventLog:
        """Return another one on the same file."""
        return EventLog(self._path, self._max_bytes)

    def tell(self, event: str, **fields: object) -> None:
        """Write an event; what is None is left out. A disk that is full stops nobody."""
        level = _LEVELS.get(event, logging.INFO)
        logged = _logger.isEnabledFor(level)
        if not logged and self._path is None:
            return
        fields = {name: value for name, value in fields.items() if value is not None}
        if logged:
            text = " ".join(f"{name}={value}" for name, value in fields.items())
            # A filter or a handler of the app's must not end a worker.
            with suppress(Exception):
                _logger.log(level, "%s %s", event, text, extra={"event": event, **_safe(fields)})
        if self._path is not None:
            line = {"at": now(), "event": event, **fields, "pid": os.getpid()}
            self._append(self._path, json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def _append(self, path: Path, line: bytes) -> None:
        try:
            with self._lock:
                descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    os.write(descriptor, line)
                    if os.fstat(descriptor).st_size >= self._max_bytes:
                        self._turn_over(path, descriptor)
                finally:
                    os.close(descriptor)
            self._failed = False
        except OSError as error:
            if not self._failed:
                _logger.warning("events are not written to %s: %s", path.name, error.strerror)
            self._failed = True

    def _turn_over(self, path: Path, descriptor: int) -> None:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have been first.
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                path.rename(path.with_name(path.name + ".1"))


def _safe(fields: dict[str, object]) -> dict[str, object]:
    # LogRecord has names of its own.
    return {f"job_{name}": value for name, value in fields.items()}
