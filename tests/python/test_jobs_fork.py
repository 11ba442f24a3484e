"""A forked child submits and looks; its parent's workers run what it submits."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import ForkError
from holdfast.jobs import JobManager, JobState
from job_processes import eventually
from processes import fork, join

# From 3.12 on Python warns of a fork beside threads, which is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def jobs(path: Path) -> Iterator[JobManager]:
    """A manager that runs `double`, and writes a file of events."""
    with holdfast.open(path) as db, JobManager(db, event_log="events.jsonl") as manager:
        manager.handler("double")(lambda _, number: 2 * number)
        yield manager


def test_a_child_submits_and_its_parent_runs_it(jobs: JobManager) -> None:
    before = jobs.submit("double", 1)
    assert jobs.result(before.id, 10) == 2

    def child() -> None:
        assert jobs.get(before.id).result == 2
        assert jobs.health().running == 0
        job = jobs.submit("double", 21, owner="child")
        assert jobs.result(job.id, 10) == 42
        assert [each.owner for each in jobs.list(owner="child").items] == ["child"]
        with pytest.raises(ForkError):
            jobs.submit(lambda _, __: None)
        jobs.shutdown()

    join(fork(child))
    assert jobs.counts()[JobState.SUCCEEDED] == 2
    after = jobs.submit("double", 2)
    assert jobs.result(after.id, 10) == 4


def test_what_a_child_cancels_is_cancelled_in_its_parent(jobs: JobManager) -> None:
    started = threading.Event()

    @jobs.handler("wait")
    def wait(ctx, _):
        started.set()
        eventually(ctx.should_abort)

    job = jobs.submit("wait")
    assert started.wait(10)

    def child() -> None:
        assert jobs.cancel(job.id).cancel_requested

    join(fork(child))
    assert jobs.wait(job.id, 10).state is JobState.CANCELLED


def test_forks_beside_busy_workers_harm_neither_side(jobs: JobManager) -> None:
    over = threading.Event()
    submitted: list[int] = []

    def submit() -> None:
        while not over.is_set():
            submitted.append(jobs.submit("double", len(submitted)).id)
            if len(submitted) % 50 == 0:
                jobs.wait(submitted[-1], 30)

    def child() -> None:
        assert jobs.get(1).id == 1
        job = jobs.submit("double", 100)
        jobs.submit("double", 100, delay=60.0)
        assert jobs.progress(job.id) is not None
        assert sum(jobs.counts().values()) > 1

    jobs.submit("double", 0)
    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for pid in [fork(child) for _ in range(20)]:
            join(pid)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    eventually(lambda: jobs.counts()[JobState.SUCCEEDED] == 1 + 20 + len(submitted))
    assert jobs.counts()[JobState.QUEUED] == 20
    assert jobs.health()[:3] == (True, 0, 0)
