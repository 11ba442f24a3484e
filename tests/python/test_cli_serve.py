"""`holdfast serve`, as a shell runs it."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

import holdfast
from command_line import FILL, failure, make
from command_line import holdfast as command
from handlers import WAIT
from holdfast.jobs import JobManager, JobReader
from job_processes import eventually
from processes import look
from serving import end, serving
from web_apps import Events, problem

SYNC = "/api/v1/database/sync"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(30):
        (docs / f"{number}.md").write_text(f"---\ntitle: T{number}\n---\nText {number}.\n")
    return docs


def test_one_file_serves_all(tmp_path: Path, docs: Path) -> None:
    with serving("app.db", "--root", "docs", cwd=tmp_path) as (web, process):
        job = web.post(SYNC).raise_for_status().json()["id"]
        eventually(lambda: web.get(f"/api/v1/jobs/{job}").json()["finished"])
        assert web.get(f"/api/v1/jobs/{job}").json()["result"]["added"] == 30
        assert web.get("/api/v1/database/artifacts").json()["total"] == 30
        stats = web.get("/api/v1/database/stats").json()
        artifacts = stats["schema"].pop("artifacts")
        assert stats["schema"] == {"app": 0, "jobs": 1, "history": 0, "runs": 0} and artifacts
        assert web.post("/api/v1/database/backup").status_code == 201
        end(process, signal.SIGINT, 130)
    assert next(each.name for each in (tmp_path / "backups").iterdir()).startswith("app-")
    assert not list(tmp_path.glob("app.db-*")), "the database was closed"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_at_once_although_somebody_listens(
    tmp_path: Path, docs: Path, number: signal.Signals, code: int
) -> None:
    with serving("--root", docs, cwd=tmp_path) as (web, process):
        listening = [Events(web) for _ in range(3)]
        for events in listening:
            events.next("stats")
        begun = time.monotonic()
        end(process, number, code)
        assert time.monotonic() - begun < 3
        for events in listening:
            events.close()
    kept = {each.name for each in (docs / ".holdfast").iterdir()}
    assert {".gitignore", "artifacts.db"} <= kept
    assert not [name for name in kept if name.startswith("artifacts.db-")]


def test_a_file_of_others_is_left_as_it_is(tmp_path: Path) -> None:
    path = make(tmp_path / "theirs.db", *FILL, journal_mode="delete", auto_vacuum="none")
    tables = look(path, "select name from sqlite_schema")
    with serving(path, cwd=tmp_path) as (web, process):
        stats = web.get("/api/v1/database/stats").json()
        assert stats["pragmas"]["journal_mode"] == "delete"
        assert set(stats["schema"].values()) == {0}
        assert stats["jobs"] is stats["index"] is None
        problem(web.post("/api/v1/database/vacuum"), 409)
        end(process, signal.SIGINT, 130)
    assert look(path, "select name from sqlite_schema") == tables
    assert look(path, "pragma journal_mode") == [["delete"]]


def test_jobs_of_an_app_are_shown_and_cancelled_but_not_run(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with holdfast.open(path) as db, JobManager(db, workers=0) as jobs:
        job = jobs.submit("of the app").id
        with serving(path, cwd=tmp_path) as (web, process):
            assert web.get(f"/api/v1/jobs/{job}").json()["state"] == "queued"
            assert web.post(f"/api/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
            end(process, signal.SIGINT, 130)
        assert jobs.get(job).state == "cancelled"


def test_what_an_app_keeps_is_kept(tmp_path: Path, docs: Path) -> None:
    def publish(ctx: Any, payload: Any) -> None:
        ctx.path("a").write_text("a")
        ctx.publish("of-the-app")

    path = tmp_path / "app.db"
    with holdfast.open(path) as db:
        with JobManager(db, keep_snapshots=50) as jobs:
            for _ in range(8):
                jobs.wait(jobs.submit(publish).id)
        with serving(path, "--root", docs, cwd=tmp_path) as (web, process):
            job = web.post(SYNC).raise_for_status().json()["id"]
            JobReader(db).wait(job, WAIT)
            end(process, signal.SIGINT, 130)
        assert len(JobReader(db).snapshots("of-the-app")) == 8
        assert len(list((tmp_path / "snapshots").rglob("a"))) == 8


def test_the_index_of_a_folder_is_the_one_of_the_other_commands(tmp_path: Path, docs: Path) -> None:
    assert command("artifacts", "sync", docs).code == 0
    with serving("--root", docs, "--read-only", cwd=tmp_path) as (web, process):
        assert web.get("/api/v1/database/artifacts").json()["total"] == 30
        end(process, signal.SIGINT, 130)
    with serving(cwd=tmp_path) as (web, process):
        assert web.get("/api/v1/database/stats").json()["name"] == "holdfast.db"
        end(process, signal.SIGINT, 130)


def test_read_only_changes_nothing(tmp_path: Path, docs: Path) -> None:
    path = tmp_path / "app.db"
    with serving(path, "--root", docs, cwd=tmp_path) as (web, process):
        assert web.get("/api/v1/database/artifacts").json()["total"] == 30
        end(process, signal.SIGINT, 130)
    with serving(path, "--root", docs, "--read-only", cwd=tmp_path) as (web, process):
        assert web.get("/api/v1/database/artifacts").json()["total"] == 30
        assert web.get("/api/v1/jobs").json()["items"] == []
        assert web.get("/api/v1/database/stats").json()["read_only"]
        assert "X-Holdfast-Token" not in web.headers
        problem(web.post(SYNC), 403)
        problem(web.post("/api/v1/database/vacuum"), 403)
        end(process, signal.SIGINT, 130)


def test_the_file_lies_in_the_data_directory(tmp_path: Path) -> None:
    with serving("app.db", "--data-dir", "data", cwd=tmp_path) as (web, _):
        assert web.get("/api/v1/database/stats").json()["name"] == "app.db"
        assert (tmp_path / "data" / "app.db").exists()
    failure(command("serve", tmp_path / "other.db", "--data-dir", tmp_path / "data", "--port", 0))


def test_the_names_that_are_allowed(tmp_path: Path) -> None:
    names = ["--allow-host", "127.0.0.1", "--allow-host", "b.example"]
    with serving("--host", "0.0.0.0", *names, cwd=tmp_path) as (web, _):
        for host, status in (("127.0.0.1", 200), ("b.example:80", 200), ("c.example", 421)):
            assert web.get("/health", headers={"Host": host}).status_code == status
