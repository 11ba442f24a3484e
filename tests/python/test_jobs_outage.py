"""While another process holds the write lock: jobs are taken, run from memory, and saved later."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.jobs import JobManager, JobState, QueueFullError
from job_processes import eventually, until_stopped
from processes import lock_held

#: Seconds for which submit may block its caller.
BOUND = 1.5

Make = Callable[..., JobManager]


@pytest.fixture
def make(path: Path) -> Iterator[Make]:
    """Make a manager with the handlers `double` and `wait`, which waits for `manager.gate`."""
    managers: list[JobManager] = []
    db = holdfast.open(path)

    def make_(**settings: Any) -> JobManager:
        jobs = JobManager(db, **settings)
        managers.append(jobs)
        jobs.handler("double")(lambda _, number: 2 * number)
        jobs.handler("wait")(lambda ctx, _: until_stopped(ctx))
        return jobs

    yield make_
    for jobs in managers:
        jobs.shutdown(cancel=True, timeout=5)
    db.close()


def saved(jobs: JobManager) -> None:
    """Wait until everything is in the database."""
    eventually(lambda: jobs.health().saving and jobs.health().unsaved == 0, 10.0)


def down(jobs: JobManager) -> None:
    """Have a manager notice that the database cannot be written."""
    assert not jobs.submit("double", 0).saved
    assert not jobs.health().saving


def running(jobs: JobManager, job_id: int) -> bool:
    return jobs.status(job_id) is JobState.RUNNING


def test_a_job_runs_from_memory_and_its_row_follows(make: Make, path: Path) -> None:
    jobs = make()
    with lock_held(path) as holder:
        begun = time.monotonic()
        job = jobs.submit("double", 21, owner="me", priority=3)
        assert time.monotonic() - begun < BOUND
        assert not job.saved
        ended = jobs.wait(job.id, 5)
        assert (ended.state, ended.result, ended.saved) == (JobState.SUCCEEDED, 42, False)
        health = jobs.health()
        assert not health.saving
        assert health.unsaved > 0
        holder.send()
        saved(jobs)
    row = jobs.get(job.id)
    assert row.saved
    assert (row.state, row.result, row.owner, row.priority) == (ended.state, 42, "me", 3)
    assert (row.created_at, row.finished_at) == (job.created_at, ended.finished_at)
    assert [event.event for event in jobs.events(job.id)] == [
        "job_queued",
        "job_started",
        "job_completed",
    ]
    assert jobs.counts() == dict.fromkeys(JobState, 0) | {JobState.SUCCEEDED: 1}
    assert jobs.health().lost == 0
    assert jobs.result(jobs.submit("double", 4).id, 5) == 8


def test_what_ends_during_the_lock_is_written_after_it(make: Make, path: Path) -> None:
    jobs = make()
    gate = threading.Event()
    jobs.handler("gated")(lambda _, __: gate.wait(20))
    job = jobs.submit("gated")
    eventually(lambda: running(jobs, job.id))
    with lock_held(path) as holder:
        gate.set()
        ended = jobs.wait(job.id, 5)
        assert (ended.state, ended.saved) == (JobState.SUCCEEDED, False)
        row = "select state from jobs where id = ?"
        with holdfast.open(path) as db:
            assert db.fetch_value(row, [job.id]) == "running"
            holder.send()
            saved(jobs)
            assert db.fetch_value(row, [job.id]) == "succeeded"
    assert jobs.get(job.id).saved


def test_callers_of_submit_are_never_blocked_beyond_the_bound(make: Make, path: Path) -> None:
    jobs = make()
    took: list[float] = []
    ids: list[int] = []

    def submit() -> None:
        for number in range(20):
            begun = time.monotonic()
            ids.append(jobs.submit("double", number).id)
            took.append(time.monotonic() - begun)

    with lock_held(path) as holder:
        threads = [threading.Thread(target=submit) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(took) < BOUND
        # The first ones wait for the lock, those after them do not.
        assert sorted(took)[len(took) // 2] < 0.1
        assert len({jobs.wait(job_id, 10).id for job_id in ids}) == 160
        holder.send()
        saved(jobs)
    assert jobs.counts()[JobState.SUCCEEDED] == 160


def test_the_most_urgent_of_memory_runs_first(make: Make, path: Path) -> None:
    jobs = make(workers=1)
    order: list[int] = []
    jobs.handler("note")(lambda _, number: order.append(number))
    with lock_held(path):
        down(jobs)
        block = jobs.submit("wait")
        eventually(lambda: running(jobs, block.id))
        for priority in (0, 5, -5, 5):
            last = jobs.submit("note", priority, priority=priority)
            if priority == -5:
                least = last
        jobs.cancel(block.id)
        jobs.wait(least.id, 10)
    assert order == [5, 5, 0, -5]


def test_a_delay_and_retries_hold_in_memory(make: Make, path: Path) -> None:
    jobs = make()
    policy = holdfast.RetryPolicy(attempts=3, min_delay=0.01, max_delay=0.05)
    starts: list[float] = []

    @jobs.handler("failing", retries=policy)
    def failing(ctx, _):
        starts.append(time.monotonic())
        if ctx.attempt < 3:
            raise ValueError("by design")
        return ctx.attempt

    with lock_held(path) as holder:
        down(jobs)
        begun = time.monotonic()
        job = jobs.submit("failing", delay=0.5)
        assert jobs.result(job.id, 15) == 3
        assert starts[0] - begun >= 0.5
        holder.send()
        saved(jobs)
    row = jobs.get(job.id)
    assert (row.state, row.attempt, row.failures) == (JobState.SUCCEEDED, 3, 2)


def test_a_job_in_memory_can_be_cancelled(make: Make, path: Path) -> None:
    jobs = make(workers=1)
    with lock_held(path) as holder:
        down(jobs)
        active = jobs.submit("wait")
        eventually(lambda: running(jobs, active.id))
        waiting = jobs.submit("double", 1)
        assert jobs.cancel(waiting.id).state is JobState.CANCELLED
        assert jobs.cancel(active.id).cancel_requested
        assert jobs.wait(active.id, 5).state is JobState.CANCELLED
        holder.send()
        saved(jobs)
    for job_id in (waiting.id, active.id):
        assert jobs.status(job_id) is JobState.CANCELLED


def test_a_job_in_memory_that_has_ended_cannot_be_cancelled(make: Make, path: Path) -> None:
    jobs = make()
    with lock_held(path) as holder:
        job = jobs.submit("double", 1)
        assert jobs.result(job.id, 5) == 2
        assert jobs.cancel(job.id).state is JobState.SUCCEEDED
        holder.send()
        saved(jobs)
    assert jobs.result(job.id) == 2


def test_a_full_memory_refuses_more(make: Make, path: Path) -> None:
    jobs = make(workers=1, queue_size=5)
    with lock_held(path):
        down(jobs)
        with pytest.raises(QueueFullError, match="memory"):
            for _ in range(6):
                jobs.submit("wait")


def test_functions_run_from_memory_too(make: Make, path: Path) -> None:
    jobs = make()
    with lock_held(path) as holder:
        job = jobs.submit(lambda _, number: number + 1, 1)
        assert jobs.result(job.id, 5) == 2
        holder.send()
        saved(jobs)
    assert jobs.result(job.id) == 2
