"""Jobs in one process: submitting, running, trying again, looking, pruning."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

import holdfast
from handlers import WAIT, until_stopped
from holdfast.jobs import (
    JobContext,
    JobFailedError,
    JobManager,
    JobReader,
    JobState,
    JobStateError,
    QueueFullError,
    UnknownHandlerError,
    UnknownJobError,
)
from job_processes import eventually

Make = Callable[..., JobManager]


def test_a_job_runs_with_its_payload_and_keeps_its_result(jobs: JobManager) -> None:
    @jobs.handler("add")
    def add(ctx: JobContext, payload: dict[str, int]) -> dict[str, int]:
        assert (ctx.kind, ctx.attempt, ctx.owner) == ("add", 1, "ann")
        return {"sum": payload["a"] + payload["b"]}

    submitted = jobs.submit("add", {"a": 1, "b": 2}, owner="ann")
    assert (submitted.state, submitted.owner, submitted.attempt) == ("queued", "ann", 0)
    job = jobs.wait(submitted.id, WAIT)
    assert (job.state, job.result, job.attempt, job.error) == ("succeeded", {"sum": 3}, 1, None)
    assert job.payload == {"a": 1, "b": 2}
    assert job.started_at is not None
    assert job.finished_at is not None
    assert submitted.created_at <= job.started_at <= job.finished_at
    assert jobs.status(job.id) is JobState.SUCCEEDED
    assert jobs.result(job.id) == {"sum": 3}


def test_everything_is_there_after_a_restart(make: Make, path: Path) -> None:
    first = make()
    started = threading.Event()
    first.handler("wait")(until_stopped(started))
    done = first.submit(lambda ctx, payload: 7)
    assert first.result(done.id, WAIT) == 7
    running = first.submit("wait")
    assert started.wait(WAIT)
    first.ui_state.set("tab", {"open": "files"})
    first.shutdown(cancel=True, timeout=WAIT)

    second = make(workers=0)
    assert second.get(done.id).result == 7
    assert second.get(running.id).state == "queued"
    assert second.ui_state.get("tab") == {"open": "files"}
    events = [event.event for event in second.events(running.id)]
    assert events == ["job_queued", "job_started", "job_released", "job_queued"]
    with holdfast.open(path, read_only=True) as db:
        assert JobReader(db).counts()[JobState.SUCCEEDED] == 1


def test_a_failure_is_tried_again_and_kept_in_the_history(jobs: JobManager) -> None:
    policy = holdfast.RetryPolicy(attempts=3, min_delay=0.01)

    @jobs.handler("flaky", retries=policy)
    def flaky(ctx: JobContext, _: Any) -> int:
        if ctx.attempt < 3:
            raise ConnectionError("no route, token=abc")
        return ctx.attempt

    job = jobs.wait(jobs.submit("flaky").id, WAIT)
    assert (job.state, job.result, job.attempt, job.failures) == ("succeeded", 3, 3, 2)
    history = jobs.events(job.id)
    assert [event.event for event in history] == [
        *["job_queued", "job_started", "job_failed"] * 2,
        *["job_queued", "job_started", "job_completed"],
    ]
    assert history[2].detail is not None
    assert history[2].detail.startswith("ConnectionError: no route, token=*** (test_jobs.py, line")


def test_a_job_that_has_failed_is_kept_and_can_be_tried_again(jobs: JobManager) -> None:
    broken = [True]

    @jobs.handler("work", retries=1)
    def work(ctx: JobContext, _: Any) -> str:
        if broken:
            raise RuntimeError("broken")
        return "done"

    job = jobs.wait(jobs.submit("work").id, WAIT)
    assert (job.state, job.failures) == ("failed", 2)
    with pytest.raises(JobFailedError, match=r"job 1 \(work\) is failed: RuntimeError: broken"):
        jobs.result(job.id)
    broken.clear()
    assert jobs.retry(job.id).state == "queued"
    assert jobs.result(job.id, WAIT) == "done"
    with pytest.raises(JobStateError, match="job 1 is succeeded"):
        jobs.retry(job.id)


def test_jobs_are_found_by_state_owner_kind_and_time_a_page_at_a_time(make: Make) -> None:
    jobs = make(workers=0)
    for number in range(7):
        jobs.submit(f"kind {number % 2}", owner="ann" if number < 4 else "bob")
    jobs.cancel(1)
    assert jobs.list(limit=3).items[0].id == 7
    first = jobs.list(limit=3)
    second = jobs.list(limit=3, cursor=first.cursor)
    third = jobs.list(limit=3, cursor=second.cursor)
    assert [job.id for page in (first, second, third) for job in page.items] == [*range(7, 0, -1)]
    assert third.cursor is None
    assert [job.id for job in jobs.list(state="cancelled").items] == [1]
    assert len(jobs.list(state=["queued", JobState.CANCELLED], owner="ann").items) == 4
    assert len(jobs.list(kind="kind 1").items) == 3
    assert not jobs.list(since=datetime.now(UTC) + timedelta(hours=1)).items
    assert jobs.counts() == {**dict.fromkeys(JobState, 0), "queued": 6, "cancelled": 1}
    with pytest.raises(ValueError, match="'lost' is not a valid JobState"):
        jobs.list(state="lost")


def test_bad_input_is_refused_clearly(jobs: JobManager) -> None:
    jobs.handler("known")(lambda ctx, payload: None)
    with pytest.raises(
        UnknownHandlerError, match=r"no handler 'knwon' is registered.*known: known"
    ):
        jobs.submit("knwon")
    with pytest.raises(UnknownJobError, match="no job 99"):
        jobs.get(99)
    with pytest.raises(ValueError, match="run_at has no time zone"):
        jobs.submit("known", run_at=datetime(2026, 1, 1))
    for limit in (0, -1, 10**9):
        with pytest.raises(ValueError, match="limit is a number from 1 to"):
            jobs.list(limit=limit)
    assert jobs.prune(older_than=timedelta.max) == 0
    with pytest.raises(ValueError, match="priority"):
        jobs.submit("known", priority=2**40)
    with pytest.raises(ValueError, match="delay"):
        jobs.submit("known", delay=-1)
    with pytest.raises(ValueError, match="the name of a job"):
        jobs.handler("x" * 300)(lambda ctx, payload: None)
    with pytest.raises(ValueError, match="retries"):
        jobs.handler("known", retries=-1)(lambda ctx, payload: None)
    with pytest.raises(holdfast.TimeoutError, match=r"is still queued after 0.01 s"):
        jobs.wait(jobs.submit("known", delay=60).id, 0.01)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda jobs: jobs.handler(lambda ctx, payload: None), r'write @jobs.handler\("name"\)'),
        (lambda jobs: jobs.handler("x")(lambda payload: None), "takes two arguments"),
        (lambda jobs: jobs.submit("known", files=[1]), "submit has no option files"),
        (lambda jobs: jobs.submit("known", delay="5"), "delay is a number"),
        (lambda jobs: jobs.submit("known", tx=5), "asubmit takes one of open_async"),
        (lambda jobs: jobs.handler("x", timeout="5")(lambda ctx, payload: None), "timeout is"),
        (lambda jobs: jobs.get(jobs.submit("known", delay=60)), "as in job.id, not Job"),
        (lambda jobs: jobs.prune(older_than=5), "older_than is a timedelta"),
        (lambda jobs: jobs.list(since="2h"), "since is a datetime with a time zone"),
        (lambda jobs: JobManager("jobs.db"), "db is what holdfast.open returns, not str"),
    ],
)
def test_what_is_of_a_wrong_kind_is_said(
    jobs: JobManager, call: Callable[[JobManager], object], said: str
) -> None:
    jobs.handler("known")(lambda ctx, payload: None)
    with pytest.raises((TypeError, ValueError), match=said):
        call(jobs)


def test_each_start_is_in_the_history_however_short(jobs: JobManager, path: Path) -> None:
    @jobs.handler("fails", retries=holdfast.RetryPolicy(attempts=2, min_delay=0.0))
    def fails(ctx: JobContext, _: Any) -> None:
        raise RuntimeError("at once")

    with holdfast.open(path) as db, db.transaction() as tx:
        ids = [jobs.submit("fails", tx=tx).id for _ in range(20)]
    for job_id in ids:
        assert jobs.wait(job_id, WAIT).saved
        events = [event.event for event in jobs.events(job_id)]
        assert events == ["job_queued", "job_started", "job_failed"] * 2


def test_a_full_queue_refuses_more(make: Make) -> None:
    jobs = make(workers=0, queue_size=3)
    for _ in range(3):
        jobs.submit("any")
    with pytest.raises(QueueFullError, match="3 jobs are waiting") as caught:
        jobs.submit("any")
    assert caught.value.retryable
    jobs.cancel(1)
    assert jobs.submit("any").id == 4


def test_old_jobs_are_pruned_by_age_and_by_number(make: Make) -> None:
    jobs = make(workers=0)
    for _ in range(6):
        jobs.cancel(jobs.submit("any").id)
    waiting = jobs.submit("any")
    assert jobs.prune(keep=4) == 2
    assert jobs.prune(older_than=timedelta(hours=1)) == 0
    assert jobs.prune(older_than=timedelta(seconds=-1)) == 4
    assert [job.id for job in jobs.list().items] == [waiting.id]
    jobs.cancel(waiting.id)
    assert jobs.prune(keep=0) == 0, "the id of the newest job would be given again"


def test_the_newest_by_time_are_kept_when_jobs_are_pruned(make: Make, path: Path) -> None:
    jobs = make(workers=0)
    for _ in range(3):
        jobs.cancel(jobs.submit("any").id)
    with holdfast.open(path) as db:
        # As a job that was accepted in memory is written.
        db.execute(
            "insert into jobs (id, kind, queue, state, ready, created_at, finished_at) "
            "values (-5, 'any', 'any', 'succeeded', null, '2999-01-01', '2999-01-01')"
        )
    assert jobs.prune(keep=1) == 2, "the newest and the one with the highest id stay"
    assert [job.id for job in jobs.list().items] == [3, -5]


def test_a_server_that_says_when_is_not_asked_before(jobs: JobManager) -> None:
    class TooManyRequests(Exception):
        headers: ClassVar = {"Retry-After": "3600"}

    @jobs.handler("ask", retries=holdfast.RetryPolicy(attempts=10**9))
    def ask(ctx: JobContext, _: Any) -> None:
        raise TooManyRequests

    job = jobs.submit("ask")
    eventually(lambda: jobs.get(job.id).failures == 1)
    run_at = jobs.get(job.id).run_at
    assert run_at is not None
    assert run_at > datetime.now(UTC) + timedelta(minutes=50)


def test_a_handler_is_registered_again_when_a_script_is_run_again(jobs: JobManager) -> None:
    for answer in (1, 2):
        jobs.handler("answer")(lambda ctx, payload, answer=answer: answer)
    assert jobs.result(jobs.submit("answer").id, WAIT) == 2
