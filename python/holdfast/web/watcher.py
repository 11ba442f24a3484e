"""The one thread that looks at the database, for however many who listen."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from typing import Any

from ..errors import ClosedError, Error
from .changes import Changes
from .listeners import Listener, encoded
from .problems import Refused
from .samples import Samples
from .service import Service

_logger = logging.getLogger("holdfast.web")
#: Seconds between two looks, and how long samples are taken after somebody has asked for them.
TICK, KEEP = 0.25, 60.0
#: Those who listen, at most.
LISTENERS = 32


class Watcher:
    """Runs while somebody listens or has asked a moment ago, and ends by itself."""

    def __init__(self, service: Service) -> None:
        self.samples = Samples()
        self._service = service
        self._changes = Changes(service)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._listeners: set[Listener] = set()
        self._until = 0.0
        self._latest: bytes | None = None
        self._problem: bytes | None = None

    def now(self) -> dict[str, Any]:
        """Tell how the database is doing, and go on taking samples for a while."""
        now = self._service.now()
        if self.samples.is_due(now["at"]):
            self._keep(now)
        with self._lock:
            self._until = time.monotonic() + KEEP
            self._start()
        return now

    def join(self, listener: Listener) -> None:
        """Have a listener told what happens. Refused when there are too many."""
        with self._lock:
            if self._service.is_ending:
                raise Refused(503, "the server ends")
            if len(self._listeners) >= LISTENERS:
                raise Refused(503, f"{LISTENERS} listen already, as many as there may be")
            self._listeners.add(listener)
            if self._latest is not None:
                listener.put("stats", self._latest)
            if self._problem is not None:
                listener.put("problem", self._problem)
            self._changes.forget()
            self._start()
        self._wake.set()

    def leave(self, listener: Listener) -> None:
        """Tell a listener nothing more."""
        with self._lock:
            self._listeners.discard(listener)

    def tell(self, event: str, data: Any, key: object = None) -> None:
        """Send an event to all who listen; a later one of the same key takes its place."""
        with self._lock:
            listeners = list(self._listeners)
        if listeners:
            self._send(listeners, event if key is None else key, encoded(event, data))

    def end(self) -> None:
        """End what listens, and the thread."""
        self._service.ending.set()
        with self._lock:
            thread, listeners = self._thread, list(self._listeners)
        for listener in listeners:
            listener.close()
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(10.0)

    def _start(self) -> None:
        if not _watchers:
            atexit.register(_end_all)
        _watchers.add(self)
        # In a forked child the parent's thread is not alive.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="holdfast-web", daemon=True)
            self._thread.start()

    def _is_wanted(self) -> bool:
        with self._lock:
            wanted = bool(self._listeners) or time.monotonic() < self._until
            if not wanted or self._service.ending.is_set():
                self._thread = self._latest = self._problem = None
                return False
            return True

    def _watch(self) -> None:
        while self._is_wanted():
            if self._service.is_ending:
                self.end()
                continue
            try:
                self._look()
                self._problem = None
            except ClosedError:
                self._say_problem("the database is closed")
                with self._lock:
                    self._until = 0.0
            except Error as error:
                self._say_problem(self._service.hide(str(error)))
            except Exception:
                _logger.exception("looking at the database failed")
            self._wake.wait(TICK)
            self._wake.clear()

    def _look(self) -> None:
        with self._lock:
            listening = bool(self._listeners)
        if self.samples.is_due(time.time()):
            self._keep(self._service.now())
        if listening:
            for event, key, data in self._changes.look():
                self.tell(event, data, key)

    def _keep(self, now: dict[str, Any]) -> None:
        message = encoded("stats", {**now, "sample": self.samples.add(now)})
        with self._lock:
            self._latest = message
            listeners = list(self._listeners)
        self._send(listeners, "stats", message)

    def _send(self, listeners: list[Listener], key: object, message: bytes) -> None:
        for listener in listeners:
            listener.put(key, message)

    def _say_problem(self, detail: str) -> None:
        """Tell it once to each who listens, now or from now on."""
        message = encoded("problem", {"status": 503, "detail": detail})
        with self._lock:
            if message == self._problem:
                return
            self._problem = message
            listeners = list(self._listeners)
        self._send(listeners, "problem", message)


_watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()


def _end_all() -> None:
    # A thread that is in the engine when the interpreter ends would be torn out of it.
    atexit.unregister(_end_all)
    for each in list(_watchers):
        each.end()
