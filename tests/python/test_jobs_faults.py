"""The disk is full, the file is damaged or gone: jobs go on in memory, and what is lost is told."""

import logging
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager, JobState
from job_processes import end, eventually, worker
from processes import lock_held, run

_DOUBLE = "jobs.handler('double')(lambda _, number: 2 * number)\n"


@pytest.mark.parametrize("small_disk", [16], indirect=True)
def test_a_full_disk_is_survived_until_there_is_space(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with holdfast.open(small_disk / "app.db") as db, JobManager(db) as jobs:
        jobs.handler("double")(lambda _, number: 2 * number)
        assert jobs.result(jobs.submit("double", 1).id, 5) == 2
        fill(filler)
        # The log of the database may have room for a few more.
        ids = [jobs.submit("double", number, owner="x" * 200).id for number in range(400)]
        eventually(lambda: not jobs.health().saving, 10.0)
        job = jobs.submit("double", 21)
        assert not job.saved
        assert jobs.result(job.id, 5) == 42
        assert {jobs.wait(each, 10).state for each in ids} == {JobState.SUCCEEDED}
        filler.unlink()
        eventually(lambda: jobs.health().saving and not jobs.health().unsaved)
        assert jobs.get(job.id).saved
        assert jobs.counts()[JobState.SUCCEEDED] == 402
        assert jobs.health().lost == 0
        assert db.fetch_all("pragma integrity_check") == [("ok",)]


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


def test_a_file_that_may_not_grow_is_survived_until_it_may(path: Path) -> None:
    code = (
        _DOUBLE
        + """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
assert jobs.result(jobs.submit("double", 1).id, 5) == 2
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
ids = [jobs.submit("double", number).id for number in range(100)]
assert not jobs.submit("double", 0).saved
assert {jobs.wait(job_id, 10).state for job_id in ids} == {"succeeded"}
assert not jobs.health().saving
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
while jobs.health().unsaved or not jobs.health().saving:
    time.sleep(0.01)
say(jobs.counts()["succeeded"])
"""
    )
    with worker(path, code) as child:
        assert child.line() == "102"
        assert end(child) == []


_GONE = (
    _DOUBLE
    + """
assert jobs.result(jobs.submit("double", 1).id, 5) == 2
db.checkpoint("truncate")
say("running")
sys.stdin.readline()
job = jobs.submit("double", 21)
while job.saved:
    # What is in memory of the file may do for a while.
    time.sleep(0.01)
    job = jobs.submit("double", 21)
say(jobs.health().saving)
say(jobs.result(job.id, 5))
say(jobs.health().unsaved > 0)
"""
)

# Overwrites all that another process has in its file, but for the header.
_DAMAGE = """
import os, sys
with open(sys.argv[1], "r+b", buffering=0) as file:
    file.seek(100)
    file.write(b"\\xa5" * (os.fstat(file.fileno()).st_size - 100))
"""


def test_a_file_that_is_deleted_leaves_jobs_in_memory(path: Path) -> None:
    with worker(path, _GONE, ending={"timeout": 5}) as child:
        assert child.line() == "running"
        path.unlink()
        child.send()
        assert [child.line() for _ in range(3)] == ["False", "42", "True"]
        child.send()
        assert child.wait(20.0) == 0
        # What cannot be saved is told when it is given up, and nothing else.
        assert "never written" in child.errors
        assert "Traceback" not in child.errors


def test_a_file_that_is_damaged_leaves_jobs_in_memory(path: Path) -> None:
    with worker(path, _GONE, ending={"timeout": 5}) as child:
        assert child.line() == "running"
        run(_DAMAGE, path)
        child.send()
        assert [child.line(), child.line()] == ["False", "42"]
        child.send()
        assert child.wait(20.0) == 0
        assert "Traceback" not in child.errors


def test_what_a_shutdown_gives_up_is_counted_and_told(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with holdfast.open(path) as db:
        jobs = JobManager(db)
        jobs.handler("double")(lambda _, number: 2 * number)
        with lock_held(path):
            ended = jobs.submit("double", 1)
            jobs.wait(ended.id, 5)
            jobs.submit("double", 1, delay=60.0)
            with caplog.at_level(logging.ERROR, "holdfast.jobs"):
                jobs.shutdown(timeout=1.0)
        assert jobs.health().lost >= 2
        assert [r.levelname for r in caplog.records].count("ERROR") == 1
        with JobManager(db, workers=0) as after:
            assert sum(after.counts().values()) == 0


def test_a_manager_starts_while_the_database_is_locked(path: Path) -> None:
    with holdfast.open(path) as db, JobManager(db, workers=0):
        pass
    code = _DOUBLE + "job = jobs.submit('double', 21)\nsay(job.saved)\nsay(jobs.result(job.id, 5))"
    with lock_held(path), worker(path, code) as child:
        assert [child.line(), child.line()] == ["False", "42"]
        child.kill()


def test_a_process_that_is_killed_with_jobs_in_memory_leaves_no_trace_of_them(path: Path) -> None:
    code = _DOUBLE + "jobs.submit('double', 0)\nsay(jobs.submit('double', 1).saved)"
    with holdfast.open(path) as db, JobManager(db) as jobs:
        jobs.handler("other")(lambda _, __: None)
        with lock_held(path), worker(path, code) as child:
            assert child.line() == "False"
            child.kill()
        eventually(lambda: jobs.health().saving and not jobs.health().unsaved)
        assert sum(jobs.counts().values()) == 0
