"""Jobs in memory stay themselves: by dedupe key, by id, and when the lease is lost meanwhile."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager, JobState
from job_processes import end, eventually, pause, until_stopped, worker
from processes import lock_held


@pytest.fixture
def jobs(path: Path) -> Iterator[JobManager]:
    with holdfast.open(path) as db:
        manager = JobManager(db, workers=3)
        manager.handler("double")(lambda _, number: 2 * number)
        manager.handler("wait")(lambda ctx, _: until_stopped(ctx))
        yield manager
        manager.shutdown(cancel=True, timeout=5)


def down(jobs: JobManager) -> None:
    assert not jobs.submit("double", 0).saved


def saved(jobs: JobManager) -> None:
    eventually(lambda: jobs.health().saving and jobs.health().unsaved == 0, 10.0)


def test_an_active_job_in_memory_is_found_by_its_dedupe_key(jobs: JobManager, path: Path) -> None:
    with lock_held(path) as holder:
        down(jobs)
        first = jobs.submit("wait", dedupe_key="key")
        assert jobs.submit("wait", dedupe_key="key").id == first.id
        assert jobs.submit("wait", dedupe_key="other").id != first.id
        holder.send()
        saved(jobs)
    assert jobs.submit("wait", dedupe_key="key").id == first.id


def test_a_job_in_memory_that_has_ended_frees_its_dedupe_key(jobs: JobManager, path: Path) -> None:
    with lock_held(path) as holder:
        down(jobs)
        first = jobs.submit("double", 1, dedupe_key="key")
        jobs.wait(first.id, 5)
        second = jobs.submit("double", 2, dedupe_key="key")
        assert second.id != first.id
        assert jobs.result(second.id, 5) == 4
        third = jobs.submit("wait", dedupe_key="key")
        assert jobs.cancel(third.id)
        jobs.wait(third.id, 5)
        fourth = jobs.submit("double", 3, dedupe_key="key")
        assert jobs.result(fourth.id, 5) == 6
        holder.send()
        saved(jobs)
    states = [jobs.status(job.id) for job in (first, second, third, fourth)]
    assert states == ["succeeded", "succeeded", "cancelled", "succeeded"]


def test_an_active_job_with_a_row_is_found_by_its_dedupe_key(jobs: JobManager, path: Path) -> None:
    first = jobs.submit("wait", dedupe_key="key")
    with lock_held(path):
        down(jobs)
        # A lock keeps nobody from reading.
        assert jobs.submit("wait", dedupe_key="key").id == first.id


def test_no_job_in_memory_is_lost_to_one_with_its_dedupe_key(jobs: JobManager, path: Path) -> None:
    other = "jobs.submit('other', dedupe_key='key')"
    jobs.handler("other")(lambda ctx, _: until_stopped(ctx, 1.0))
    with worker(path, f"sys.stdin.readline()\n{other}", workers=0) as child:
        with lock_held(path) as holder:
            down(jobs)
            # The other process waits for the lock when this one accepts the same key.
            child.send()
            job = jobs.submit("other", dedupe_key="key")
            holder.send()
            saved(jobs)
        end(child)
    assert jobs.wait(job.id, 10).state is JobState.SUCCEEDED


def test_processes_with_the_same_random_numbers_lose_no_job(path: Path) -> None:
    code = """
import random
jobs.handler("note")(lambda ctx, number: number)
random.seed(1)
sys.stdin.readline()
job = jobs.submit("note", os.getpid())
say(job.saved)
while jobs.health().unsaved:
    time.sleep(0.01)
say(jobs.result(job.id, 20) == os.getpid())
"""
    with worker(path, code) as first, worker(path, code) as second:
        with lock_held(path):
            for child in (first, second):
                child.send()
            assert [child.line() for child in (first, second)] == ["False", "False"]
        assert [child.line() for child in (first, second)] == ["True", "True"]
        end(first, second)
    with holdfast.open(path) as db:
        assert db.fetch_value("select count(distinct result) from jobs") == 2


def test_a_job_in_memory_outlives_the_loss_of_the_lease(path: Path) -> None:
    code = """
@jobs.handler("wait")
def wait(ctx, resumed):
    say("started")
    ends = time.monotonic() + 20
    while time.monotonic() < ends and not os.path.exists(resumed):
        ctx.check()
        time.sleep(0.01)
    return "ended"

@jobs.handler("quick")
def quick(ctx, _):
    pass

sys.stdin.readline()
jobs.submit("quick")
say(jobs.submit("wait", sys.stdin.readline().strip()).id)
"""
    resumed = path.with_name("resumed")
    with worker(path, code, lease=0.5) as first, holdfast.open(path) as db:
        with lock_held(path):
            first.send()
            first.send(str(resumed))
            lines = {first.line(), first.line()}
            (job_id,) = map(int, lines - {"started"})
            pause(first)
        with JobManager(db, workers=1) as jobs:
            jobs.handler("other")(lambda _, __: None)
            eventually(lambda: db.fetch_value("select count(*) from job_holders") == 1, 10.0)
            first.signal(signal.SIGCONT)
            # Nobody else can have run it; so it goes on, or is run again.
            eventually(lambda: db.fetch_value("select count(*) from jobs where id = ?", [job_id]))
            resumed.touch()
            assert jobs.wait(job_id, 10).result == "ended"
        end(first)
