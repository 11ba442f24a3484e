"""What a reader of jobs, and a manager, tell of themselves."""

from collections.abc import Callable

import pytest

import holdfast
from handlers import WAIT
from holdfast.jobs import JobManager, JobReader
from processes import fork, join


def test_a_reader_is_ready_once_a_manager_was_there(
    opened: Callable[..., holdfast.Database],
) -> None:
    db = opened()
    readers = [JobReader(db), JobReader(opened(read_only=True))]
    assert [each.is_ready() for each in readers] == [False, False]
    with JobManager(db, workers=0) as jobs:
        assert jobs.is_ready()
        assert jobs.db is readers[0].db is db
    assert [each.is_ready(timeout=WAIT) for each in readers] == [True, True]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_manager_tells_how_many_jobs_it_runs_at_once(make: Callable[..., JobManager]) -> None:
    assert make(workers=0).workers == 0
    jobs = make(workers=3)

    def child() -> None:
        assert jobs.workers == 0

    join(fork(child))
    assert jobs.workers == 3


def test_jobs_that_were_queued_again_are_told_once(jobs: JobManager) -> None:
    @jobs.handler("fails")
    def fails(ctx: object, payload: object) -> None:
        raise ValueError("no")

    ids = [jobs.wait(jobs.submit("fails").id, WAIT).id for _ in range(3)]
    mark, none = JobReader(jobs.db).requeued()
    for job_id in ids[:2]:
        jobs.retry(job_id)
        jobs.wait(job_id, WAIT)
    assert none == ()
    assert jobs.requeued(mark, limit=1)[1] == (ids[1],)
    later, found = jobs.requeued(mark)
    assert found == (ids[1], ids[0])
    assert jobs.requeued(later) == (later, ())
    # What is pruned takes its history with it, and the numbers begin anew.
    assert jobs.prune(keep=1) == 2
    mark, none = jobs.requeued(later)
    assert mark < later and none == ()
    jobs.retry(ids[2])
    assert jobs.requeued(mark)[1] == (ids[2],)
