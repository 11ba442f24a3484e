"""Telling those who wait for a job, in this process, that something about it has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


class Signals:
    """Who listens to which job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[int, list[Callable[[], object]]] = {}

    def announce(self, job_id: int) -> None:
        """Call whoever listens to a job."""
        if self._listeners:
            with self._lock:
                listeners = list(self._listeners.get(job_id, ()))
            for call in listeners:
                call()

    @contextmanager
    def heard(self, job_id: int, call: Callable[[], object]) -> Generator[None]:
        """Have `call` called at every change of a job, from any thread."""
        with self._lock:
            self._listeners.setdefault(job_id, []).append(call)
        try:
            yield
        finally:
            with self._lock:
                calls = self._listeners[job_id]
                calls.remove(call)
                if not calls:
                    del self._listeners[job_id]
