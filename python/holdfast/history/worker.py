"""The thread that writes a history, and sees to it that nobody else waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from ..errors import ClosedError
from .breaker import BreakerState, CircuitBreaker
from .error_text import kind_of, said
from .errors import UNUSABLE, is_of_the_record
from .models import PromptHistory
from .repository import PromptRepository
from .source import Source
from .waiting import Waiting

_logger = logging.getLogger("holdfast.history")
#: Seconds of the processor that a transaction takes, about: an answer may have to wait for its end.
HOLD = 0.0005
#: Records of a transaction, at least and at most; of fewer, each would cost far more.
LEAST, MOST = 4, 256
#: Seconds between two transactions, in which whoever waits has the interpreter and the lane.
PAUSE = 0.0001
#: Steps of what saving puts off that follow on a round at most.
STEPS = 64
#: Seconds after a failure: twice as long after each further one, and at most.
SOON, LATER = 0.1, 5.0

#: Done when nothing else is to be; returns the seconds until it wants to be called again.
Upkeep = Callable[[PromptRepository], float | None]


class Worker:
    """Writes what waits, in transactions that are over in a moment, as the breaker allows.

    What could not be written is kept and tried again: it is what a half-open breaker tries with.
    """

    def __init__(
        self,
        waiting: Waiting,
        source: Source,
        breaker: CircuitBreaker,
        every: float,
        upkeep: Upkeep | None,
    ) -> None:
        self._waiting = waiting
        self._source = source
        self._breaker = breaker
        self._every = every
        self._upkeep = upkeep
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._batch: list[PromptHistory] = []
        self._most = LEAST
        self._ends: float | None = None
        #: Whether the log has that it fails.
        self._told = False
        #: Set once it is known whether the database can be opened.
        self.looked = threading.Event()
        #: Keeps the writer alive while its thread runs.
        self.owner: object = None
        #: Whether nothing is written any more.
        self.ended = False
        self.written = 0
        self.rejected = 0
        self.last_success: datetime | None = None
        self.last_error: str | None = None

    def start(self) -> bool:
        """Start the thread where it neither runs nor is started; False where none can be had."""
        # Whoever has it starts the thread, perhaps beneath the handler of a signal that saves too.
        if not self._starting.acquire(blocking=False):
            return True
        try:
            if self._thread is None and self._ends is None:
                thread = threading.Thread(target=self._run, name="holdfast-history", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError:
            # The system has no more threads, or the interpreter ends.
            return False
        finally:
            self._starting.release()
        return True

    @property
    def started(self) -> bool:
        """Whether the thread was started."""
        return self._thread is not None

    def end(self, timeout: float) -> None:
        """Have what waits written within `timeout` seconds, and the thread end."""
        timeout = min(max(timeout, 0.0), threading.TIMEOUT_MAX)
        self._ends = time.monotonic() + timeout
        # A thread that is being started is waited for, unless that goes on beneath this very call.
        if self._starting.acquire(timeout=timeout):
            self._starting.release()
        self._waiting.ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            ends = self._ends
            delay = self._round()
            if ends is not None and self._has_ended(ends):
                return
            if delay is not None and self._breaker.failures:
                left = delay if ends is None else min(delay, max(0.0, ends - time.monotonic()))
                self._waiting.gather(left)
                continue
            self._waiting.rest(delay)
            if not self._waiting.is_urgent and self._ends is None:
                self._waiting.gather(self._every)

    def _has_ended(self, ends: float) -> bool:
        hopeless = self._breaker.state is BreakerState.OPEN
        return hopeless or self._waiting.is_empty or time.monotonic() >= ends

    def _round(self) -> float | None:
        """Do what there is to do; seconds until the next round, None for whenever one is wanted."""
        breaker = self._breaker
        # The last round is the last chance of what waits, whatever the breaker says.
        if not breaker.allows() and (self._ends is None or self._waiting.is_empty):
            return breaker.remaining
        try:
            repository = self._source.open()
            self.looked.set()
            if breaker.failures and self._waiting.is_empty:
                self._source.probe()
                self._worked()
            self._write(repository)
            self._tidy(repository)
            if self._ends is not None or self._upkeep is None:
                return None
            return self._upkeep(repository)
        except Exception as error:
            return self._failed(error)

    def _write(self, repository: PromptRepository) -> None:
        # What comes meanwhile waits for others, as it did.
        waiting, left = self._waiting, len(self._waiting)
        while True:
            if not self._batch:
                waiting.reach()
                most = MOST if waiting.is_crowded else self._most
                self._batch = waiting.take(min(most, left))
                if not self._batch:
                    return
            # Waiting for the lane or the disk is in nobody's way.
            begun, size = time.thread_time(), len(self._batch)
            self._save(repository)
            self._worked()
            left = max(0, left - size)
            took = max(time.thread_time() - begun, 1e-6)
            self._most = int(min(max(size * HOLD / took, LEAST), self._most * 2, MOST))
            if self._ends is not None:
                if time.monotonic() >= self._ends:
                    return
            elif left and not waiting.is_crowded:
                time.sleep(PAUSE)

    def _tidy(self, repository: PromptRepository) -> None:
        """Have some of what saving puts off done, while nobody waits for the thread."""
        for _ in range(STEPS):
            if self._ends is not None or self._waiting.is_urgent:
                return
            time.sleep(PAUSE)
            with suppress(Exception):  # The next save tells whether the database is at fault.
                if repository.tidy():
                    continue
            return

    def _save(self, repository: PromptRepository) -> None:
        try:
            repository.save_many(self._batch)
        except UNUSABLE:
            raise
        except Exception:
            self._save_each(repository)
        else:
            self._done(*self._batch)
            self._batch = []

    def _save_each(self, repository: PromptRepository) -> None:
        """Find out which records cannot be kept: those alone are given up."""
        refused: list[tuple[PromptHistory, Exception]] = []
        saved = 0
        while self._batch:
            try:
                repository.save(self._batch[0])
            except UNUSABLE:
                self._batch += [record for record, _ in refused]
                raise
            except Exception as error:
                refused.append((self._batch.pop(0), error))
            else:
                self._done(self._batch.pop(0))
                saved += 1
        trouble = next((error for _, error in refused if not is_of_the_record(error)), None)
        if trouble is not None and not saved:
            # Where none can be written, it is not the records.
            self._batch = [record for record, _ in refused]
            raise trouble
        for record, error in refused:
            _logger.error("a record of %s cannot be kept: %s", record.timestamp, said(error))
        self.rejected += len(refused)
        self._waiting.free(*(record for record, _ in refused))

    def _done(self, *records: PromptHistory) -> None:
        self.written += len(records)
        self._waiting.free(*records)

    def _worked(self) -> None:
        self.last_success = datetime.now(UTC)
        if failures := self._breaker.failures:
            self._breaker.succeeded()
            level = logging.WARNING if self._told else logging.DEBUG
            _logger.log(level, "the history can be written again, after %d failures", failures)
            self._told = False

    def _failed(self, error: Exception) -> float:
        breaker = self._breaker
        breaker.failed()
        self.last_error = kind_of(error)
        self.looked.set()
        self._source.failed(error)
        if breaker.state is BreakerState.OPEN:
            self._waiting.disappoint()
            self._waiting.sweep()
            self._told = True
            _logger.error(
                "the history cannot be written: %s; what is saved is dropped, and it is tried "
                "again in %.1f s",
                said(error),
                breaker.remaining,
            )
            return breaker.remaining
        # A file that the end of the process has closed is opened again, which is nobody's concern.
        tells = not self._told and not isinstance(error.__cause__, ClosedError)
        self._told = self._told or tells
        level = logging.WARNING if tells else logging.DEBUG
        text = "the history could not be written, %d times in a row: %s"
        _logger.log(level, text, breaker.failures, said(error))
        return min(SOON * 2 ** (breaker.failures - 1), LATER)
