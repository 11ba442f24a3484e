"""One queue for several processes and threads: each job once, in order, and by the rules."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager, JobState, QueueFullError
from job_processes import end, eventually, worker
from processes import Child, look

_NOTE = """
@jobs.handler("note")
def note(ctx, number):
    say(number)
"""


@pytest.fixture
def db(path: Path) -> Iterator[holdfast.Database]:
    with holdfast.open(path) as database:
        yield database


@pytest.fixture
def jobs(db: holdfast.Database) -> Iterator[JobManager]:
    """A manager that only submits and looks."""
    with JobManager(db, workers=0) as manager:
        yield manager


def test_three_processes_run_each_job_once(jobs: JobManager, path: Path) -> None:
    ids = [jobs.submit("note", number).id for number in range(150)]
    children = [worker(path, _NOTE, workers=2) for _ in range(3)]
    try:
        ids += [jobs.submit("note", number).id for number in range(150, 300)]
        for job_id in ids:
            assert jobs.wait(job_id, 30).state is JobState.SUCCEEDED
        ran = Counter(map(int, end(*children)))
    finally:
        for child in children:
            child.kill()
    assert ran == Counter(range(300))
    assert jobs.counts()[JobState.SUCCEEDED] == 300


def test_threads_and_processes_with_one_dedupe_key_make_one_job(
    jobs: JobManager, path: Path
) -> None:
    code = """
sys.stdin.readline()
found = set()
def submit():
    for _ in range(20):
        found.add(jobs.submit("note", dedupe_key="key").id)
threads = [threading.Thread(target=submit) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
say(sorted(found))
"""

    def both() -> list[str]:
        with worker(path, code, workers=0) as first, worker(path, code, workers=0) as second:
            children: tuple[Child, ...] = (first, second)
            for child in children:
                child.send()
            lines = [child.line() for child in children]
            end(*children)
            return lines

    assert both() == ["[1]", "[1]"]
    assert jobs.submit("other", dedupe_key="key").id == 2
    assert jobs.cancel(1).state is JobState.CANCELLED
    assert both() == ["[3]", "[3]"]
    assert jobs.counts()[JobState.QUEUED] == 2


def test_the_most_urgent_runs_first_and_equals_in_order(
    db: holdfast.Database, jobs: JobManager
) -> None:
    order: list[int] = []
    for number, priority in enumerate([0, 7, -1, 7, 0, 100]):
        last = jobs.submit("note", number, priority=priority)
        if priority == -1:
            least = last
    with JobManager(db, workers=1) as running:
        running.handler("note")(lambda _, number: order.append(number))
        running.wait(least.id, 10)
    assert order == [5, 1, 3, 0, 4, 2]


def test_a_job_is_not_started_before_its_time(db: holdfast.Database, jobs: JobManager) -> None:
    begun = datetime.now(UTC)
    late = jobs.submit("note", run_at=begun + timedelta(seconds=0.8))
    later = jobs.submit("note", delay=1.0)
    past = jobs.submit("note", run_at=begun - timedelta(days=1))
    never = jobs.submit("note", delay=3600, priority=9)
    with JobManager(db) as running:
        running.handler("note")(lambda _, __: None)
        for job, after in ((past, 0.0), (late, 0.8), (later, 1.0)):
            started = running.wait(job.id, 10).started_at
            assert started is not None
            assert after - 0.01 <= (started - begun).total_seconds() < after + 1.0
        assert running.status(never.id) is JobState.QUEUED


@pytest.mark.parametrize("size", [1, 2, 10])
def test_a_queue_takes_as_many_as_it_may(db: holdfast.Database, size: int) -> None:
    with JobManager(db, workers=0, queue_size=size) as jobs:
        ids = [jobs.submit("note", number).id for number in range(size)]
        with pytest.raises(QueueFullError):
            jobs.submit("note")
        jobs.cancel(ids[0])
        jobs.submit("note", delay=60.0)
        with pytest.raises(QueueFullError):
            jobs.submit("note")


def test_workers_that_are_woken_at_once_leave_no_job_behind(db: holdfast.Database) -> None:
    with JobManager(db, workers=4) as jobs:
        jobs.handler("note")(lambda _, number: number)
        ids: list[int] = []

        def submit(number: int) -> None:
            for _ in range(50):
                ids.append(jobs.submit(lambda _, value: value, number).id)
                ids.append(jobs.submit("note", number).id)

        threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(lambda: jobs.counts()[JobState.SUCCEEDED] == 400)
        assert sum(jobs.result(job_id) for job_id in ids) == 100 * (0 + 1 + 2 + 3)


_ALLOWED = {
    "queued": {"running", "cancelled", "interrupted"},
    "running": {"queued", "succeeded", "failed", "cancelled", "interrupted"},
    "failed": {"queued"},
    "cancelled": {"queued"},
    "interrupted": {"queued"},
    "succeeded": set(),
}


@pytest.mark.parametrize(("old", "new"), [*itertools.product(_ALLOWED, _ALLOWED)])
@pytest.mark.usefixtures("jobs")
def test_a_job_goes_only_where_the_rules_allow(db: holdfast.Database, old: str, new: str) -> None:
    db.execute(
        "insert into jobs (kind, queue, state, ready, created_at, seen_at) "
        "values ('a', 'a', ?1, case ?1 when 'queued' then 1 end, 'now', 'now')",
        [old],
    )
    change = "update jobs set state = ?1, ready = case ?1 when 'queued' then 1 end"
    if new == old or new in _ALLOWED[old]:
        assert db.execute(change, [new]) == 1
    else:
        with pytest.raises(holdfast.IntegrityError):
            db.execute(change, [new])
    assert db.fetch_value("select state from jobs") in (old, new)


def test_the_file_is_read_by_other_sqlites(jobs: JobManager, path: Path) -> None:
    jobs.submit("note")
    assert look(path, "select count(*) from jobs") == [[1]]
