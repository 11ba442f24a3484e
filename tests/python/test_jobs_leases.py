"""A lease is kept while its process lives, lost when it does not, and never held by two."""

import signal
import time
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager, JobState, JobStopped
from job_processes import end, eventually, pause_between_writes, until_stopped, worker

# Goes on at once when its process does, before its manager can notice anything.
_PAUSED = """
@jobs.handler("build")
def build(ctx, payload):
    ctx.path("file").write_text("of the first")
    say("started")
    while not os.path.exists(payload):
        time.sleep(0.001)
    try:
        act(ctx)
    except BaseException as error:
        say(repr(error))
        raise
    say("done")
    return "of the first"

def until_told(ctx):
    while True:
        ctx.report(99, "late")
        ctx.check()
        time.sleep(0.01)
"""

_SECOND = """
@jobs.handler("build")
def build(ctx, payload):
    ctx.report(10, "second")
    ctx.path("file").write_text("of the second")
    ctx.publish("out")
    return "of the second"
"""

_ACTS = {
    "report": ("lambda ctx: until_told(ctx)", "JobStopped('lost')"),
    "publish": ("lambda ctx: ctx.publish('out')", "JobStopped('lost')"),
    "finish": ("lambda ctx: None", "done"),
}


@pytest.mark.parametrize("act", _ACTS)
def test_a_process_that_was_paused_past_its_lease_changes_nothing(path: Path, act: str) -> None:
    code, told = _ACTS[act]
    taken_over = path.with_name("taken over")
    with holdfast.open(path) as db, JobManager(db, workers=0) as jobs:
        job = jobs.submit("build", str(taken_over))
        with worker(path, f"act = {code}\n{_PAUSED}", lease=0.5) as first:
            assert first.line() == "started"
            pause_between_writes(first, db)
            with worker(path, _SECOND) as second:
                assert jobs.result(job.id, 10) == "of the second"
                taken_over.touch()
                first.signal(signal.SIGCONT)
                assert first.line() == told
                end(first, second)
        ended = jobs.get(job.id)
        assert (ended.result, ended.attempt, ended.losses) == ("of the second", 2, 1)
        assert ended.progress.phase == "second"
        (snapshot,) = jobs.snapshots()
        assert (snapshot.path / "file").read_text() == "of the second"
        staging = path.parent / "staging" / path.name
        assert list(staging.iterdir()) == []


def test_a_job_longer_than_its_lease_runs_once_while_others_look(path: Path) -> None:
    starts: list[int] = []
    other = '@jobs.handler("long")\ndef long(ctx, _):\n    say("taken over")'
    with holdfast.open(path) as db, JobManager(db, lease=1.0) as jobs:

        @jobs.handler("long")
        def long(ctx, _):
            starts.append(ctx.attempt)
            # Two looks of others further apart than the lease are past after three seconds.
            until_stopped(ctx, 3.5)

        job = jobs.submit("long")
        eventually(lambda: starts)
        with worker(path, other) as second, worker(path, other) as third:
            assert jobs.wait(job.id, 10).state is JobState.SUCCEEDED
            assert end(second, third) == []
    assert starts == [1]


_HANGS = '@jobs.handler("hang")\ndef hang(ctx, _):\n    say("started")\n    time.sleep(60)'


def test_a_killed_process_is_noticed_long_before_its_lease_ends(path: Path) -> None:
    quick = '@jobs.handler("hang")\ndef hang(ctx, _):\n    say(f"attempt {ctx.attempt}")'
    with holdfast.open(path) as db, JobManager(db, workers=0) as jobs:
        job = jobs.submit("hang")
        with worker(path, _HANGS, lease=30.0) as first:
            assert first.line() == "started"
            with worker(path, quick, lease=30.0) as second:
                first.signal(signal.SIGKILL)
                assert second.line(5.0) == "attempt 2"
                end(second)
        ended = jobs.get(job.id)
        assert (ended.state, ended.losses, ended.failures) == (JobState.SUCCEEDED, 1, 0)


def test_a_job_that_takes_its_processes_with_it_is_interrupted(path: Path) -> None:
    with holdfast.open(path) as db, JobManager(db, workers=1, restarts=2) as jobs:
        jobs.handler("other")(lambda _, __: None)
        with JobManager(db, workers=0) as submitting:
            job = submitting.submit("hang")
        for _ in range(3):
            with worker(path, _HANGS, workers=1, restarts=2) as child:
                assert child.line() == "started"
                child.signal(signal.SIGKILL)
        ended = jobs.wait(job.id, 10)
        assert (ended.state, ended.attempt, ended.losses) == (JobState.INTERRUPTED, 3, 3)
        assert ended.error
        events = [event.event for event in jobs.events(job.id)]
        assert events.count("job_interrupted") == 3
        assert jobs.retry(job.id).state is JobState.QUEUED


def test_a_killed_process_is_held_against_no_job_that_it_had_not_started(path: Path) -> None:
    # Short jobs are claimed several at once.
    code = """
@jobs.handler("count")
def count(ctx, number):
    if number == 40:
        say("started")
        time.sleep(60)
"""
    with holdfast.open(path) as db, JobManager(db, workers=1, restarts=0) as jobs:
        jobs.handler("other")(lambda _, __: None)
        with JobManager(db, workers=0) as submitting, db.transaction() as tx:
            ids = [submitting.submit("count", number, tx=tx).id for number in range(60)]
        with worker(path, code, workers=1, restarts=0) as child:
            assert child.line() == "started"
            # Of those that were claimed together, the row of one that goes on says so soon.
            eventually(lambda: jobs.get(ids[40]).started_at)
            child.signal(signal.SIGKILL)
        eventually(lambda: not jobs.counts()[JobState.RUNNING], 10.0)
        assert jobs.status(ids[40]) is JobState.INTERRUPTED
        assert {jobs.status(job_id) for job_id in ids[41:]} == {JobState.QUEUED}
        assert {jobs.get(job_id).losses for job_id in ids[41:]} == {0}


def test_functions_of_a_dead_process_are_interrupted_whether_they_ran_or_waited(
    path: Path,
) -> None:
    code = """
def hang(ctx, _):
    say("started")
    time.sleep(60)

for _ in range(2):
    say(jobs.submit(hang).id)
"""
    with holdfast.open(path) as db, JobManager(db) as jobs:
        jobs.handler("other")(lambda _, __: None)
        with worker(path, code, workers=1) as child:
            lines = sorted(child.line() for _ in range(3))
            assert lines.pop() == "started"
            running, waiting = map(int, lines)
            assert jobs.status(running) is JobState.RUNNING
            child.signal(signal.SIGKILL)
        for job_id in (running, waiting):
            assert jobs.wait(job_id, 10).state is JobState.INTERRUPTED
        assert jobs.get(running).losses == 1
        assert db.fetch_value("select count(*) from job_holders") == 1


def test_a_shutdown_that_cancels_gives_its_jobs_to_the_next_manager(path: Path) -> None:
    with holdfast.open(path) as db:
        first = JobManager(db)
        stops: list[str] = []

        @first.handler("build")
        def build(ctx, _):
            ctx.path("file").write_text("x")
            try:
                until_stopped(ctx)
            except JobStopped as stop:
                stops.append(stop.reason)
                raise

        job = first.submit("build")
        eventually(lambda: first.status(job.id) is JobState.RUNNING)
        first.shutdown(cancel=True)
        assert stops == ["shutdown"]
        with JobManager(db) as second:
            second.handler("build")(lambda ctx, _: ctx.attempt)
            assert second.result(job.id, 10) == 2
            ended = second.get(job.id)
            assert (ended.losses, ended.failures, ended.error) == (0, 0, None)


@pytest.mark.parametrize("restarts", [0, 3])
def test_a_shutdown_that_does_not_wait_any_longer_loses_no_job(path: Path, restarts: int) -> None:
    with holdfast.open(path) as db:
        first = JobManager(db, restarts=restarts)
        first.handler("slow")(lambda _, seconds: time.sleep(seconds))
        job = first.submit("slow", 1.5)
        eventually(lambda: first.status(job.id) is JobState.RUNNING)
        first.shutdown(timeout=0.1)
        ended = first.get(job.id)
        assert (ended.state, ended.losses) == (JobState.QUEUED, 0)
        with JobManager(db, restarts=restarts) as second:
            second.handler("slow")(lambda _, __: "of the second")
            assert second.result(job.id, 10) == "of the second"
