"""The sync of the index as a job, from the button."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from handlers import WAIT
from holdfast.artifacts import ArtifactIndex, SyncResult
from holdfast.jobs import JobManager
from holdfast.web.sync import KIND
from web_apps import Events, below, dashboard, served

SYNC = "/api/v1/database/sync"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    root.mkdir()
    for number in range(1200):
        (root / f"{number}.md").write_text(f"---\ntitle: T{number}\n---\nText {number}.\n")
    return root


class Held(ArtifactIndex):
    """An index whose syncs wait after a part, until they may go on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def sync(self, *arguments: Any, progress: Any = None, **settings: Any) -> SyncResult:
        def held(done: int, total: int) -> None:
            if progress is not None:
                progress(done, total)
            self.begun.set()
            assert self.go_on.wait(WAIT)
            if progress is not None:
                progress(done, total)

        return super().sync(*arguments, progress=held, **settings)


@pytest.fixture
def index(jobs: JobManager, root: Path) -> Iterator[Held]:
    held = Held(jobs._db, root)
    yield held
    held.go_on.set()


@pytest.fixture
def web(jobs: JobManager, index: Held) -> Iterator[httpx.Client]:
    with dashboard(jobs._db, index=index, jobs=jobs) as client:
        yield client


def test_a_sync_is_a_job(web: httpx.Client, jobs: JobManager, index: Held) -> None:
    index.go_on.set()
    found = web.post(SYNC)
    assert found.status_code == 202
    job = found.json()
    assert found.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["kind"], job["payload"]["mode"], job["payload"]["dry_run"]) == (
        KIND,
        "incremental",
        False,
    )
    assert jobs.wait(job["id"], WAIT).state == "succeeded"
    result = web.get(found.headers["location"]).json()["result"]
    assert (result["added"], result["scanned"], result["errors"]) == (1200, 1200, 0)
    assert result["summary"] == "1200 new, 0 updated, 0 unchanged, 0 removed, 0 errors"
    assert web.get("/api/v1/database/artifacts").json()["total"] == 1200


def test_a_second_request_returns_the_job_that_runs(
    web: httpx.Client, jobs: JobManager, index: Held
) -> None:
    first = web.post(SYNC).json()
    assert index.begun.wait(WAIT)
    for body in ({}, {"mode": "full"}, {"dry_run": True}):
        again = web.post(SYNC, json=body)
        assert (again.status_code, again.json()["id"]) == (202, first["id"])
    index.go_on.set()
    jobs.wait(first["id"], WAIT)
    assert web.post(SYNC).json()["id"] != first["id"]


def test_two_requests_at_once_give_one_job(web: httpx.Client, index: Held) -> None:
    ids: list[int] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        ids.append(web.post(SYNC).json()["id"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8 and len(set(ids)) == 1


def test_others_are_served_while_it_runs(web: httpx.Client, index: Held) -> None:
    job = web.post(SYNC).json()["id"]
    assert index.begun.wait(WAIT)
    assert web.get("/health").elapsed.total_seconds() < 2
    assert web.get("/api/v1/database/stats").json()["jobs"]["running"] == 1
    found = web.get(f"/api/v1/jobs/{job}").json()
    assert found["progress"]["phase"] == "sync"
    assert found["progress"]["message"].endswith(" files")
    index.go_on.set()


def test_a_sync_is_cancelled(web: httpx.Client, jobs: JobManager, index: Held) -> None:
    job = web.post(SYNC).json()["id"]
    assert index.begun.wait(WAIT)
    assert web.post(f"/api/v1/jobs/{job}/cancel").json()["cancel_requested"]
    index.go_on.set()
    assert jobs.wait(job, WAIT).state == "cancelled"
    (line,) = web.get("/api/v1/database/sync-log").json()["items"]
    assert line["status"] == "cancelled"
    # What it had written is whole, and the next one goes on.
    assert web.post(f"/api/v1/jobs/{job}/retry").json()["state"] == "queued"
    assert jobs.wait(job, WAIT).state == "succeeded"
    assert web.get("/api/v1/database/artifacts").json()["total"] == 1200


def test_a_dry_run_writes_nothing(web: httpx.Client, jobs: JobManager, index: Held) -> None:
    index.go_on.set()
    job = web.post(SYNC, json={"mode": "full", "dry_run": True}).json()
    result = jobs.result(job["id"], WAIT)
    assert (result["dry_run"], result["added"]) == (True, 1200)
    assert web.get("/api/v1/database/sync-log").json()["items"] == []


def test_those_who_listen_follow_it(web: httpx.Client, index: Held) -> None:
    with Events(web) as events:
        events.next("stats")
        job = web.post(SYNC).json()["id"]
        seen = {"job": [], "sync": []}
        index.go_on.set()
        while "completed" not in seen["sync"] or "succeeded" not in seen["job"]:
            event, found = events.next("job", "sync")
            seen[event].append(found["state"] if event == "job" else found["status"])
            assert event == "sync" or found["id"] == job


def test_what_went_wrong_is_told_without_the_folder(
    web: httpx.Client, jobs: JobManager, index: Held, root: Path
) -> None:
    index.go_on.set()
    for file in root.iterdir():
        file.write_text("---\ntitle: [\n---\n")
    job = web.post(SYNC).json()
    result = jobs.result(job["id"], WAIT)
    assert (result["errors"], len(result["problems"])) == (1200, 20)
    root.rename(root.with_name("gone"))
    job = web.post(SYNC).json()
    assert jobs.wait(job["id"], WAIT).state == "failed"
    text = web.get(f"/api/v1/jobs/{job['id']}").text
    assert str(root.parent) not in text


def test_where_the_job_is_below_a_prefix(jobs: JobManager, index: Held) -> None:
    index.go_on.set()
    made = below("/state", jobs._db, index=index, jobs=jobs)
    with served(made, root_path="/proxy") as web:
        location = web.post(f"/state{SYNC}").headers["location"]
        assert location.startswith("/proxy/state/api/v1/jobs/")
