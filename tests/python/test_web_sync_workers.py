"""Who runs the syncs that are asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from handlers import WAIT
from holdfast.artifacts import ArtifactIndex
from holdfast.jobs import JobManager, JobReader
from holdfast.web.sync import KIND, root_of
from web_apps import dashboard, problem

SYNC = "/api/v1/database/sync"
STATS = "/api/v1/database/stats"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    root.mkdir()
    (root / "a.md").write_text("---\ntitle: A\n---\n")
    return root


@pytest.mark.parametrize("kind", ["reader", "no workers", "shut down"])
def test_a_sync_needs_somebody_to_run_it(
    make: Callable[..., JobManager], root: Path, kind: str
) -> None:
    manager = make(workers=0 if kind == "no workers" else 1)
    jobs: JobReader = JobReader(manager._db) if kind == "reader" else manager
    if kind == "shut down":
        manager.shutdown()
    with dashboard(manager._db, index=ArtifactIndex(manager._db, root), jobs=jobs) as web:
        problem(web.post(SYNC), 409)
        assert web.get(STATS).json()["can_sync"] is False


@pytest.mark.parametrize("can", [True, False])
def test_the_statistics_tell_whether_a_sync_can_be_asked_for(
    jobs: JobManager, root: Path, can: bool
) -> None:
    index = ArtifactIndex(jobs.db, root)
    with dashboard(jobs.db, index=index, jobs=jobs, read_only=not can) as web:
        assert web.get(STATS).json()["can_sync"] is can
    with dashboard(jobs.db, jobs=jobs) as web:
        assert web.get(STATS).json()["can_sync"] is False


def test_a_queued_sync_of_an_earlier_run_is_taken_up(
    make: Callable[..., JobManager], root: Path
) -> None:
    before = make(workers=0)
    index = ArtifactIndex(before._db, root)
    payload = {"mode": "full", "dry_run": False, "root": root_of(index)}
    job = before.submit(KIND, payload)
    jobs = make()
    with dashboard(jobs._db, index=index, jobs=jobs):
        assert jobs.result(job.id, WAIT)["added"] == 1


def test_a_sync_of_another_folder_is_not_done(jobs: JobManager, root: Path) -> None:
    index = ArtifactIndex(jobs._db, root)
    with dashboard(jobs._db, index=index, jobs=jobs):
        payload = {"mode": "full", "dry_run": False, "root": "another"}
        job = jobs.wait(jobs.submit(KIND, payload).id, WAIT)
        assert job.state == "failed" and "another directory" in str(job.error)


def test_a_dashboard_starts_although_the_database_of_its_jobs_fails(
    db: holdfast.Database, root: Path, tmp_path: Path
) -> None:
    with holdfast.open(tmp_path / "jobs.db") as other, JobManager(other) as jobs:
        jobs.shutdown()
        other.close()
        with dashboard(db, index=ArtifactIndex(db, root), jobs=jobs) as web:
            assert web.get("/").status_code == 200
            assert web.get("/health").status_code == 503
            problem(web.post(SYNC), 503)
