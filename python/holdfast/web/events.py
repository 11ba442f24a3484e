"""`GET /api/v1/events`: server-sent events."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response
from starlette.types import Receive, Scope, Send

from .listeners import Listener, encoded
from .watcher import Watcher

#: Seconds without an event after which a beat is sent: so that nobody in between hangs up, and the
#: page knows that it would be told, which gives a stream up after 12 s.
HEARTBEAT = 5.0
BEAT = encoded("beat", None)
#: Seconds that a client may take to read before it is given up.
STALLED = 60.0
#: Milliseconds after which a browser connects again.
RETRY = 2000


def add(router: APIRouter, watcher: Watcher) -> None:
    """Add the endpoint."""

    @router.get("/api/v1/events")
    async def events() -> Response:
        """Send what happens, as server-sent events: stats, job, sync, backup, problem, beat."""
        listener = Listener()
        watcher.join(listener)
        return EventStream(listener, watcher)


class EventStream(Response):
    """An answer that goes on until its client is gone, or the server ends."""

    media_type = "text/event-stream"

    def __init__(self, listener: Listener, watcher: Watcher) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._listener = listener
        self._watcher = watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        gone = asyncio.create_task(self._until_gone(receive))
        try:
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            await _send(send, f"retry: {RETRY}\n\n".encode())
            while not gone.done():
                message = await self._listener.next(HEARTBEAT)
                if message is None:
                    break
                await _send(send, message or BEAT)
            if not gone.done():
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            # It reads nothing: hung up on.
            return
        finally:
            self._watcher.leave(self._listener)
            gone.cancel()

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._listener.close()


async def _send(send: Send, body: bytes) -> None:
    async with asyncio.timeout(STALLED):
        await send({"type": "http.response.body", "body": body, "more_body": True})
