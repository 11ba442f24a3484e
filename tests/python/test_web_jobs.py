"""Jobs over HTTP."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from handlers import WAIT, until_stopped
from holdfast import Database
from holdfast.jobs import JobManager, JobReader, JobState
from web_apps import dashboard, problem

JOBS = "/api/v1/jobs"


@pytest.fixture
def web(jobs: JobManager) -> Iterator[httpx.Client]:
    with dashboard(jobs._db, jobs=jobs) as client:
        yield client


def test_a_job_is_shown_with_its_history(web: httpx.Client, jobs: JobManager) -> None:
    @jobs.handler("add", retries=0)
    def add(ctx: Any, payload: Any) -> Any:
        ctx.report(50, "add", "half")
        ctx.path("sum.txt").write_text("3")
        ctx.publish("sums")
        return {"sum": sum(payload["numbers"])}

    job = jobs.wait(jobs.submit("add", {"numbers": [1, 2]}, owner="ann", priority=3).id)
    found = web.get(f"{JOBS}/{job.id}").raise_for_status().json()
    assert (found["id"], found["kind"], found["state"]) == (job.id, "add", "succeeded")
    assert found["payload"] == {"numbers": [1, 2]}
    assert found["result"] == {"sum": 3}
    assert found["progress"] == {"percent": 50.0, "phase": "add", "message": "half"}
    assert (found["owner"], found["priority"], found["finished"]) == ("ann", 3, True)
    assert found["created_at"].endswith("Z")
    assert datetime.fromisoformat(found["finished_at"]) == job.finished_at
    events = [each["event"] for each in found["events"]]
    assert events == ["job_queued", "job_started", "job_completed"]
    (snapshot,) = found["snapshots"]
    assert (snapshot["name"], snapshot["files"], snapshot["size"]) == ("sums", 1, 1)
    assert "path" not in snapshot


def test_jobs_are_listed_in_pages(web: httpx.Client, jobs: JobManager) -> None:
    jobs.handler("a")(lambda ctx, payload: None)
    jobs.handler("b")(lambda ctx, payload: None)
    made = [jobs.submit("ab"[n % 2], owner="xyz"[n % 3], delay=60).id for n in range(7)]
    assert [job["id"] for job in web.get(JOBS).json()["items"]] == made[::-1]
    seen: list[int] = []
    cursor: Any = ""
    while cursor is not None:
        page = web.get(JOBS, params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["cursor"]
    assert seen == made[::-1]
    assert len(web.get(JOBS, params={"kind": "a"}).json()["items"]) == 4
    assert len(web.get(JOBS, params={"kind": "a", "owner": "x"}).json()["items"]) == 2
    jobs.cancel(made[0])
    for states, count in ((["queued"], 6), (["cancelled"], 1), (["queued", "cancelled"], 7)):
        assert len(web.get(JOBS, params={"state": states}).json()["items"]) == count
    counts = web.get(f"{JOBS}/counts").json()
    assert counts == {**dict.fromkeys(JobState, 0), "queued": 6, "cancelled": 1}


def test_a_time_that_is_none_in_utc_is_refused(web: httpx.Client) -> None:
    problem(web.get(JOBS, params={"since": "9999-12-31T23:59:59-14:00"}), 422)


def test_jobs_since_a_time_with_or_without_a_zone(web: httpx.Client, jobs: JobManager) -> None:
    jobs.handler("a")(lambda ctx, payload: None)
    jobs.submit("a", delay=60)
    hour = timedelta(hours=1)
    for since, count in ((datetime.now(UTC) - hour, 1), (datetime.now(UTC) + hour, 0)):
        for text in (since.isoformat(), since.replace(tzinfo=None).isoformat()):
            assert len(web.get(JOBS, params={"since": text}).json()["items"]) == count


def test_a_running_job_shows_its_progress_and_is_cancelled(
    web: httpx.Client, jobs: JobManager
) -> None:
    started = threading.Event()
    until = until_stopped(started)

    @jobs.handler("long")
    def long(ctx: Any, payload: Any) -> None:
        ctx.report(12.5, "work")
        until(ctx, payload)

    job = jobs.submit("long")
    assert started.wait(WAIT)
    for found in (web.get(f"{JOBS}/{job.id}").json(), web.get(JOBS).json()["items"][0]):
        assert found["progress"] == {"percent": 12.5, "phase": "work", "message": None}
    asked = web.post(f"{JOBS}/{job.id}/cancel").raise_for_status().json()
    assert asked["cancel_requested"]
    assert jobs.wait(job.id, WAIT).state is JobState.CANCELLED
    # Cancelling it again is as good.
    assert web.post(f"{JOBS}/{job.id}/cancel").json()["state"] == "cancelled"


def test_what_has_ended_is_not_cancelled(web: httpx.Client, jobs: JobManager) -> None:
    job = jobs.submit(lambda ctx, payload: None)
    jobs.wait(job.id)
    assert "has ended" in problem(web.post(f"{JOBS}/{job.id}/cancel"), 409)["detail"]


def test_what_has_published_is_not_cancelled(web: httpx.Client, jobs: JobManager) -> None:
    published, go_on = threading.Event(), threading.Event()

    @jobs.handler("publish")
    def publish(ctx: Any, payload: Any) -> None:
        ctx.path("a").write_text("a")
        ctx.publish("a")
        published.set()
        assert go_on.wait(WAIT)

    job = jobs.submit("publish")
    assert published.wait(WAIT)
    assert "published" in problem(web.post(f"{JOBS}/{job.id}/cancel"), 409)["detail"]
    go_on.set()
    assert jobs.wait(job.id, WAIT).state is JobState.SUCCEEDED


def test_a_job_is_tried_again(web: httpx.Client, jobs: JobManager) -> None:
    fails = iter([True, False])

    @jobs.handler("flaky")
    def flaky(ctx: Any, payload: Any) -> str:
        if next(fails):
            raise ValueError("not yet")
        return "done"

    job = jobs.submit("flaky")
    assert jobs.wait(job.id).state is JobState.FAILED
    assert web.post(f"{JOBS}/{job.id}/retry").raise_for_status().json()["state"] == "queued"
    assert jobs.result(job.id, WAIT) == "done"
    assert "succeeded" in problem(web.post(f"{JOBS}/{job.id}/retry"), 409)["detail"]


def test_a_manager_without_workers_cancels_and_retries(
    make: Callable[..., JobManager],
) -> None:
    jobs = make(workers=0)
    job = jobs.submit("of another process")
    with dashboard(jobs._db, jobs=jobs) as web:
        assert web.post(f"{JOBS}/{job.id}/cancel").json()["state"] == "cancelled"
        assert web.post(f"{JOBS}/{job.id}/retry").json()["state"] == "queued"


def test_jobs_in_memory_have_ids_too(web: httpx.Client) -> None:
    problem(web.get(f"{JOBS}/-1"), 404)


def test_numbers_that_are_none_and_names_that_are_no_text(
    web: httpx.Client, jobs: JobManager
) -> None:
    def odd(ctx: Any, payload: Any) -> None:
        ctx.report(1, "a\udc80b", "\u2028</script>")

    job = jobs.wait(jobs.submit(odd, {"value": 1e308, "name": "\u00e9\U0001f600"}).id)
    found = web.get(f"{JOBS}/{job.id}").json()
    assert found["payload"] == {"value": 1e308, "name": "\u00e9\U0001f600"}
    assert found["progress"]["message"] == "\u2028</script>"


def test_whoever_runs_the_jobs_may_start_later(
    opened: Callable[..., Database], make: Callable[..., JobManager]
) -> None:
    db = opened()
    with dashboard(db, jobs=JobReader(db)) as web:
        assert "yet" in problem(web.get(JOBS), 503)["detail"]
        assert web.get("/api/v1/database/stats").json()["jobs"] is None
        make().submit(lambda ctx, payload: None)
        assert len(web.get(JOBS).json()["items"]) == 1
        assert web.get("/api/v1/database/stats").json()["jobs"] is not None
