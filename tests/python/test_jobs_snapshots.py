"""Workspaces, and publishing them: all or nothing, once, and nowhere else."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from handlers import WAIT
from holdfast.jobs import JobContext, JobManager, WorkspaceError
from job_processes import eventually
from job_snapshots import files, publish

Make = Callable[..., JobManager]


def test_a_snapshot_is_the_whole_workspace(jobs: JobManager, path: Path) -> None:
    assert jobs.latest("documents") is None
    snapshot = publish(jobs, "hello")
    assert (snapshot.name, snapshot.files, snapshot.size) == ("documents", 2, 6)
    assert files(snapshot.path) == ["a/b.txt", "c.txt"]
    assert snapshot.path.is_relative_to(path.parent / "snapshots")
    assert jobs.latest("documents") == snapshot == jobs.snapshots("documents")[0]
    assert files(path.parent / "staging") == []
    newer = publish(jobs, "hello again")
    assert jobs.latest("documents") == newer
    assert (snapshot.path / "a/b.txt").read_text() == "hello"


def test_a_job_publishes_a_name_once_however_often_it_runs(jobs: JobManager) -> None:
    @jobs.handler("twice", retries=1)
    def twice(ctx: JobContext, _: Any) -> list[int]:
        (ctx.workspace / "f").write_text(str(ctx.attempt))
        first = ctx.publish("documents")
        (ctx.workspace / "f").write_text("other")
        assert ctx.publish("documents") == first
        (ctx.workspace / "f").write_text("index")
        second = ctx.publish("index")
        if ctx.attempt == 1:
            raise RuntimeError("after it was published")
        return [first.id, second.id]

    assert jobs.result(jobs.submit("twice").id, WAIT) == [1, 2]
    documents, index = (jobs.latest(name) for name in ("documents", "index"))
    assert documents is not None
    assert index is not None
    assert (documents.path / "f").read_text() == "1"
    assert (index.path / "f").read_text() == "index"
    assert len(jobs.snapshots()) == 2


def test_nothing_of_a_cancelled_job_is_published(jobs: JobManager, path: Path) -> None:
    written, go_on = threading.Event(), threading.Event()

    @jobs.handler("late")
    def late(ctx: JobContext, _: Any) -> None:
        (ctx.workspace / "f").write_text("x")
        written.set()
        go_on.wait(WAIT)
        ctx.publish("documents")

    job = jobs.submit("late")
    assert written.wait(WAIT)
    jobs.cancel(job.id)
    go_on.set()
    assert jobs.wait(job.id, WAIT).state == "cancelled"
    assert jobs.snapshots() == ()
    assert files(path.parent) == ["app.db", "app.db-shm", "app.db-wal"]


def test_a_cancel_after_the_publication_comes_too_late(jobs: JobManager) -> None:
    published, go_on = threading.Event(), threading.Event()

    def work(ctx: JobContext, _: Any) -> None:
        (ctx.workspace / "f").write_text("x")
        ctx.publish("documents")
        published.set()
        go_on.wait(WAIT)

    job = jobs.submit(work)
    assert published.wait(WAIT)
    asked = jobs.cancel(job.id)
    assert (asked.state, asked.cancel_requested) == ("running", False)
    go_on.set()
    assert jobs.wait(job.id, WAIT).state == "succeeded"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", ".", "a\0b", "out/x"])
def test_a_path_cannot_leave_the_workspace(jobs: JobManager, tmp_path: Path, name: str) -> None:
    def work(ctx: JobContext, _: Any) -> None:
        (ctx.workspace / "out").symlink_to(tmp_path)
        ctx.path(name)

    job = jobs.wait(jobs.submit(work).id, WAIT)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.startswith("WorkspaceError: ")


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe"])
def test_only_plain_files_are_published(jobs: JobManager, tmp_path: Path, kind: str) -> None:
    def work(ctx: JobContext, _: Any) -> None:
        match kind:
            case "link":
                (ctx.workspace / "x").symlink_to("/etc/passwd")
            case "folder link":
                (ctx.workspace / "x").symlink_to(tmp_path)
            case _:
                os.mkfifo(ctx.workspace / "x")
        with pytest.raises(WorkspaceError, match="'x' is a link or special file"):
            ctx.publish("documents")

    assert jobs.wait(jobs.submit(work).id, WAIT).error is None
    assert jobs.snapshots() == ()


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 101, "nul\0"])
def test_a_snapshot_has_a_plain_name(jobs: JobManager, name: str) -> None:
    def work(ctx: JobContext, _: Any) -> None:
        (ctx.workspace / "f").write_text("x")
        ctx.publish(name)

    job = jobs.wait(jobs.submit(work).id, WAIT)
    assert job.error is not None
    assert "cannot be the name of a snapshot" in job.error


def test_a_data_directory_with_a_link_in_it_is_refused(jobs: JobManager, path: Path) -> None:
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir()
    (path.parent / "staging").symlink_to(elsewhere)
    job = jobs.wait(jobs.submit(lambda ctx, payload: str(ctx.workspace)).id, WAIT)
    assert job.error is not None
    assert "staging in the data directory is a link" in job.error
    assert list(elsewhere.iterdir()) == []


def test_a_job_that_has_published_and_waits_to_be_tried_again_is_not_cancelled(
    jobs: JobManager,
) -> None:
    @jobs.handler("late", retries=holdfast.RetryPolicy(attempts=2, min_delay=60, max_delay=60))
    def late(ctx: JobContext, _: Any) -> None:
        (ctx.workspace / "f").write_text("x")
        ctx.publish("documents")
        raise RuntimeError("after it was published")

    job = jobs.submit("late")
    eventually(lambda: jobs.get(job.id).failures == 1)
    assert jobs.cancel(job.id).state == "queued"
