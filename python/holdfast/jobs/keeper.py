"""The thread that looks after a manager's jobs.

It renews the lease, writes progress and what an outage left unsaved, asks jobs to stop, wakes the
workers for what other processes submit, takes over from processes that are gone, and clears away.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import NamedTuple

from ..errors import ClosedError, Error
from .context import JobContext
from .events import EVENTS
from .models import now
from .store import PATIENCE, Outcome
from .unsaved import is_unavailable
from .workers import Tools, Workers

_logger = logging.getLogger("holdfast.jobs")
#: Seconds between two rounds.
TICK = 0.25
#: Seconds between two looks at other holders, between two progress events, between two clearings.
LOOK, SAMPLE, CLEAR = 1.0, 5.0, 60.0
#: Seconds that a handler has to end after its timeout before its thread is given up.
GRACE = 5.0
#: Seconds that a claimed job waits for a worker before others may have it.
WAITED = 0.2
#: Seconds after which the directory of a job that no database knows is an orphan.
ORPHAN = 3600.0


class Retention(NamedTuple):
    """What is kept of jobs that have ended, and of snapshots."""

    keep_jobs: int | None
    max_job_age: timedelta | None
    keep_snapshots: int
    max_snapshot_age: timedelta | None


class Keeper:
    """Looks after the workers, every quarter of a second."""

    def __init__(self, tools: Tools, workers: Workers, lease: float, retention: Retention) -> None:
        self._tools = tools
        self._workers = workers
        self._lease = lease
        self._retention = retention
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._abandon = False
        self._registered = False
        self._due: dict[str, float] = {}
        self._sampled: dict[int, float] = {}

    def start(self) -> None:
        """Start the thread, and become a holder, at the first call."""
        with self._lock:
            if self._thread is not None:
                return
            try:
                if not self._workers.outage:
                    self._register()
            except Error as error:
                if not is_unavailable(error):
                    raise
                self._workers.went_down(error)
            self._thread = threading.Thread(target=self._keep, name="holdfast-jobs", daemon=True)
            self._thread.start()

    def end(self, timeout: float | None, *, abandon: bool) -> None:
        """Wait until all that runs has ended and the lease is given back.

        With `abandon`, what still runs after `timeout` seconds is given back as it is.
        """
        here = threading.current_thread()
        if self._thread is None or here is self._thread or here in self._workers.alive:
            # A worker cannot wait for itself.
            return
        self._wake.set()
        self._thread.join(timeout)
        if abandon and self._thread.is_alive():
            self._abandon = True
            self._wake.set()
            self._thread.join(2.0)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _register(self) -> None:
        migrate(self._tools, PATIENCE)
        self._tools.leases.register()
        self._registered = True

    def _keep(self) -> None:
        while True:
            closing = self._workers.closing
            self._round()
            if closing and (self._abandon or not self._workers.alive):
                break
            self._wake.wait(TICK / 10 if closing else TICK)
            self._wake.clear()
        self._leave()

    def _round(self) -> None:
        workers = self._workers
        try:
            self._stop_late()
            self._write()
            if workers.outage:
                workers.outage = False
                _logger.warning("the database of jobs can be written again")
                workers.ring(len(workers.queues))
            self._ask_to_stop()
            if not workers.closing:
                self._look()
        except ClosedError:
            if workers.running or len(self._tools.unsaved) or not workers.closing:
                _logger.error(
                    "the database was closed while %d jobs ran, whose ends are not kept: shut the "
                    "jobs down before it",
                    len(workers.running),
                )
            workers.close()
            self._abandon = True
        except Error as error:
            if not is_unavailable(error):
                _logger.exception("looking after jobs failed")
            workers.went_down(error)
            if not workers.closing:
                # Jobs in memory run meanwhile.
                workers.ring()
        except Exception:
            _logger.exception("looking after jobs failed")

    def _write(self) -> None:
        tools, workers = self._tools, self._workers
        if not self._registered:
            self._register()
        if self._is_due("beat", self._lease / 3) or workers.outage:
            if not tools.leases.beat():
                self._lost()
            self._done("beat")
        for job_id, attempt, outcome in tools.unsaved.save(tools.db, tools.leases.holder):
            workers.tell(job_id, attempt, outcome, outcome.state)
        workers.give_back(WAITED)
        workers.write_outcomes()
        begun = [
            context
            for context in list(workers.running.values())
            if context.begun is not None and not tools.unsaved.owns(context.id)
        ]
        if begun:
            tools.store.begun([(str(c.begun), c.id, c.attempt) for c in begun])
            for context in begun:
                context.begun = None
        reports = [
            (context, progress)
            for context in list(workers.running.values())
            if (progress := context.take_report()) is not None
        ]
        if reports:
            tools.store.report((p, context.id, context.attempt) for context, p in reports)
            for context, progress in reports:
                tools.signals.announce(context.id)
                self._sample(context, progress.percent, progress.phase)

    def _sample(self, context: JobContext, percent: float | None, phase: str | None) -> None:
        moment = time.monotonic()
        if moment - self._sampled.get(context.id, 0.0) >= SAMPLE:
            self._sampled = {
                job_id: at for job_id, at in self._sampled.items() if moment - at < SAMPLE
            }
            self._sampled[context.id] = moment
            self._tools.events.tell(
                "job_progress",
                job=context.id,
                kind=context.kind,
                attempt=context.attempt,
                percent=percent,
                phase=phase,
            )

    def _stop_late(self) -> None:
        workers = self._workers
        for start, context in list(workers.running.items()):
            if (
                context.should_abort()
                and context.reason == "timeout"
                and context.deadline is not None
                and time.monotonic() > context.deadline + GRACE
                and start in workers.running
            ):
                workers.give_up(context)
                text = f"it took longer than {context.timeout:g} s, and has not ended yet"
                outcome = Outcome(now(), context.kind, "failed", error=text)
                self._tools.unsaved.put(
                    context.id, context.attempt, outcome._replace(progress=context.progress)
                )

    def _ask_to_stop(self) -> None:
        tools, workers = self._tools, self._workers
        if workers.running:
            for job_id, attempt in tools.store.cancelled(tools.leases.holder):
                if (context := workers.running.get((job_id, attempt))) is not None:
                    context.stop("cancelled")

    def _look(self) -> None:
        tools, workers = self._tools, self._workers
        tools.store.promote()
        if tools.store.ready(workers.queues):
            workers.ring(1000)
        if self._is_due("look", LOOK):
            for lost in tools.leases.end_of_the_gone():
                tools.snapshots.workspaces.discard(lost.id, lost.attempt)
                tools.events.tell(
                    "job_interrupted",
                    job=lost.id,
                    kind=lost.kind,
                    attempt=lost.attempt,
                    next=EVENTS[lost.state],
                )
                tools.signals.announce(lost.id)
            self._done("look")
        if self._is_due("clear", CLEAR):
            # What fails is tried again in a minute.
            self._done("clear")
            self._clear()

    def _clear(self) -> None:
        tools, kept = self._tools, self._retention
        tools.store.prune(kept.max_job_age, kept.keep_jobs)
        tools.snapshots.retire(kept.keep_snapshots, kept.max_snapshot_age)
        tools.snapshots.workspaces.sweep(self._runs, tools.snapshots.known)

    def _runs(self, job_id: int, attempt: int, age: float) -> bool:
        if (job_id, attempt) in self._workers.running or self._tools.unsaved.owns(job_id):
            return True
        row = self._tools.db.fetch_one("select state, attempt from jobs where id = ?", [job_id])
        if row is None:
            # One of another process, perhaps, that cannot be written yet.
            return job_id < 0 and age < ORPHAN
        return row == ("running", attempt)

    def _lost(self) -> None:
        _logger.warning("the lease was lost: this process was held up for longer than it lasts")
        for context in list(self._workers.running.values()):
            # What has no row yet nobody else can have taken over.
            if not self._tools.unsaved.owns(context.id):
                context.stop("lost")
        self._tools.leases.register_anew()
        self._workers.new_holder()

    def _leave(self) -> None:
        tools = self._tools
        try:
            if self._registered:
                for lost in tools.leases.leave():
                    tools.signals.announce(lost.id)
        except Error:
            # Others will find that this process is gone.
            pass
        if left := tools.unsaved.give_up():
            _logger.error("%d jobs or their ends were never written", left)

    def _is_due(self, what: str, every: float) -> bool:
        return time.monotonic() - self._due.get(what, 0.0) >= every

    def _done(self, what: str) -> None:
        self._due[what] = time.monotonic()


def migrate(tools: Tools, timeout: float) -> None:
    """Make the tables, or bring them up to date; `timeout` in seconds."""
    report = tools.store.migrate(timeout)
    if report.applied:
        tools.events.tell(
            "db_migrated",
            component=report.component,
            from_version=report.from_version,
            to_version=report.to_version,
        )
