"""Server-sent events, on a real connection."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.middleware.gzip import GZipMiddleware

import holdfast
from handlers import WAIT, until_stopped
from holdfast.jobs import JobManager
from holdfast.web import listeners, watcher
from holdfast.web.listeners import Listener, encoded
from processes import Child, run
from web_apps import Events, below, dashboard, problem, served

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


def watchers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "holdfast-web"]


def test_one_thread_looks_for_all_and_none_when_nobody_listens(
    web: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not watchers()
    listening = [Events(web) for _ in range(5)]
    for events in listening:
        events.next("stats")
    (thread,) = watchers()
    for events in listening:
        events.close()
    thread.join(WAIT)
    assert not thread.is_alive()
    with Events(web) as events:
        events.next("stats")


def test_samples_go_on_for_a_while_after_somebody_asked(
    db: holdfast.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "KEEP", 0.5)
    with dashboard(db) as web:
        web.get("/api/v1/database/stats").raise_for_status()
        (thread,) = watchers()
        thread.join(WAIT)
        assert not thread.is_alive()


def test_there_is_room_for_so_many(web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "LISTENERS", 2)
    with Events(web) as first, Events(web) as second:
        first.next("stats"), second.next("stats")
        found = web.get(URL)
        problem(found, 503)
        assert found.headers["retry-after"]
    deadline = time.monotonic() + WAIT
    while True:
        with web.stream("GET", URL) as again:
            if again.status_code == 200:
                return
        assert time.monotonic() < deadline


def test_a_slow_listener_holds_nobody_up(web: httpx.Client, jobs: JobManager) -> None:
    # One that never reads, with as little room as the system lets it have.
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    slow.connect((web.base_url.host, web.base_url.port))
    slow.sendall(f"GET {URL} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    with slow, Events(web) as events:
        events.next("stats")
        for _ in range(5):
            last = [jobs.submit(lambda ctx, p: "x" * 900).id for _ in range(100)][-1]
            while events.next("job")[1]["id"] != last:
                pass
        assert web.get("/health").status_code == 200


def test_a_database_that_is_closed_is_told_once(
    opened: Callable[..., holdfast.Database],
) -> None:
    db = opened()
    with dashboard(db) as web, Events(web) as events:
        events.next("stats")
        db.close()
        assert events.next("problem")[1] == {"status": 503, "detail": "the database is closed"}


def test_a_listener_keeps_the_latest_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "PLACES", 3)

    async def listen() -> list[bytes | None]:
        listener = Listener()
        quiet = await listener.next(0.01)
        for number in range(10):
            listener.put("stats", encoded("stats", number))
        kept = await listener.next(1)
        for number in range(10):
            listener.put(number, encoded("job", number))
        last = await listener.next(1)
        listener.close()
        return [quiet, kept, last, await listener.next(1)]

    quiet, kept, last, end = asyncio.run(listen())
    assert (quiet, kept, end) == (b"", b"event: stats\ndata: 9\n\n", None)
    assert last == b"".join(encoded("job", number) for number in (7, 8, 9))


def test_a_heartbeat_keeps_a_quiet_connection(
    db: holdfast.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.web.events.HEARTBEAT", 0.1)
    with dashboard(db) as web, web.stream("GET", URL) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("retry:")) == "retry: 2000"
        assert next(line for line in lines if line.startswith(":")) is not None


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
            with pytest.raises(EOFError):
                while True:
                    events.next()
            child.wait()
            assert time.monotonic() - begun < 3


def test_events_go_through_the_middleware_of_an_app(db: holdfast.Database) -> None:
    made = below("/state", db)

    @made.middleware("http")
    async def middleware(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["X-Own"] = "1"
        return response

    made.add_middleware(GZipMiddleware, minimum_size=1)
    with served(made) as web:
        with Events(web, f"/state{URL}") as events:
            assert events.response.headers["x-own"] == "1"
            events.next("stats")
        for thread in watchers():
            thread.join(WAIT)
            assert not thread.is_alive()


SCRIPT = """
import asyncio, sys
import holdfast, httpx
from holdfast.web import app
made = app(holdfast.open(sys.argv[1]))

async def ask():
    transport = httpx.ASGITransport(app=made)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as web:
        (await web.get("/api/v1/database/stats")).raise_for_status()

asyncio.run(ask())
"""


def test_a_script_ends_at_once_although_samples_are_taken(path: Path) -> None:
    begun = time.monotonic()
    run(SCRIPT, path)
    assert time.monotonic() - begun < WAIT
