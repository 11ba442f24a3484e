"""The endpoints about the database, and the page."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import holdfast
from holdfast.jobs import JobManager, JobReader
from job_processes import eventually
from web_apps import WAIT, dashboard, problem

API = "/api/v1/database"


@pytest.fixture
def web(db: holdfast.Database) -> Iterator[httpx.Client]:
    with dashboard(db) as client:
        yield client


def test_the_statistics_are_those_of_the_database(web: httpx.Client, db: holdfast.Database) -> None:
    db.insert("note", {"body": "hello"})
    begun = time.time()
    found = web.get(f"{API}/stats").raise_for_status().json()
    stats = db.stats()
    assert found["name"] == "app.db"
    assert found["writes"] == stats["writes"]
    assert found["lane"]["longest"]
    assert found["pragmas"] == db.pragmas()
    assert found["pages"] == db.fetch_value("pragma page_count")
    assert found["schema"] == dict.fromkeys(("app", "jobs", "artifacts", "history", "runs"), 0)
    for store in ("backup", "jobs", "index", "prompts", "history", "runs"):
        assert found[store] is None, store
    assert begun <= found["at"] <= time.time()
    assert 0 < found["uptime"] < WAIT
    assert not found["read_only"]


def more(samples: list[Any], count: int) -> list[Any]:
    return samples if len(samples) > count else []


def test_who_asks_again_sees_what_was_before(web: httpx.Client, db: holdfast.Database) -> None:
    first = web.get(f"{API}/stats").json()["samples"]
    db.insert_many("note", ({"body": str(n)} for n in range(10)))
    found = eventually(lambda: more(web.get(f"{API}/stats").json()["samples"], len(first)))
    assert found[: len(first)] == first
    assert found[-1]["writes"] > 0
    assert found[-1]["at"] - first[-1]["at"] >= 2.0


def test_free_pages_are_given_back(web: httpx.Client, db: holdfast.Database) -> None:
    db.insert_many("note", ({"body": "x" * 4000} for _ in range(1000)))
    db.execute("delete from note")
    free = db.fetch_value("pragma freelist_count")
    assert free > 900
    found = web.post(f"{API}/vacuum").raise_for_status().json()
    assert found["free_before"] == free * 4096
    assert found["free_after"] == 0
    assert found["reclaimed"] >= free * 4096
    assert db.fetch_value("pragma freelist_count") == 0


def test_a_file_without_incremental_vacuum_is_told_what_to_do(
    opened: Callable[..., holdfast.Database],
) -> None:
    with dashboard(opened(pragmas={"auto_vacuum": "none"})) as web:
        assert "vacuum --full" in problem(web.post(f"{API}/vacuum"), 409)["detail"]


def test_a_backup_is_made_and_told_of(web: httpx.Client, path: Path, db: holdfast.Database) -> None:
    db.insert("note", {"body": "kept"})
    first, second = (web.post(f"{API}/backup") for _ in range(2))
    assert first.status_code == second.status_code == 201
    names = {first.json()["name"], second.json()["name"]}
    assert {each.name for each in (path.parent / "backups").iterdir()} == names
    assert len(names) == 2
    assert all(re.fullmatch(r"app-\d{8}-\d{6}(-2)?\.db", name) for name in names)
    copy = path.parent / "backups" / first.json()["name"]
    assert first.json()["size"] == copy.stat().st_size
    with holdfast.open(copy, create=False) as restored:
        assert restored.fetch_value("select body from note") == "kept"
    found = web.get(f"{API}/stats").json()
    assert found["backup"]["name"] in names
    assert found["last_backup"] is not None


def test_backups_go_where_the_app_says(db: holdfast.Database, tmp_path: Path) -> None:
    with dashboard(db, backup_dir=tmp_path / "far" / "away") as web:
        name = web.post(f"{API}/backup").json()["name"]
    assert (tmp_path / "far" / "away" / name).is_file()


def test_health_is_ok(web: httpx.Client) -> None:
    found = web.get("/health").raise_for_status().json()
    assert (found["status"], found["reasons"]) == ("ok", [])


def test_health_is_degraded_when_no_job_can_be_taken(jobs: JobManager) -> None:
    with dashboard(jobs._db, jobs=jobs) as web:
        assert web.get("/health").json()["status"] == "ok"
        jobs.shutdown()
        found = web.get("/health").raise_for_status().json()
        assert (found["status"], found["reasons"]) == ("degraded", ["the jobs are shut down"])


def test_no_answer_names_a_directory_of_the_host(jobs: JobManager, path: Path) -> None:
    @jobs.handler("fails")
    def fails(ctx: object, payload: object) -> None:
        ctx.path("a.txt").write_text("a")
        ctx.publish("texts")
        raise OSError("cannot open '/etc/my files/a b.txt' or /usr/share/app.db")

    job = jobs.wait(jobs.submit("fails", {"file": str(path)}).id)
    with dashboard(jobs._db, jobs=jobs) as web:
        for url in (
            "/",
            "/health",
            f"{API}/stats",
            "/api/v1/jobs",
            "/api/v1/jobs/counts",
            f"/api/v1/jobs/{job.id}",
        ):
            text = web.get(url).raise_for_status().text
            assert str(path.parent) not in text, url
        backup = web.post(f"{API}/backup")
        assert str(path.parent) not in backup.text
        found = web.get(f"/api/v1/jobs/{job.id}").json()
        assert found["error"].startswith("OSError: cannot open 'a b.txt' or app.db (")
        assert [each["name"] for each in found["snapshots"]] == ["texts"]


def test_a_reader_of_jobs_is_enough_to_look(jobs: JobManager) -> None:
    job = jobs.submit(lambda ctx, payload: 42)
    jobs.wait(job.id)
    with dashboard(jobs._db, jobs=JobReader(jobs._db)) as web:
        assert web.get(f"/api/v1/jobs/{job.id}").json()["result"] == 42
        found = web.get(f"{API}/stats").json()
        assert (found["jobs"]["succeeded"], found["health"]) == (1, None)
        problem(web.post(f"/api/v1/jobs/{job.id}/cancel"), 409)
        problem(web.post(f"/api/v1/jobs/{job.id}/retry"), 409)


def test_jobs_may_have_a_file_of_their_own(db: holdfast.Database, tmp_path: Path) -> None:
    folder = tmp_path / "the jobs"
    with holdfast.open("jobs.db", data_dir=folder) as other, JobManager(other) as jobs:

        def fail(ctx: object, payload: object) -> None:
            raise OSError(f"{other.path}: no room")

        job = jobs.wait(jobs.submit(fail).id)
        with dashboard(db, jobs=jobs) as web:
            found = web.get(f"/api/v1/jobs/{job.id}")
            assert found.json()["state"] == "failed" and str(folder) not in found.text
            assert web.get(f"{API}/stats").json()["jobs"]["failed"] == 1
