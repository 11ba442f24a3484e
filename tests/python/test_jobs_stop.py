"""Jobs that are asked to stop, and what they report on the way."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from handlers import WAIT, until_stopped
from holdfast.jobs import (
    JobContext,
    JobFailedError,
    JobManager,
    JobStopped,
)

Make = Callable[..., JobManager]


def test_a_queued_job_is_cancelled_at_once(make: Make) -> None:
    jobs = make(workers=0)
    job = jobs.cancel(jobs.submit("later").id)
    assert (job.state, job.cancel_requested) == ("cancelled", True)
    assert jobs.cancel(job.id).state == "cancelled"
    with pytest.raises(JobFailedError, match="is cancelled"):
        jobs.result(job.id)


def test_a_running_job_is_asked_to_stop(jobs: JobManager) -> None:
    started = threading.Event()
    jobs.handler("wait")(until_stopped(started))
    job = jobs.submit("wait")
    assert started.wait(WAIT)
    assert jobs.cancel(job.id).state == "running"
    assert jobs.wait(job.id, WAIT).state == "cancelled"


def test_a_cancelled_job_ends_cancelled_though_it_does_not_look(jobs: JobManager) -> None:
    started, go_on = threading.Event(), threading.Event()

    @jobs.handler("deaf")
    def deaf(_: JobContext, __: Any) -> int:
        started.set()
        go_on.wait(WAIT)
        return 1

    job = jobs.submit("deaf")
    assert started.wait(WAIT)
    jobs.cancel(job.id)
    go_on.set()
    ended = jobs.wait(job.id, WAIT)
    assert (ended.state, ended.result) == ("cancelled", None)


def test_a_timeout_asks_to_stop_and_the_job_has_failed(jobs: JobManager) -> None:
    reasons: list[str] = []

    @jobs.handler("slow", timeout=0.05)
    def slow(ctx: JobContext, _: Any) -> None:
        try:
            while True:
                ctx.check()
                threading.Event().wait(0.005)
        except JobStopped as stop:
            reasons.append(stop.reason)
            raise

    job = jobs.wait(jobs.submit("slow").id, WAIT)
    assert (job.state, job.error) == ("failed", "TimeoutError: it took longer than 0.05 s")
    assert reasons == ["timeout"]


def test_a_thread_that_does_not_end_is_counted_and_replaced(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.jobs.keeper.GRACE", 0.1)
    jobs = make(workers=1)
    go_on = threading.Event()
    jobs.handler("stuck", timeout=0.05)(lambda ctx, payload: go_on.wait(WAIT))
    jobs.handler("quick")(lambda ctx, payload: "ran")
    stuck = jobs.submit("stuck")
    assert jobs.result(jobs.submit("quick").id, WAIT) == "ran"
    job = jobs.get(stuck.id)
    assert (job.state, job.error) == (
        "failed",
        "it took longer than 0.05 s, and has not ended yet",
    )
    assert jobs.health().stray == 1
    go_on.set()
    while jobs.health().stray:
        threading.Event().wait(0.005)
    assert jobs.get(stuck.id).state == "failed"


def test_progress_arrives_and_its_last_state_always_does(jobs: JobManager) -> None:
    reported, go_on = threading.Event(), threading.Event()

    @jobs.handler("count")
    def count(ctx: JobContext, _: Any) -> None:
        ctx.report(10, "read", "first")
        reported.set()
        go_on.wait(WAIT)
        ctx.report(250)
        ctx.report(message="m" * 1000)
        ctx.report(float("nan"), "done")

    job = jobs.submit("count")
    assert reported.wait(WAIT)
    assert jobs.progress(job.id) == (10.0, "read", "first")
    watched = jobs.subscribe(job.id)
    assert next(watched) == (10.0, "read", "first")
    go_on.set()
    assert list(watched)[-1] == (100.0, "done", "m" * 300)
    assert jobs.get(job.id).progress.percent == 100.0


def test_names_that_are_no_text_harm_nobody(jobs: JobManager) -> None:
    def work(ctx: JobContext, _: Any) -> None:
        ctx.report(1, "\udcff phase", "\udcff")
        raise FileNotFoundError("no file '\udcff'")

    job = jobs.wait(jobs.submit(work).id, WAIT)
    assert (job.state, job.progress.phase) == ("failed", "? phase")
    assert job.error is not None
    assert job.error.startswith("FileNotFoundError: no file '?'")
    with pytest.raises(ValueError, match="owner is a text"):
        jobs.submit(work, owner="\udcff")


def test_a_function_whose_submission_was_rolled_back_runs_for_no_other_job(
    make: Make, path: Path
) -> None:
    jobs = make()
    jobs.handler("named")(lambda ctx, payload: "handler")
    with holdfast.open(path) as db, pytest.raises(RuntimeError), db.transaction() as tx:
        taken = jobs.submit(lambda ctx, payload: "function", tx=tx)
        raise RuntimeError
    job = jobs.submit("named")
    assert job.id == taken.id
    assert jobs.result(job.id, WAIT) == "handler"


def test_a_shut_down_manager_has_no_threads_and_takes_no_jobs(path: Path) -> None:
    before = threading.active_count()
    with holdfast.open(path) as db:
        with JobManager(db) as jobs:
            assert threading.active_count() == before
            assert jobs.result(jobs.submit(lambda ctx, payload: 1).id, WAIT) == 1
        assert not [t for t in threading.enumerate() if t.name.startswith("holdfast-job")]
        with pytest.raises(holdfast.ClosedError, match="shut down"):
            jobs.submit(lambda ctx, payload: 1)
        assert db.fetch_value("select count(*) from job_holders") == 0


def test_a_job_of_a_manager_that_is_shutting_down_can_be_cancelled(make: Make) -> None:
    jobs, other = make(), make(workers=0)
    started = threading.Event()
    jobs.handler("wait")(until_stopped(started))
    job = jobs.submit("wait")
    assert started.wait(WAIT)
    assert not jobs.closed
    jobs.shutdown(wait=False)
    assert jobs.closed
    other.cancel(job.id)
    assert other.wait(job.id, WAIT).state == "cancelled"
