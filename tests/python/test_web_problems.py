"""Errors as problem JSON, with the right codes, and without what nobody should see."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import holdfast
from holdfast.jobs import JobManager, QueueFullError
from holdfast.web.problems import Problem, problem_of
from processes import lock_held
from web_apps import below, dashboard, problem, served

API = "/api/v1/database"


@pytest.fixture
def web(jobs: JobManager) -> Iterator[httpx.Client]:
    with dashboard(jobs._db, jobs=jobs) as client:
        yield client


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("jobs?limit=0", ["limit"]),
        ("jobs?limit=201", ["limit"]),
        ("jobs?limit=x&cursor=y", ["cursor", "limit"]),
        ("jobs?state=sleeping", ["state.0"]),
        ("jobs?since=yesterday", ["since"]),
        ("jobs/x", ["job_id"]),
        ("jobs/9223372036854775808", ["job_id"]),
        ("jobs/-9223372036854775809", ["job_id"]),
        ("database/artifacts?sort=size", ["sort"]),
        ("database/artifacts?offset=-1", ["offset"]),
        ("database/artifacts/-1", ["artifact_id"]),
        ("database/sync-log?limit=1000", ["limit"]),
    ],
)
def test_what_is_not_valid_is_named(web: httpx.Client, url: str, fields: list[str]) -> None:
    found = problem(web.get(f"/api/v1/{url}"), 422)
    assert sorted(each["field"] for each in found["errors"]) == fields
    assert all(each["in"] in ("query", "path") and each["message"] for each in found["errors"])
    assert fields[0].split(".")[0] in found["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b'"x"', 422),
        (b'{"mode": "fast"}', 422),
        (b'{"dry_run": "perhaps"}', 422),
        (b'{"further": 1}', 422),
        (b"[" * 60_000, 400),
        (b"null", 404),
        (b"", 404),
        (b"{}", 404),
    ],
)
def test_bodies(web: httpx.Client, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    problem(web.post(f"{API}/sync", content=body, headers=headers), status)


@pytest.mark.parametrize("url", [f"{API}/vacuum", f"{API}/sync", "/api/v1/jobs/1/cancel"])
def test_bodies_are_bounded(web: httpx.Client, url: str) -> None:
    whole = b"x" * 1_000_000
    problem(web.post(url, content=whole), 413)
    problem(web.post(url, content=(whole[:1000] for _ in range(1000))), 413)


def test_what_there_is_not(web: httpx.Client) -> None:
    assert "job 7" in problem(web.get("/api/v1/jobs/7"), 404)["detail"]
    problem(web.post("/api/v1/jobs/7/cancel"), 404)
    problem(web.post("/api/v1/jobs/7/retry"), 404)
    assert problem(web.get(f"{API}/artifacts"), 404)["detail"] == "there is no artifact index here"
    for url in ("artifacts/1", "sync-log", "problems"):
        problem(web.get(f"{API}/{url}"), 404)


def test_a_database_without_jobs(db: holdfast.Database) -> None:
    with dashboard(db) as web:
        for url in ("jobs", "jobs/1", "jobs/counts"):
            assert problem(web.get(f"/api/v1/{url}"), 404)["detail"] == "there are no jobs here"


@pytest.mark.parametrize("prefix", ["", "/state"])
def test_a_method_that_there_is_not(db: holdfast.Database, prefix: str) -> None:
    with served(below(prefix, db)) as web:
        for method, url in (("DELETE", "/health"), ("POST", "/"), ("GET", f"{API}/vacuum")):
            found = web.request(method, prefix + url)
            problem(found, 405)
            assert found.headers["allow"]
            assert found.headers["x-content-type-options"] == "nosniff"


def test_a_busy_database_says_when_to_try_again(
    web: httpx.Client, jobs: JobManager, path: Path
) -> None:
    jobs.handler("later")(lambda ctx, payload: 1)
    job = jobs.submit("later", delay=60)
    with lock_held(path):
        found = web.post(f"/api/v1/jobs/{job.id}/cancel")
        assert problem(found, 503)["error"] == "BusyError"
        assert found.headers["retry-after"] == "1"
        assert found.json()["retryable"]
        assert web.get("/api/v1/jobs").status_code == 200
        assert web.get("/health").status_code == 200
    assert web.post(f"/api/v1/jobs/{job.id}/cancel").json()["state"] == "cancelled"


def test_a_closed_database(opened: Callable[..., holdfast.Database]) -> None:
    db = opened()
    with dashboard(db) as web:
        db.close()
        for url in (f"{API}/stats", "/health"):
            found = web.get(url)
            problem(found, 503)
            assert found.headers["retry-after"] == "5"
        problem(web.post(f"{API}/backup"), 503)
        assert web.get("/").status_code == 200


def test_a_database_that_only_reads(opened: Callable[..., holdfast.Database], path: Path) -> None:
    opened().close()
    with dashboard(opened(read_only=True)) as web:
        assert web.get(f"{API}/stats").status_code == 200
        problem(web.post(f"{API}/vacuum"), 403)


def hide(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (holdfast.BusyError("x"), 503, True),
        (QueueFullError("x"), 503, True),
        (holdfast.TimeoutError("x"), 503, True),
        (holdfast.CorruptionError("x"), 503, True),
        (holdfast.PathError("x"), 503, True),
        (holdfast.MovedError("x"), 503, True),
        (holdfast.ProgrammingError("no such table: a"), 500, False),
        (holdfast.IntegrityError("x"), 500, False),
        (ValueError("/home/me"), 500, False),
        (KeyError("x"), 500, False),
    ],
)
def test_errors_have_their_codes(error: Exception, status: int, retry: bool) -> None:
    found = problem_of(error, hide)
    assert isinstance(found, Problem)
    assert found.status_code == status
    assert ("retry-after" in found.headers) == retry
    assert b"/home/me" not in found.body


@pytest.mark.parametrize(
    ("name", "status"),
    [("SQLITE_FULL", 507), ("SQLITE_READONLY", 403), ("SQLITE_READONLY_DBMOVED", 503)],
)
def test_errors_of_the_disk(name: str, status: int) -> None:
    error = holdfast.OperationalError("x")
    error.sqlite_errorname = name
    assert problem_of(error, hide).status_code == status


def test_what_nobody_expects_tells_nothing_and_is_logged(
    db: holdfast.Database, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("the secret of /home/me")

    with dashboard(db, read=broken) as web:
        found = problem(web.get("/"), 500)
    assert "secret" not in str(found) and "Traceback" not in str(found)
    assert [record.name for record in caplog.records if record.exc_info] == ["holdfast.web"]
