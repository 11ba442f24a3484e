"""Handlers that do what they should not, and files that are not where they were."""

import logging
import os
import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import holdfast
from handlers import WAIT
from holdfast.jobs import JobContext, JobManager, WorkspaceError
from job_processes import eventually
from job_snapshots import publish

Make = Callable[..., JobManager]

# From 3.12 on Python warns of a fork beside threads, which is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Mute(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class Shapeless:
    def __str__(self) -> str:
        raise ValueError


def still_works(jobs: JobManager) -> None:
    assert jobs.result(jobs.submit(lambda ctx, payload: 1).id, WAIT) == 1


@pytest.mark.parametrize("error", [Mute(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_a_handler_raises_ends_the_job_alone(make: Make, error: BaseException) -> None:
    jobs = make(workers=1)

    def work(ctx: JobContext, _: Any) -> None:
        raise error

    job = jobs.wait(jobs.submit(work).id, WAIT)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.startswith(type(error).__name__)
    still_works(jobs)


def test_what_has_no_text_is_no_reason_to_fail(make: Make) -> None:
    jobs = make(workers=1)
    job = jobs.wait(jobs.submit(lambda ctx, _: ctx.report(1, Shapeless(), Shapeless())).id, WAIT)
    assert (job.state, job.progress) == ("succeeded", (1.0, "?", "?"))


def test_a_logging_filter_that_raises_ends_no_worker(make: Make) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise RuntimeError

    logger = logging.getLogger("holdfast.jobs")
    level = logger.level
    logger.setLevel("INFO")
    logger.addFilter(refuse)
    try:
        still_works(make(workers=1))
    finally:
        logger.removeFilter(refuse)
        logger.setLevel(level)


def test_a_thread_that_a_handler_left_behind_publishes_nothing(jobs: JobManager) -> None:
    go_on, told = threading.Event(), []

    def late(ctx: JobContext) -> None:
        go_on.wait(WAIT)
        ctx.report(99, "late")
        for act in (lambda: ctx.publish("documents"), lambda: ctx.workspace):
            with pytest.raises(WorkspaceError, match="the handler has returned"):
                act()
        told.append(True)

    def work(ctx: JobContext, _: Any) -> None:
        (ctx.workspace / "f").write_text("x")
        threads.append(threading.Thread(target=late, args=[ctx]))
        threads[0].start()

    threads: list[threading.Thread] = []
    job = jobs.wait(jobs.submit(work).id, WAIT)
    go_on.set()
    threads[0].join()
    assert told == [True]
    assert jobs.snapshots() == ()
    assert jobs.get(job.id).progress.phase is None


def test_a_child_that_a_handler_forks_ends_where_the_handler_does(jobs: JobManager) -> None:
    def work(ctx: JobContext, _: Any) -> str:
        child = os.fork()
        if child == 0:
            return "of the child"
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert ctx.workspace.exists()
        return "of the parent"

    assert jobs.result(jobs.submit(work).id, WAIT) == "of the parent"


def test_a_handler_may_shut_its_manager_down(jobs: JobManager) -> None:
    job = jobs.submit(lambda ctx, _: jobs.shutdown())
    assert jobs.wait(job.id, WAIT).state == "succeeded"
    jobs.shutdown()
    assert jobs.closed


def test_a_delayed_function_is_interrupted_when_its_manager_ends(make: Make) -> None:
    jobs, other = make(), make(workers=0)
    job = jobs.submit(lambda ctx, _: 1, delay=3600)
    jobs.shutdown()
    assert other.get(job.id).state == "interrupted"


def test_a_workspace_may_vanish_under_a_job(jobs: JobManager) -> None:
    def work(ctx: JobContext, _: Any) -> None:
        shutil.rmtree(ctx.workspace)
        ctx.publish("documents")

    job = jobs.wait(jobs.submit(work).id, WAIT)
    assert job.error is not None
    assert job.error.startswith("FileNotFoundError")
    still_works(jobs)


def test_a_path_as_deep_as_no_directory_is_refused(jobs: JobManager) -> None:
    job = jobs.wait(jobs.submit(lambda ctx, _: ctx.path("a/" * 1000 + "b")).id, WAIT)
    assert job.error is not None
    assert "is no relative path that stays in the workspace" in job.error


def test_a_copy_of_the_database_leaves_the_originals_snapshots_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.jobs.snapshots.GRACE", -1.0)
    monkeypatch.setattr("holdfast.jobs.keeper.CLEAR", 0.0)
    with holdfast.open(path) as db, JobManager(db, keep_snapshots=9) as jobs:
        snapshots = [publish(jobs, str(number)) for number in range(3)]
        db.backup(path.with_name("copy.db"))
        with (
            holdfast.open(path.with_name("copy.db")) as copy,
            JobManager(copy, keep_snapshots=1, max_snapshot_age=timedelta(0)) as others,
        ):
            others.handler("other")(lambda ctx, payload: None)
            eventually(lambda: len(others.snapshots()) == 1)
        assert all((snapshot.path / "c.txt").exists() for snapshot in snapshots)
