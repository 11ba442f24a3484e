"""A process that ends, by itself or by a signal, while its manager has jobs."""

import logging
import signal
import time
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager, JobState
from job_processes import eventually, until_stopped, worker
from processes import Child

_NEVER_ENDS = """
import logging, os, sys, threading, time, holdfast
import holdfast.jobs.keeper, holdfast.jobs.manager
from holdfast.jobs import JobManager

logging.getLogger("holdfast").setLevel(logging.ERROR)
holdfast.jobs.keeper.GRACE = 0.1
holdfast.jobs.manager.EXIT = float(sys.argv[2])
jobs = JobManager(holdfast.open(sys.argv[1]), workers=2)

@jobs.handler("deaf")
def deaf(ctx, _):
    os.write(1, b"started\\n")
    while True:
        time.sleep(0.01)

@jobs.handler("stray", timeout=0.1)
def stray(ctx, _):
    deaf(ctx, _)

@jobs.handler("polite")
def polite(ctx, _):
    os.write(1, b"started\\n")
    while True:
        ctx.check()
        time.sleep(0.01)

ids = [jobs.submit(kind).id for kind in sys.argv[3:]]
os.write(1, (" ".join(map(str, ids)) + "\\n").encode())
sys.stdin.readline()
"""


def started(child: Child, count: int) -> list[int]:
    """Read the ids of jobs when so many have started."""
    lines = [child.line() for _ in range(count + 1)]
    (ids,) = {*lines} - {"started"}
    return list(map(int, ids.split()))


def test_an_exit_stops_what_runs_and_gives_it_back(path: Path) -> None:
    with Child(_NEVER_ENDS, path, 5.0, "polite", "polite", "polite") as child:
        ids = started(child, 2)
        begun = time.monotonic()
        child.send()
        assert child.finish(10.0) == []
        assert time.monotonic() - begun < 2.0
    with holdfast.open(path) as db, JobManager(db, workers=0) as jobs:
        found = [jobs.get(job_id) for job_id in ids]
        assert {(job.state, job.losses, job.failures) for job in found} == {(JobState.QUEUED, 0, 0)}
        assert db.fetch_value("select count(*) from job_holders") == 0


def test_an_exit_does_not_wait_for_handlers_that_never_end(path: Path) -> None:
    with Child(_NEVER_ENDS, path, 0.5, "stray", "deaf") as child:
        stray, deaf = started(child, 2)
        with holdfast.open(path) as db, JobManager(db, workers=0) as jobs:
            assert jobs.wait(stray, 10).state is JobState.FAILED
            begun = time.monotonic()
            child.send()
            assert child.finish(10.0) == []
            assert time.monotonic() - begun < 4.0
            job = jobs.get(deaf)
            assert (job.state, job.losses, job.failures) == (JobState.QUEUED, 0, 0)


def test_a_keyboard_interrupt_ends_a_wait_and_not_the_job(path: Path) -> None:
    code = """
@jobs.handler("slow")
def slow(ctx, _):
    gate.wait(30)
    return "ended"

gate = threading.Event()
job = jobs.submit("slow")
try:
    say("waiting")
    jobs.wait(job.id)
except KeyboardInterrupt:
    say("interrupted")
gate.set()
say(jobs.result(job.id, 10))
"""
    with worker(path, code) as child:
        assert child.line() == "waiting"
        begun = time.monotonic()
        child.signal(signal.SIGINT)
        assert child.line() == "interrupted"
        assert time.monotonic() - begun < 1.0
        assert child.line() == "ended"
        child.send()
        child.finish()


class Slow(logging.Handler):
    """Holds a worker up between the start of a job in the database and that of its handler."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("job_completed"):
            time.sleep(0.3)


def test_a_shutdown_that_cancels_reaches_a_job_that_was_started_just_now(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "holdfast.jobs")
    logger, slow = logging.getLogger("holdfast.jobs"), Slow()
    with holdfast.open(path) as db:
        jobs = JobManager(db, workers=1)
        ready = []
        jobs.handler("first")(lambda _, __: eventually(lambda: ready))
        jobs.handler("long")(lambda ctx, _: until_stopped(ctx, 3.0))
        jobs.submit("first")
        job = jobs.submit("long")
        logger.addHandler(slow)
        try:
            ready.append(True)
            eventually(lambda: jobs.status(job.id) is JobState.RUNNING)
            jobs.shutdown(cancel=True)
        finally:
            logger.removeHandler(slow)
        assert jobs.status(job.id) is JobState.QUEUED


def test_a_function_for_a_holder_that_was_given_up_is_interrupted(path: Path) -> None:
    with holdfast.open(path) as db, JobManager(db, workers=1) as jobs:
        jobs.handler("other")(lambda _, __: None)
        db.execute(
            "insert into jobs (id, kind, queue, created_at) "
            "values (1, 'f', 'holder:5', '2026-01-01 00:00:00+00:00')"
        )
        assert jobs.wait(1, 10).state == "interrupted"
