"""The manager of jobs: submit, watch, cancel, and the threads that run them."""

from __future__ import annotations

import asyncio
import atexit
import os
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from .. import AsyncTransaction, Transaction
from ..database import Database
from ..errors import ClosedError, Error, ForkError, IntegrityError
from .errors import QueueFullError, UnknownHandlerError
from .events import EventLog
from .handlers import Function, Handler, handler_of
from .keeper import Keeper, Retention, migrate
from .leases import Leases, own_queue
from .models import Health, Job, JobState, Progress, job_of
from .policy import MetadataPolicy
from .reader import JobReader
from .request import Options, Request
from .signals import Signals
from .snapshots import Snapshots
from .store import PATIENCE, READ, SAME, UNHURRIED, JobStore, read_job
from .ui_state import UiState
from .unsaved import Unsaved, is_unavailable
from .workers import Tools, Workers
from .workspace import inside

if TYPE_CHECKING:
    from .._retry import RetryPolicy

F = TypeVar("F", bound=Function)
#: Seconds that jobs have to stop when the interpreter exits.
EXIT = 5.0
#: Jobs that are accepted in memory while the database cannot be written, at most.
IN_MEMORY = 10_000


class JobManager(JobReader):
    """Jobs in a database, run by threads of this process and of others that share the file.

    Args:
        db: An open database, in `data_dir`.
        data_dir: Where workspaces and snapshots are; the directory of the database by default.
        workers: How many jobs run at once here; 0 only submits and looks.
        queue_size: How many jobs may wait; submit raises QueueFullError beyond.
        lease: Seconds without a sign of life after which a holder's jobs are taken over. A process
            that has ended on this machine is noticed within seconds.
        restarts: How often a job is run again whose process ended under it.
        policy: What may be kept beside a job.
        event_log: The name of a file of JSON lines for events, below `data_dir`; None for none.
        keep_jobs: How many jobs that have ended are kept at most.
        max_job_age: How long they are kept.
        keep_snapshots: How many snapshots of each name are kept at most.
        max_snapshot_age: How long they are kept; the newest of a name always is.

    >>> with JobManager(db) as jobs:
    ...     @jobs.handler("add")
    ...     def add(ctx, payload):
    ...         return payload["a"] + payload["b"]
    ...     jobs.wait(jobs.submit("add", {"a": 1, "b": 2}).id).result
    3
    """

    def __init__(
        self,
        db: Database,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        workers: int = 2,
        queue_size: int = 100_000,
        lease: float = 30.0,
        restarts: int = 3,
        policy: MetadataPolicy | None = None,
        event_log: str | os.PathLike[str] | None = None,
        keep_jobs: int | None = 10_000,
        max_job_age: timedelta | None = timedelta(days=30),
        keep_snapshots: int = 5,
        max_snapshot_age: timedelta | None = None,
    ) -> None:
        for name, value, least in (
            ("workers", workers, 0),
            ("queue_size", queue_size, 1),
            ("lease", lease, 0.5),
            ("restarts", restarts, 0),
            ("keep_snapshots", keep_snapshots, 1),
        ):
            if not isinstance(value, int | float) or not value >= least:
                raise ValueError(f"{name} is a number from {least}, not {value!r}")
        super().__init__(db, data_dir=data_dir)
        policy = policy or MetadataPolicy()
        unsaved = Unsaved(min(queue_size, IN_MEMORY))
        self._tools = Tools(
            db=db,
            store=JobStore(db),
            leases=Leases(db, lease, restarts),
            snapshots=Snapshots(db, self._workspaces, self._save_row),
            unsaved=unsaved,
            signals=self._signals,
            events=EventLog(
                None if event_log is None else inside(self._workspaces.root, event_log)
            ),
            policy=policy,
        )
        self._queue_size = queue_size
        self._room = 0
        self._settings = (
            lease,
            Retention(keep_jobs, max_job_age, keep_snapshots, max_snapshot_age),
        )
        self._pid = os.getpid()
        self._forked = False
        self.ui_state = UiState(db, policy)
        self._crew(workers)
        try:
            migrate(self._tools, PATIENCE if workers else UNHURRIED)
        except Error as error:
            if not workers or not is_unavailable(error):
                raise
            self._workers.went_down(error)
        if not _managers:
            atexit.register(_shut_down_all)
        _managers.add(self)

    def _crew(self, count: int) -> None:
        self._count = count
        self._workers = Workers(self._tools, count)
        self._keeper = Keeper(self._tools, self._workers, *self._settings)

    def _here(self) -> Workers:
        # A forked child has none of the threads: what it submits, the parent runs.
        if os.getpid() != self._pid:
            self._pid = os.getpid()
            self._forked = True
            # Locks of the parent's threads may be held here for ever.
            self._signals = Signals()
            self._tools = self._tools._replace(
                signals=self._signals,
                unsaved=Unsaved(IN_MEMORY),
                events=self._tools.events.anew(),
            )
            self._crew(0)
        return self._workers

    def _is_settled(self, job: Job) -> bool:
        return job.saved or self._workers.outage

    def _heard(self, job_id: int, call: Callable[[], object]) -> AbstractContextManager[None]:
        self._here()
        return super()._heard(job_id, call)

    # Running

    def handler(
        self, name: str, *, retries: int | RetryPolicy = 0, timeout: float | None = None
    ) -> Callable[[F], F]:
        """Register a function `(ctx, payload)` to run jobs of that name; a later one replaces it.

        It may be a coroutine function. What it returns is the job's result: small JSON. `retries`
        is how often it is run again after an exception, or a RetryPolicy that says when too.
        `timeout` is in seconds, for each start: then `ctx.check()` raises, and the job has failed.
        """

        if callable(name):
            raise TypeError('a handler has a name: write @jobs.handler("name")')
        Request.check_kind(name)

        def register(function: F) -> F:
            made = handler_of(function, retries, timeout)
            workers = self._here()
            workers.register(name, made)
            if self._count:
                self._keeper.start()
                workers.ring()
            return function

        return register

    def submit(
        self,
        job: str | Function,
        payload: object = None,
        *,
        tx: Transaction | None = None,
        **options: Unpack[Options],
    ) -> Job:
        """Queue a job for a handler, by its name, or a function that only this process can run.

        Options: `owner`, `dedupe_key`, `priority`, `run_at`, `delay`. Where a queued or running job
        of the name has the same `dedupe_key`, that one is returned. Higher `priority` runs first.
        `run_at` has a time zone; `delay` is in seconds. With `tx`, the job is there when that
        transaction commits, and never was when it rolls back.

        While the database cannot be written the job is kept and run in memory, and its row follows.

        Raises UnknownHandlerError, QueueFullError, MetadataPolicyError.
        """
        if tx is not None and not isinstance(tx, Transaction):
            raise TypeError("tx is a transaction of holdfast.open; asubmit takes one of open_async")
        request, handler = self._request(job, payload, options)
        if handler is not None:
            # No worker may look for the function before it is there.
            with self._workers.adding:
                return self._submit(request, handler, tx)
        return self._submit(request, None, tx)

    def _submit(self, request: Request, handler: Handler | None, tx: Transaction | None) -> Job:
        workers, tools = self._workers, self._tools
        if tx is not None:
            job_id, new = tools.store.submit(request.values, tx)
        elif workers.outage and self._count:
            return self._in_memory(request, handler)
        else:
            try:
                self._make_room()
                job_id, new = tools.store.submit(request.values)
            except Error as error:
                if not self._count or not is_unavailable(error):
                    raise
                workers.went_down(error)
                return self._in_memory(request, handler)
        if new:
            return self._accepted(job_id, request, handler)
        return self.get(job_id) if tx is None else read_job(tx, job_id)

    async def asubmit(
        self,
        job: str | Function,
        payload: object = None,
        *,
        tx: AsyncTransaction | None = None,
        **options: Unpack[Options],
    ) -> Job:
        """`submit` for event loops; `tx` is a transaction of `holdfast.open_async`."""
        if tx is None:
            return await asyncio.to_thread(self.submit, job, payload, **options)
        if not isinstance(tx, AsyncTransaction):
            raise TypeError("tx is a transaction of holdfast.open_async; submit takes one of open")
        request, handler = self._request(job, payload, options)
        values = request.values
        try:
            job_id = await tx.insert("jobs", values)
        except IntegrityError:
            same = await tx.fetch_value(SAME, [values["kind"], values["dedupe_key"]])
            row = await tx.fetch_one(READ, [same])
            if row is None:
                raise
            return job_of(row)
        assert job_id is not None
        return self._accepted(job_id, request, handler)

    def _request(
        self, job: str | Function, payload: object, options: Options
    ) -> tuple[Request, Handler | None]:
        workers = self._here()
        handler = None
        if isinstance(job, str):
            kind = queue = Request.check_kind(job)
            if self._count and kind not in workers.queues:
                known = ", ".join(workers.kinds) or "none"
                raise UnknownHandlerError(
                    f"no handler {kind!r} is registered here (known: {known}); register it first, "
                    "or submit it through a manager with workers=0 for another process to run"
                )
        else:
            if self._forked:
                raise ForkError("the workers are the parent's, which does not have this function")
            if not self._count:
                raise UnknownHandlerError("a function runs here, and this manager has workers=0")
            handler = handler_of(job, 0, None)
            self._keeper.start()
            kind = Request.check_kind(getattr(job, "__qualname__", type(job).__name__)[-100:])
            queue = own_queue(self._tools.leases.holder)
        if workers.closing:
            raise ClosedError("the manager is shut down: it takes no more jobs")
        if unknown := options.keys() - Options.__annotations__.keys():
            raise TypeError(f"submit has no option {', '.join(sorted(unknown))}")
        text = self._tools.policy.dump(payload)
        return Request.of(kind, queue, payload, text, **options), handler

    def _make_room(self) -> None:
        # Counting at each submit would cost more than the rest of it.
        if self._room <= 0:
            left = self._queue_size - self._tools.store.waiting()
            if left <= 0:
                raise QueueFullError(
                    f"{self._queue_size} jobs are waiting, as many as queue_size allows: submit "
                    "again when some have run"
                )
            self._room = max(1, left // 4)
        self._room -= 1

    def _save_row(self, job_id: int) -> bool:
        unsaved = self._tools.unsaved
        unsaved.save(self._db, self._tools.leases.holder, [job_id])
        return not unsaved.owns(job_id)

    def _in_memory(self, request: Request, handler: Handler | None) -> Job:
        values = request.values
        if values["dedupe_key"] is not None:
            # What keeps the file from being written mostly lets it be read.
            with suppress(Error):
                same = self._db.fetch_value(SAME, [values["kind"], values["dedupe_key"]])
                if same is not None and not (job := self.get(same)).state.finished:
                    return job
        job_id = self._tools.unsaved.submit(request.values, request.delay)
        self._accepted(job_id, request, handler)
        return self.get(job_id)

    def _accepted(self, job_id: int, request: Request, handler: Handler | None) -> Job:
        if handler is not None:
            self._workers.add_function(job_id, handler)
        self._tools.events.tell("job_queued", job=job_id, kind=request.values["kind"])
        if self._count and request.values["ready"]:
            self._workers.ring()
        return request.job(job_id)

    # Looking

    @property
    def workers(self) -> int:
        """How many jobs run at once here; 0 in a forked child, whose jobs its parent runs."""
        self._here()
        return self._count

    def get(self, job_id: int) -> Job:
        """Read a job. Raises UnknownJobError."""
        self._here()
        unsaved = self._tools.unsaved
        return unsaved.get(job_id) or unsaved.as_known_here(super().get(job_id))

    def health(self) -> Health:
        """Tell how this manager is doing."""
        workers, unsaved = self._here(), self._tools.unsaved
        return Health(
            saving=not workers.outage,
            unsaved=len(unsaved),
            lost=unsaved.lost,
            running=len(workers.running),
            stray=len(workers.strays),
        )

    def progress(self, job_id: int) -> Progress:
        """Tell how far a job is: as it is now where it runs here, else as it was written last."""
        for (running, _), context in list(self._here().running.items()):
            if running == job_id:
                return context.progress
        return self.get(job_id).progress

    # Changing

    def cancel(self, job_id: int) -> Job:
        """Cancel a job: at once while it is queued; one that runs is asked to stop.

        One that has published something is past that: `cancel_requested` stays False. Raises
        UnknownJobError.
        """
        workers, tools = self._here(), self._tools
        if (job := self.get(job_id)).state.finished:
            return job
        job = self.get(job_id) if tools.unsaved.cancel(job_id) else tools.store.cancel(job_id)
        if job.cancel_requested and not job.state.finished:
            for (running, attempt), context in list(workers.running.items()):
                if (running, attempt) == (job_id, job.attempt):
                    context.stop("cancelled")
        elif job.state is JobState.CANCELLED:
            workers.forget(job_id)
            tools.events.tell("job_cancelled", job=job_id, kind=job.kind)
            tools.signals.announce(job_id)
        return job

    def retry(self, job_id: int) -> Job:
        """Queue a job again that has failed, was cancelled or interrupted. Raises JobStateError."""
        self._here()
        job = self._tools.store.retry(job_id)
        self._tools.events.tell("job_queued", job=job_id, kind=job.kind)
        if self._count:
            self._workers.ring()
        return job

    def prune(self, *, older_than: timedelta | None = None, keep: int | None = None) -> int:
        """Delete jobs that ended longer ago, and all but the newest `keep`; how many those were."""
        return self._tools.store.prune(older_than, keep)

    # Ending

    @property
    def closed(self) -> bool:
        """Whether it was shut down, and takes no more jobs."""
        return self._here().closing

    def shutdown(
        self, *, wait: bool = True, cancel: bool = False, timeout: float | None = None
    ) -> None:
        """Take up no more jobs, and give the lease back when those that run have ended.

        With `cancel` they are asked to stop, and registered ones are queued again for the next
        manager. `wait` waits for that, `timeout` seconds at most; then they are queued again as
        they are.
        """
        workers = self._here()
        workers.close()
        if cancel:
            workers.stop()
        if wait:
            self._keeper.end(timeout, abandon=timeout is not None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.shutdown()


_managers: weakref.WeakSet[JobManager] = weakref.WeakSet()


def _shut_down_all() -> None:
    atexit.unregister(_shut_down_all)
    managers, deadline = list(_managers), time.monotonic() + EXIT
    for manager in managers:
        manager.shutdown(wait=False, cancel=True)
    for manager in managers:
        manager.shutdown(timeout=max(0.0, deadline - time.monotonic()))
