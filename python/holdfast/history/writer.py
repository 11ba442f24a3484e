"""The writer: takes records without ever waiting, and has a thread write them."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from typing import Self

from ..errors import ClosedError
from .breaker import BreakerState, CircuitBreaker
from .exits import keep
from .health import WriterStatistics
from .models import PromptHistory
from .source import Given, Source
from .waiting import Mark, Waiting
from .worker import Upkeep, Worker

_logger = logging.getLogger("holdfast.history")
#: Seconds in which what waits is written when a writer is closed.
PATIENCE = 5.0
#: Records that are written without waiting for more.
CROWD = 500
#: Records that may wait at most.
LARGEST = 1_000_000


class HistoryWriter:
    """Saves records in the background: `save` takes microseconds, whatever the database does.

    Any thread and any event loop may use it. A forked child has a writer of its own: what its
    parent has saved is its parent's to write.

    Args:
        db: An open database or repository; or a function that opens one, which is then called in
            the thread, closed with the writer, and called again where the file was lost.
        queue_size: Records that wait at most, each for up to 16,384 characters: a longer one counts
            as several. Of more, the newest are dropped and counted.
        flush_every: Seconds that a record waits for others to share its commit.
        breaker: When to give up for a while: after 5 failures, for 60 s by default.
        wait: Seconds that `save` waits for its record to be written; none by default.
        upkeep: What the thread does beside; it returns the seconds until its next time.

    >>> with HistoryWriter(db) as writer:
    ...     writer.save(PromptHistory(
    ...         original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
    ...         model="llama3", provider="ollama",
    ...     ))
    ...     writer.drain()
    True
    True
    """

    def __init__(
        self,
        db: Given,
        *,
        queue_size: int = 10_000,
        flush_every: float = 0.5,
        breaker: CircuitBreaker | None = None,
        wait: float = 0.0,
        upkeep: Upkeep | None = None,
    ) -> None:
        if not isinstance(queue_size, int) or not 1 <= queue_size <= LARGEST:
            raise ValueError(f"queue_size is a number from 1 to {LARGEST}, not {queue_size!r}")
        for name, value in (("flush_every", flush_every), ("wait", wait)):
            if not isinstance(value, int | float) or not 0 <= value <= threading.TIMEOUT_MAX:
                raise ValueError(f"{name} is a number of seconds, not {value!r}")
        self._settings = (queue_size, float(flush_every), upkeep)
        self._wait = wait
        self._breaker = breaker or CircuitBreaker()
        self._source = Source(db)
        self._closed = False
        self._begin()
        keep(self)

    def _begin(self) -> None:
        size, every, upkeep = self._settings
        self._waiting = Waiting(size, min(CROWD, size))
        self._worker = Worker(self._waiting, self._source, self._breaker, every, upkeep)
        # As long as its thread runs, somebody must be told of the end.
        self._worker.owner = self
        # A handler of a signal may save while its own thread counts.
        self._counting = threading.RLock()
        self._full = 0
        self._open = 0

    def forked(self) -> None:
        """Begin anew in a child, which has no threads, and may have locks that stay locked."""
        self._source.forked()
        self._breaker.reset()
        self._begin()
        self._worker.ended = self._closed

    # Saving

    def save(self, record: PromptHistory) -> bool:
        """Take a record, to be written soon; whether it was taken.

        False means that it was dropped and counted: the queue is full, or the breaker open. With
        `wait=`, whether it was written within that time. Whatever the database does, nothing is
        raised but ClosedError after `close`, and TypeError for what is no PromptHistory.
        """
        if not isinstance(record, PromptHistory):
            raise TypeError(f"a history has PromptHistory, not {type(record).__name__}")
        if self._closed:
            raise ClosedError("the writer is closed: it takes no more records")
        # An event loop waits for this: each call that is spared is a tenth of it.
        if self._breaker._state is BreakerState.OPEN:
            with self._counting:
                self._open += 1
            return False
        worker = self._worker
        if not ((worker._thread or worker.start()) and self._waiting.put(record)):
            with self._counting:
                self._full += 1
            return False
        return not self._wait or self.drain(self._wait)

    async def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was saved before is written; False where it cannot be, or not in time."""
        if self._waiting.is_empty:
            return True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()

        def settle(written: bool) -> None:
            if not future.done():
                future.set_result(written)

        def told(written: bool) -> None:
            # The loop may be closed by then.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, written)

        self._put(Mark(told))
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            return False

    def drain(self, timeout: float | None = None) -> bool:
        """`flush` for threads without an event loop."""
        if self._waiting.is_empty:
            return True
        done = threading.Event()
        outcome: list[bool] = []

        def told(written: bool) -> None:
            outcome.append(written)
            done.set()

        self._put(Mark(told))
        bound = None if timeout is None else min(timeout, threading.TIMEOUT_MAX)
        return done.wait(bound) and outcome[0]

    def _put(self, mark: Mark) -> None:
        if not self._is_hopeless:
            self._waiting.mark(mark)
        # It may be so since then.
        if self._is_hopeless:
            mark.tell(False)

    @property
    def _is_hopeless(self) -> bool:
        return self._worker.ended or self._breaker.state is BreakerState.OPEN

    # How it is doing

    def statistics(self) -> WriterStatistics:
        """Tell how it is doing; nothing is waited for."""
        worker, left = self._worker, len(self._waiting)
        return WriterStatistics(
            queued=0 if worker.ended else left,
            written=worker.written,
            full=self._full,
            open=self._open,
            rejected=worker.rejected,
            lost=left if worker.ended else 0,
            breaker=self._breaker.state,
            failures=self._breaker.failures,
            last_success=worker.last_success,
            last_error=worker.last_error,
        )

    @property
    def source(self) -> Source:
        """What it writes to."""
        return self._source

    # Beginning and ending

    @property
    def started(self) -> bool:
        """Whether its thread runs: from `start` or the first record on."""
        return self._worker.started

    def start(self, timeout: float = 0.0) -> bool:
        """Have the database opened now, not with the first record; whether it is open.

        `timeout` is how many seconds to wait for that.
        """
        if not self._closed and self._worker.start():
            self._worker.looked.wait(timeout)
        return self._source.repository is not None

    def close(self, timeout: float = PATIENCE) -> bool:
        """Take no more, write what waits within `timeout` seconds; whether all of it was written.

        Again and again is fine. The interpreter does so at its end.
        """
        self._closed = True
        if self._worker.ended:
            return self._waiting.is_empty
        self._worker.end(timeout)
        self._worker.ended = True
        self._waiting.disappoint()
        lost = len(self._waiting)
        if lost:
            _logger.error("%d records were not written before the end: they are lost", lost)
        self._source.close()
        return not lost

    async def aclose(self, timeout: float = PATIENCE) -> bool:
        """`close` for event loops, which go on meanwhile."""
        return await asyncio.to_thread(self.close, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"HistoryWriter({self._breaker.state.value}, {len(self._waiting)} wait)"
