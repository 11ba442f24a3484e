"""Server-sent events, on a real connection."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import holdfast
from handlers import WAIT, until_stopped
from holdfast.jobs import JobManager
from holdfast.web.security import HEADERS
from holdfast.web.service import Service
from processes import Child
from web_apps import Events, dashboard

URL = "/api/v1/events"


@pytest.fixture
def web(jobs: JobManager) -> Iterator[httpx.Client]:
    with dashboard(jobs._db, jobs=jobs) as client:
        yield client


def test_statistics_come_every_two_seconds(web: httpx.Client) -> None:
    with Events(web) as events:
        assert events.response.headers["content-type"].startswith("text/event-stream")
        assert events.response.headers["cache-control"] == "no-store"
        assert "content-length" not in events.response.headers
        # It does not end, so it is not among those whose headers are looked at elsewhere.
        for name, value in HEADERS.items():
            assert value == events.response.headers[name]
        _, first = events.next("stats")
        _, second = events.next("stats")
    assert first["name"] == "app.db"
    assert 1.9 < second["sample"]["at"] - first["sample"]["at"] < 4


def test_a_job_is_followed_from_its_start_to_its_end(web: httpx.Client, jobs: JobManager) -> None:
    steps = [threading.Event() for _ in range(2)]

    @jobs.handler("steps")
    def run(ctx: Any, payload: Any) -> str:
        for number, step in enumerate(steps):
            ctx.report(number * 50, f"step {number}")
            assert step.wait(WAIT)
        return "done"

    with Events(web) as events:
        events.next("stats")
        job = jobs.submit("steps")
        seen: list[tuple[str, Any]] = []
        while not seen or seen[-1][0] != "succeeded":
            _, found = events.next("job")
            assert found["id"] == job.id
            seen.append((found["state"], found["progress"]["phase"]))
            if found["progress"]["phase"]:
                steps[int(found["progress"]["phase"][-1])].set()
    assert ("running", "step 0") in seen and ("running", "step 1") in seen
    assert found["result"] == "done"
    assert len(seen) == len(set(seen)), "what has not changed is not told"


def test_who_comes_later_is_told_what_runs(web: httpx.Client, jobs: JobManager) -> None:
    started = threading.Event()
    jobs.handler("long")(until_stopped(started))
    job = jobs.submit("long")
    assert started.wait(WAIT)
    for _ in range(2):
        with Events(web) as events:
            assert events.next("job")[1]["id"] == job.id


def test_a_job_that_comes_and_ends_between_two_looks_is_told(
    web: httpx.Client, jobs: JobManager
) -> None:
    with Events(web) as events:
        events.next("stats")
        ids = [jobs.submit(lambda ctx, payload: 1).id for _ in range(50)]
        told: set[int] = set()
        while told != set(ids):
            _, found = events.next("job")
            if found["state"] == "succeeded":
                told.add(found["id"])


def test_an_old_job_that_is_tried_again_between_two_looks_is_told(
    web: httpx.Client, jobs: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.web.changes.EVERY", 1.5)
    right = threading.Event()

    @jobs.handler("later")
    def later(ctx: Any, payload: Any) -> None:
        if not right.is_set():
            raise ValueError("not yet")

    old = jobs.wait(jobs.submit("later").id, WAIT)
    new = jobs.wait(jobs.submit("later").id, WAIT)
    with Events(web) as events:
        for _ in range(2):
            events.next("stats")
        right.set()
        jobs.retry(old.id)
        assert jobs.wait(old.id, WAIT).state == "succeeded"
        told: list[Any] = []
        while (now := events.next("job", "stats"))[0] == "job" or len(told) < 3:
            told.append(now[1])
    found = [each for each in told if "state" in each]
    assert found[-1]["id"] == old.id != new.id
    assert (found[-1]["state"], found[-1]["attempt"]) == ("succeeded", 2)


def test_a_database_that_is_closed_is_told_once_to_each(
    opened: Callable[..., holdfast.Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.web.events.HEARTBEAT", 0.5)
    db = opened()
    with dashboard(db) as web, Events(web) as first:
        first.next("stats")
        db.close()
        for _ in range(2):
            with Events(web) as events:
                found = events.next("problem")[1]
                assert found == {"status": 503, "detail": "the database is closed"}
                assert events.next()[0] == "beat"
        first.next("problem")
        assert [first.next()[0] for _ in range(3)] == ["beat"] * 3


def test_a_problem_that_is_over_is_not_told_any_more(
    db: holdfast.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = threading.Event()
    now = Service.now

    def broken(service: Service) -> dict[str, Any]:
        if fails.is_set():
            raise holdfast.OperationalError("the disk is away")
        return now(service)

    monkeypatch.setattr(Service, "now", broken)
    with dashboard(db) as web, Events(web) as first:
        first.next("stats")
        fails.set()
        assert first.next("problem")[1]["detail"] == "the disk is away"
        fails.clear()
        first.next("stats")
        with Events(web) as events:
            assert [events.next()[0] for _ in range(2)] == ["stats", "stats"]


def test_a_quiet_stream_has_a_beat(db: holdfast.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.web.events.HEARTBEAT", 0.1)
    with dashboard(db) as web, web.stream("GET", URL) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("retry:")) == "retry: 2000"
        assert next(line for line in lines if line == "event: beat")
        assert next(lines) == "data: null"


APP = """
import socket, sys
import fastapi, uvicorn, holdfast
from holdfast.web import router
app = fastapi.FastAPI()
db = holdfast.open(sys.argv[1])
app.include_router(router(db), prefix="/state")
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None)).run(sockets=[listener])
"""


@pytest.mark.parametrize("signal", [signal.SIGINT, signal.SIGTERM])
def test_a_server_ends_although_somebody_listens(path: Path, signal: signal.Signals) -> None:
    with Child(APP, path) as child:
        url = f"http://127.0.0.1:{child.line()}/state"
        client = httpx.Client(base_url=url, timeout=WAIT, trust_env=False)
        with client as web, Events(web, "api/v1/events") as events:
            events.next("stats")
            begun = time.monotonic()
            child.signal(signal)
            with pytest.raises((EOFError, httpx.ReadError)):
                while True:
                    events.next()
            child.wait()
            assert time.monotonic() - begun < 3
