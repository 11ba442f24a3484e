"""Those who listen to events: each has a place for the latest of each, and nothing queues up."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from typing import Any

from .answers import ready

#: Different things that wait for one listener, at most; the oldest are dropped beyond.
PLACES = 1000


def encoded(event: str, data: Any) -> bytes:
    """Write an event as it is sent."""
    text = json.dumps(ready(data), allow_nan=False, separators=(",", ":"))
    return f"event: {event}\ndata: {text}\n\n".encode()


class Listener:
    """Somebody who listens, on an event loop; `put` may be called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: dict[object, bytes] = {}
        self._closed = False

    def put(self, key: object, message: bytes) -> None:
        """Have a message sent; one of the same key that still waits is replaced."""
        with self._lock:
            self._waiting.pop(key, None)
            self._waiting[key] = message
            if len(self._waiting) > PLACES:
                del self._waiting[next(iter(self._waiting))]
        self._wake()

    def close(self) -> None:
        """Have the listener end."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # The loop has just ended.
            self._loop.call_soon_threadsafe(self._changed.set)

    async def next(self, patience: float) -> bytes | None:
        """Wait for messages; b"" when none has come in `patience` seconds, None at the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._changed.wait()
        self._changed.clear()
        if self._closed:
            return None
        with self._lock:
            messages, self._waiting = self._waiting, {}
        return b"".join(messages.values())
