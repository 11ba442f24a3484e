"""The threads that run jobs.

A worker claims the next job and writes the outcome of the last one in the same transaction. While
jobs end within `SHORT` it claims several at once, which the commit is shared by; the keeper gives
back those that do not get their turn.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ..database import Database
from ..errors import ClosedError, Error
from .context import JobContext
from .errors import JobStopped
from .events import EVENTS, EventLog
from .handlers import Handler
from .leases import Leases, own_queue
from .models import now, stamp
from .policy import MetadataPolicy, redact
from .signals import Signals
from .store import PATIENCE, Claim, JobStore, Outcome
from .unsaved import Unsaved, is_unavailable

if TYPE_CHECKING:
    from .snapshots import Snapshots

_logger = logging.getLogger("holdfast.jobs")
#: Seconds within which a job ends that is not worth a commit of its own.
SHORT = 0.002
#: How many short jobs are claimed at once, at most.
BUNDLE = 16
#: Names of jobs that one statement can look for.
KINDS = 400


class Tools(NamedTuple):
    """What the parts of a manager share."""

    db: Database
    store: JobStore
    leases: Leases
    snapshots: Snapshots
    unsaved: Unsaved
    signals: Signals
    events: EventLog
    policy: MetadataPolicy


class Workers:
    """Up to `count` threads, started when there is work for them."""

    def __init__(self, tools: Tools, count: int) -> None:
        self._tools = tools
        self._count = count
        self._handlers: dict[str, Handler] = {}
        self._functions: dict[int, Handler] = {}
        #: Held while a function's row is inserted and until its function is known.
        self.adding = threading.Lock()
        self._queues: tuple[str, ...] = ()
        self._wake = threading.Condition()
        self._rung = 0
        self._idle = 0
        self._threads: set[threading.Thread] = set()
        self._claimed: deque[tuple[Claim, float]] = deque()
        self._bundle = 1
        self.running: dict[tuple[int, int], JobContext] = {}
        self.strays: set[JobContext] = set()
        self.closing = False
        self._stopping = False
        #: Whether the database could not be written when it was tried last.
        self.outage = False

    def register(self, kind: str, handler: Handler) -> None:
        """Run jobs of a kind with a handler from now on."""
        if kind not in self._handlers and len(self._handlers) >= KINDS:
            raise ValueError(f"a manager has handlers for up to {KINDS} names of jobs")
        self._handlers[kind] = handler
        self._set_queues()

    def add_function(self, job_id: int, handler: Handler) -> None:
        """Have a function for a job of this holder."""
        self._functions[job_id] = handler
        self._set_queues()

    def _set_queues(self) -> None:
        self._queues = (*self._handlers, own_queue(self._tools.leases.holder))

    def forget(self, job_id: int) -> None:
        """Let go of the function of a job that will not run."""
        self._functions.pop(job_id, None)

    def new_holder(self) -> None:
        """Forget the functions of a lease that was lost: their jobs are interrupted."""
        owns = self._tools.unsaved.owns
        self._functions = {id_: each for id_, each in self._functions.items() if owns(id_)}
        self._set_queues()

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues whose jobs can be run here."""
        return self._queues

    @property
    def kinds(self) -> list[str]:
        """The names that have a handler."""
        return sorted(self._handlers)

    def ring(self, count: int = 1) -> None:
        """Say that there may be work."""
        with self._wake:
            self._rung += 1
            woken = min(count, self._idle)
            self._idle -= woken
            self._wake.notify(woken)
            missing = min(count - woken, self._count - len(self._threads))
            for _ in range(0 if self.closing else missing):
                number = len(self._threads) + 1
                thread = threading.Thread(
                    target=self._work, name=f"holdfast-job-{number}", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # There are too many, or the interpreter is about to end.
                    break
                self._threads.add(thread)

    def close(self) -> None:
        """Take up nothing more."""
        with self._wake:
            self.closing = True
            self._idle = 0
            self._wake.notify_all()
        self.give_back(0.0)

    def stop(self) -> None:
        """Ask all that runs to stop, and what is about to start."""
        self._stopping = True
        for context in list(self.running.values()):
            context.stop("shutdown")

    @property
    def alive(self) -> list[threading.Thread]:
        """The threads that have not ended, but for strays."""
        with self._wake:
            return list(self._threads - {context.thread for context in self.strays})

    def give_back(self, waited: float) -> None:
        """Release the claimed jobs that have waited so long for a worker."""
        edge = time.monotonic() - waited
        claims: list[Claim] = []
        with self._wake:
            while self._claimed and self._claimed[0][1] <= edge:
                claims.append(self._claimed.popleft()[0])
        for claim in claims:
            # Written like any outcome, also after an outage.
            self._tools.unsaved.put(claim.id, claim.attempt, Outcome(now(), claim.kind, "queued"))

    def give_up(self, context: JobContext) -> None:
        """Leave a thread to itself that does not end; another one may take its place."""
        with self._wake:
            self.strays.add(context)
            self.running.pop((context.id, context.attempt), None)
            if len(self.strays) <= self._count and context.thread is not None:
                self._threads.discard(context.thread)

    def write_outcomes(self) -> None:
        """Write what has ended, also to see whether an outage is over."""
        self._turn(0, through_outage=True)

    def _work(self) -> None:
        thread = threading.current_thread()
        try:
            while (claim := self._next()) is not None:
                context = self._run(claim)
                if context in self.strays:
                    self.strays.discard(context)
                    return
        finally:
            with self._wake:
                self._threads.discard(thread)

    def _next(self) -> Claim | None:
        while True:
            with self._wake:
                if self.closing:
                    break
                rung = self._rung
                if self._claimed:
                    return self._claimed.popleft()[0]
            try:
                claims = self._turn(self._bundle)
            except Exception:
                _logger.exception("taking up a job failed")
                claims = []
            if claims:
                with self._wake:
                    moment = time.monotonic()
                    self._claimed.extend((claim, moment) for claim in claims[1:])
                if len(claims) > 1:
                    self.ring(len(claims) - 1)
                return claims[0]
            with self._wake:
                if self._rung == rung and not self.closing:
                    self._idle += 1
                    self._wake.wait()
        self._turn(0)
        return None

    def _turn(self, limit: int, *, through_outage: bool = False) -> list[Claim]:
        """Write the outcomes, and claim up to `limit` jobs, in one transaction."""
        db, store, leases, _, unsaved, *_ = self._tools
        if self.outage and not through_outage:
            claim = unsaved.start(self._queues, leases.holder) if limit else None
            return [] if claim is None else [claim]
        outcomes = unsaved.take()
        claims: list[Claim] = []
        states: list[str | None] = []
        if not outcomes and not (limit and self._queues):
            return []
        try:
            with db.transaction(timeout=PATIENCE) as tx:
                for (job_id, attempt), outcome in outcomes.items():
                    states.append(store.finish(tx, job_id, attempt, outcome))
                if limit and self._queues:
                    claims = store.claim(tx, leases.holder, self._queues, limit, now())
        except BaseException as error:
            unsaved.put_back(outcomes)
            if isinstance(error, ClosedError):
                self.close()
            elif isinstance(error, Error) and is_unavailable(error):
                self.went_down(error)
                if through_outage:
                    raise
            else:
                raise
            return []
        unsaved.written(outcomes)
        for ((job_id, attempt), outcome), state in zip(outcomes.items(), states, strict=True):
            self.tell(job_id, attempt, outcome, state)
        return claims

    def tell(self, job_id: int, attempt: int, outcome: Outcome, state: str | None) -> None:
        """Log how a start has ended, and wake who waits for the job."""
        if state is None:
            _logger.warning("the end of job %d is not kept: its lease was lost", job_id)
            return
        if state == "queued":
            event = "job_released" if outcome.error is None else "job_failed"
        else:
            event = EVENTS[state]
        self._tools.events.tell(
            event,
            job=job_id,
            kind=outcome.kind,
            attempt=attempt,
            seconds=outcome.seconds,
            error=outcome.error,
        )
        self._tools.signals.announce(job_id)

    def went_down(self, error: Error) -> None:
        """Go on without the database until the keeper has found it well again."""
        if not self.outage:
            self.outage = True
            _logger.warning(
                "the database of jobs cannot be written (%s): going on in memory",
                type(error).__name__,
            )

    def _run(self, claim: Claim) -> JobContext:
        tools = self._tools
        if claim.queue == claim.kind:
            handler = self._handlers[claim.kind]
        else:
            with self.adding:
                handler = self._functions[claim.id]
        context = JobContext(claim, handler.timeout, tools.snapshots)
        start = (claim.id, claim.attempt)
        context.thread = threading.current_thread()
        context.begun = None if claim.started else now()
        self.running[start] = context
        if self._stopping:
            context.stop("shutdown")
        tools.events.tell("job_started", job=claim.id, kind=claim.kind, attempt=claim.attempt)
        begun = time.monotonic()
        outcome = self._outcome_of(claim, handler, context)
        seconds = time.monotonic() - begun
        self._bundle = min(self._bundle * 2, BUNDLE) if seconds < SHORT else 1
        try:
            context.end()
        except (OSError, RecursionError) as error:
            _logger.warning("the workspace of job %d stays: %s", claim.id, type(error).__name__)
        if outcome is not None and context not in self.strays:
            self._keep(claim, outcome._replace(seconds=round(seconds, 3), begun=context.begun))
        self.running.pop(start, None)
        if outcome is None or outcome.state != "queued":
            self._functions.pop(claim.id, None)
        return context

    def _keep(self, claim: Claim, outcome: Outcome) -> None:
        unsaved = self._tools.unsaved
        if outcome.state == "queued" and unsaved.owns(claim.id):
            due = outcome.run_at and datetime.fromisoformat(outcome.run_at) - datetime.now(UTC)
            if unsaved.again(claim.id, outcome, due.total_seconds() if due else 0.0):
                self.tell(claim.id, claim.attempt, outcome, "queued")
                return
        unsaved.put(claim.id, claim.attempt, outcome)

    def _outcome_of(self, claim: Claim, handler: Handler, context: JobContext) -> Outcome | None:
        process = os.getpid()
        try:
            return self._outcome(claim, handler, context)
        except BaseException as error:
            # Even what an error's own text raises ends the job, never the worker.
            return Outcome(now(), claim.kind, "failed", error=type(error).__name__)
        finally:
            if os.getpid() != process:
                # A child that the handler has forked holds no lease and no thread but this.
                os._exit(0)

    def _outcome(self, claim: Claim, handler: Handler, context: JobContext) -> Outcome | None:
        """Run a handler; how that ended, None for a start that is no longer ours."""
        result: str | None = None
        failure: BaseException | None = None
        stopped = False
        try:
            payload = None if claim.payload is None else json.loads(claim.payload)
            result = self._tools.policy.dump(handler.call(context, payload), "result")
        except JobStopped as stop:
            # Raised without having been asked to, it is an error like any other.
            failure, stopped = (None, True) if context.reason else (stop, False)
        except BaseException as error:
            failure = error
        context.should_abort()
        ended = Outcome(now(), claim.kind, "succeeded", progress=context.progress)
        match context.reason:
            case "lost":
                return None
            case "cancelled":
                return ended._replace(state="cancelled")
            case "timeout":
                failure = TimeoutError(f"it took longer than {context.timeout:g} s")
            case "shutdown" if stopped:
                state = "queued" if claim.queue == claim.kind else "interrupted"
                return ended._replace(state=state)
            case _:
                pass
        if failure is None:
            return ended._replace(result=result)
        error = redact(failure)
        delay = handler.delay(claim.failures, failure)
        if delay is None:
            return ended._replace(state="failed", error=error)
        run_at = stamp(datetime.now(UTC) + timedelta(seconds=delay))
        return ended._replace(state="queued", error=error, run_at=run_at)
