"""The rows of jobs: every change of state is one statement here.

A start of a job is named by its id and attempt. What a holder writes names the start that it
belongs to, so that one that has lost its lease changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..database import Database
from ..errors import IntegrityError
from ..reports import MigrationReport
from .errors import JobStateError, UnknownJobError
from .models import COLUMNS, Job, JobState, Progress, job_of, now, stamp

if TYPE_CHECKING:
    from .. import Transaction

SCHEMA = Path(__file__).parent / "schema"
COMPONENT = "jobs"
#: Seconds that a write waits for others: what a caller is blocked for at most.
PATIENCE = 1.0
#: Seconds for what can only raise when it cannot write.
UNHURRIED = 30.0
#: Rows that are deleted in one transaction, which keeps the lane for milliseconds.
BATCH = 500

_TERMINAL = "('succeeded', 'failed', 'cancelled', 'interrupted')"


class Claim(NamedTuple):
    """A start of a job that is ours to run."""

    id: int
    kind: str
    queue: str
    payload: str | None
    attempt: int
    owner: str | None
    failures: int
    #: Whether the row says when it was started: only of a claim that is run at once.
    started: bool = True


class Outcome(NamedTuple):
    """How and when a start has ended; `state` "queued" is to be run again, from `run_at` on."""

    at: str
    kind: str
    state: str
    result: str | None = None
    error: str | None = None
    run_at: str | None = None
    progress: Progress = Progress()
    seconds: float | None = None
    begun: str | None = None


READ = f"select {COLUMNS} from jobs where id = ?"
SAME = "select id from jobs where kind = ? and dedupe_key = ? and state in ('queued', 'running')"

_FINISH = """
update jobs set
    state = case when cancel_requested_at is null then :state else 'cancelled' end,
    result = case when cancel_requested_at is null then :result end,
    error = :error, failures = failures + :failed, holder = null, seen_at = :at,
    finished_at = case when :state <> 'queued' or cancel_requested_at is not null then :at end,
    started_at = case when :state <> 'queued' or cancel_requested_at is not null
        then coalesce(started_at, :begun) end,
    run_at = coalesce(:run_at, run_at),
    ready = case when :state = 'queued' and cancel_requested_at is null then :run_at is null end,
    percent = coalesce(:percent, percent), phase = coalesce(:phase, phase),
    message = coalesce(:message, message)
where id = :id and attempt = :attempt and state = 'running'
returning state
"""
_BEGUN = """
update jobs set started_at = ?
where id = ? and attempt = ? and started_at is null and state = 'running'
"""
_RETRY = f"""
update jobs set state = 'queued', ready = 1, run_at = null, failures = 0, losses = 0,
    cancel_requested_at = null, started_at = null, finished_at = null, seen_at = :at,
    percent = null, phase = null, message = null, error = null, result = null
where id = :id and state in ('failed', 'cancelled', 'interrupted') and queue = kind
returning {COLUMNS}
"""
_PROGRESS = """
update jobs set percent = coalesce(?, percent), phase = coalesce(?, phase),
    message = coalesce(?, message), seen_at = ?
where id = ? and attempt = ? and state = 'running'
"""


def claim_statement(queues: int, limit: int) -> str:
    """The statement that claims up to `limit` of the jobs that are next in some queues.

    Its parameters are the time, the holder, when they start, and the queues.
    """
    one = (
        "select * from (select id, priority from jobs where queue = ? and ready = 1 "
        f"order by priority desc, id limit {limit})"
    )
    return (
        "update jobs set state = 'running', ready = null, attempt = attempt + 1, "
        "started_at = ?3, seen_at = ?1, holder = ?2, percent = null, phase = null, message = null "
        "where id in (select id from ("
        + " union all ".join([one] * queues)
        + f") order by priority desc, id limit {limit}) "
        "and exists (select 1 from job_holders where id = ?2) "
        "returning id, kind, queue, payload, attempt, owner, failures, priority"
    )


class JobStore:
    """The tables of jobs in an open database."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._claims: dict[tuple[int, int], str] = {}

    def migrate(self, timeout: float) -> MigrationReport:
        """Make the tables, or bring them up to date; `timeout` in seconds."""
        # The first step only makes tables: a copy of what an app has in the file is for later ones.
        backup = self._db.schema_version(COMPONENT) > 0
        return self._db.migrate(SCHEMA, component=COMPONENT, backup=backup, timeout=timeout)

    # Coming and going

    def submit(self, values: dict[str, Any], tx: Transaction | None = None) -> tuple[int, bool]:
        """Insert a job; its id, and False where an active one has its dedupe key already."""
        target = self._db if tx is None else tx
        for _ in range(5):
            try:
                job_id = target.insert("jobs", values, timeout=PATIENCE)
            except IntegrityError:
                same = target.fetch_one(SAME, [values["kind"], values["dedupe_key"]])
                if same is not None:
                    return same[0], False
                if values["dedupe_key"] is None:
                    raise
            else:
                assert job_id is not None
                return job_id, True
        raise JobStateError(f"jobs with dedupe_key {values['dedupe_key']!r} come and go: try again")

    def claim(
        self, tx: Transaction, holder: int, queues: Sequence[str], limit: int, at: str
    ) -> list[Claim]:
        """Start the next job, and claim those after it, the most urgent first."""
        claims = [Claim(*row[:7]) for row in self._claim(tx, holder, queues, 1, at, at)]
        if claims and limit > 1:
            # Not started yet: what ends the process before that is not held against them.
            rows = self._claim(tx, holder, queues, limit - 1, at, None)
            rows.sort(key=_urgency)
            claims += [Claim(*row[:7], started=False) for row in rows]
        return claims

    def _claim(
        self,
        tx: Transaction,
        holder: int,
        queues: Sequence[str],
        limit: int,
        at: str,
        started_at: str | None,
    ) -> list[tuple[Any, ...]]:
        key = (len(queues), limit)
        sql = self._claims.get(key)
        if sql is None:
            sql = self._claims[key] = claim_statement(*key)
        return tx.fetch_all(sql, [at, holder, started_at, *queues])

    def begun(self, starts: Iterable[tuple[str, int, int]]) -> None:
        """Write when claimed jobs were started, each with its id and attempt."""
        self._db.execute_many(_BEGUN, list(starts), timeout=PATIENCE)

    def finish(self, tx: Transaction, job_id: int, attempt: int, outcome: Outcome) -> str | None:
        """End a start; the state that the job is in now, None for a start that was not ours."""
        at, _, state, result, error, run_at, progress, _, begun = outcome
        if begun is not None and state == "queued":
            # For the history, which takes the start from the row.
            tx.execute(_BEGUN, [begun, job_id, attempt])
        row = tx.fetch_one(
            _FINISH,
            {
                "id": job_id,
                "attempt": attempt,
                "state": state,
                "result": result,
                "error": error,
                "failed": error is not None and state in ("failed", "queued"),
                "run_at": run_at,
                "percent": progress.percent,
                "phase": progress.phase,
                "message": progress.message,
                "at": at,
                "begun": begun,
            },
        )
        return None if row is None else row[0]

    def report(self, rows: Iterable[tuple[Progress, int, int]]) -> None:
        """Write the progress of starts, each with its id and attempt."""
        at = now()
        self._db.execute_many(
            _PROGRESS,
            [
                (progress.percent, progress.phase, progress.message, at, job_id, attempt)
                for progress, job_id, attempt in rows
            ],
            timeout=PATIENCE,
        )

    def cancel(self, job_id: int) -> Job:
        """Cancel a job or ask it to stop, unless it has published; the job then."""
        row = self._db.fetch_one(
            "update jobs set cancel_requested_at = coalesce(cancel_requested_at, :at), "
            "state = case state when 'queued' then 'cancelled' else state end, ready = null, "
            "finished_at = case state when 'queued' then :at end, seen_at = :at "
            "where id = :id and state in ('queued', 'running') and not exists "
            f"(select 1 from snapshots where job_id = jobs.id) returning {COLUMNS}",
            {"id": job_id, "at": now()},
            timeout=PATIENCE,
        )
        return read_job(self._db, job_id) if row is None else job_of(row)

    def retry(self, job_id: int) -> Job:
        """Queue a job again that has failed, was cancelled or interrupted."""
        try:
            row = self._db.fetch_one(_RETRY, {"id": job_id, "at": now()}, timeout=PATIENCE)
        except IntegrityError:
            job = read_job(self._db, job_id)
            same = self._db.fetch_value(SAME, [job.kind, job.dedupe_key])
            raise JobStateError(
                f"job {job_id} cannot be queued again: job {same} is active and has its dedupe_key"
            ) from None
        if row is not None:
            return job_of(row)
        job = read_job(self._db, job_id)
        if job.state.finished and job.state != JobState.SUCCEEDED:
            why = "it was a function of a process, not a registered handler: submit it anew"
        else:
            why = "only a failed, cancelled or interrupted job can be tried again"
        raise JobStateError(f"job {job_id} is {job.state}; {why}")

    def promote(self) -> None:
        """Make the jobs ready whose time has come."""
        at = now()
        if self._db.fetch_one("select 1 from jobs where ready = 0 and run_at <= ? limit 1", [at]):
            self._db.execute(
                "update jobs set ready = 1 where ready = 0 and run_at <= ?", [at], timeout=PATIENCE
            )

    # Looking

    def waiting(self) -> int:
        """Count the queued jobs."""
        return self._db.fetch_value(
            "select (select count(*) from jobs where ready = 1) "
            "+ (select count(*) from jobs where ready = 0)"
        )

    def ready(self, queues: Sequence[str]) -> bool:
        """Whether a job waits in one of the queues."""
        marks = ", ".join("?" * len(queues))
        sql = f"select 1 from jobs where queue in ({marks}) and ready = 1"
        return self._db.fetch_one(f"{sql} limit 1", list(queues)) is not None

    def cancelled(self, holder: int) -> list[tuple[int, int]]:
        """Read which starts of a holder are asked to stop."""
        return self._db.fetch_all(
            "select id, attempt from jobs where holder = ? and cancel_requested_at is not null",
            [holder],
        )

    # Clearing away

    def prune(self, older_than: timedelta | None, keep: int | None) -> int:
        """Delete jobs that have ended: by age, and beyond the newest `keep`."""
        if older_than is not None and not isinstance(older_than, timedelta):
            raise TypeError(f"older_than is a timedelta, not {older_than!r}")
        pruned = 0
        newest = self._db.fetch_value("select max(id) from jobs")
        tests: list[tuple[str, tuple[Any, ...]]] = []
        if older_than is not None:
            with suppress(OverflowError):  # Nothing is as old as that.
                tests.append(("finished_at < ?", (stamp(datetime.now(UTC) - older_than),)))
        if keep is not None:
            # Not by id: those of jobs from memory are negative.
            edge = (
                f"select created_at, id from jobs where state in {_TERMINAL} "
                "order by created_at desc, id desc limit 1 offset ?"
            )
            last = self._db.fetch_one(edge, [keep])
            if last is not None:
                tests.append(("(created_at, id) <= (?, ?)", last))
        for test, values in tests:
            # SQLite would give the id of the newest job again.
            sql = (
                f"delete from jobs where id in (select id from jobs where state in {_TERMINAL} "
                f"and {test} and id <> ? order by id limit {BATCH})"
            )
            while count := self._db.execute(sql, [*values, newest], timeout=PATIENCE):
                pruned += count
        return pruned


def _urgency(row: tuple[Any, ...]) -> tuple[int, int]:
    return -row[7], row[0]


def read_job(db: Database | Transaction, job_id: int) -> Job:
    """Read one job; UnknownJobError."""
    if type(job_id) is not int:
        raise TypeError(f"the id of a job is an int, as in job.id, not {type(job_id).__name__}")
    row = db.fetch_one(READ, [job_id])
    if row is None:
        raise UnknownJobError(f"there is no job {job_id}; it may have been pruned")
    return job_of(row)
