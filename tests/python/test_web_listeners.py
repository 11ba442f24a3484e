"""Those who listen to events, and the thread that looks for them."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.middleware.gzip import GZipMiddleware

import holdfast
from handlers import WAIT
from holdfast.jobs import JobManager
from holdfast.web import listeners, watcher
from holdfast.web.listeners import Listener, encoded
from processes import run
from web_apps import Events, below, dashboard, problem, served

URL = "/api/v1/events"


@pytest.fixture
def web(jobs: JobManager) -> Iterator[httpx.Client]:
    with dashboard(jobs._db, jobs=jobs) as client:
        yield client


def watchers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "holdfast-web"]


def test_one_thread_looks_for_all_and_none_when_nobody_listens(web: httpx.Client) -> None:
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
