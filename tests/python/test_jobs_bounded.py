"""However much is reported, watched or queued: memory, writes and the processor stay in bounds."""

import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager, JobState
from job_processes import eventually
from processes import run

# Memory of its own in kilobytes: the mapped file is not counted.
_MEASURE = """
import sys, threading, time, holdfast
from holdfast.jobs import JobManager

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

db = holdfast.open(sys.argv[1])
jobs = JobManager(db, workers=1)

@jobs.handler("report")
def report(ctx, count):
    for number in range(count):
        ctx.report(number / count * 100, "counting", f"number {number}")

@jobs.handler("note")
def note(ctx, number):
    return number
"""


@pytest.fixture
def jobs(path: Path) -> Iterator[JobManager]:
    with holdfast.open(path) as db, JobManager(db) as manager:
        yield manager


def test_a_million_reports_write_a_few_times_a_second(jobs: JobManager, path: Path) -> None:
    @jobs.handler("report")
    def report(ctx, count):
        for number in range(count):
            ctx.report(number / count * 100, "counting", str(number))

    with holdfast.open(path) as db:
        before, begun = db.stats()["writes"], time.monotonic()
        job = jobs.submit("report", 1_000_000)
        done = jobs.wait(job.id, 60)
        written, seconds = db.stats()["writes"] - before, time.monotonic() - begun
    assert done.state is JobState.SUCCEEDED
    assert done.progress.message == "999999"
    # Five a second for reports and the lease, and some for the job itself.
    assert written <= 5 * seconds + 10
    assert len(jobs.events(job.id)) == 3


def test_a_million_reports_and_a_deaf_subscriber_leave_memory_flat(path: Path) -> None:
    code = (
        _MEASURE
        + """
jobs.result(jobs.submit("report", 100_000).id)
before = resident()
job = jobs.submit("report", 1_000_000)
deaf = [jobs.subscribe(job.id) for _ in range(100)]
for each in deaf:
    next(each)
jobs.wait(job.id)
print(resident() - before)
for each in deaf:
    each.close()
jobs.shutdown()
db.close()
"""
    )
    assert int(run(code, path)[-1]) < 2_000


def test_ten_thousand_queued_jobs_leave_memory_flat(path: Path) -> None:
    code = (
        _MEASURE
        + """
gate = threading.Event()
jobs.handler("wait")(lambda ctx, _: gate.wait(60))
for number in range(500):
    last = jobs.submit("note", {"number": number, "name": "x" * 500})
jobs.wait(last.id)
jobs.submit("wait", priority=9)
before = resident()
with db.transaction() as tx:
    for number in range(10_000):
        last = jobs.submit("note", {"number": number, "name": "x" * 500}, tx=tx)
submitted = resident()
gate.set()
jobs.wait(last.id)
while jobs.counts()["succeeded"] < 10_501:
    time.sleep(0.01)
print(submitted - before, resident() - submitted)
jobs.shutdown()
db.close()
"""
    )
    # Half of it is what connections keep of the file.
    queued, ran = map(int, run(code, path)[-1].split())
    assert queued < 16_000
    assert ran < 16_000


def test_waiting_for_handlers_to_end_costs_no_processor(jobs: JobManager) -> None:
    jobs.handler("slow")(lambda _, __: time.sleep(1.5))
    job = jobs.submit("slow")
    eventually(lambda: jobs.status(job.id) is JobState.RUNNING)
    before = processor()
    jobs.shutdown()
    assert jobs.status(job.id) is JobState.SUCCEEDED
    assert processor() - before < 0.4


def test_an_idle_manager_costs_next_to_no_processor_and_writes_little(path: Path) -> None:
    with holdfast.open(path) as db, JobManager(db, workers=4) as jobs:
        jobs.handler("note")(lambda _, number: number)
        jobs.result(jobs.submit("note", 1).id, 10)
        before, written = processor(), db.stats()["writes"]
        assert not threading.Event().wait(2.0)
        assert processor() - before < 0.2
        # The lease of 30 s is renewed every ten.
        assert db.stats()["writes"] - written <= 2


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
