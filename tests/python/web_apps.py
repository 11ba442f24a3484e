"""Applications around `holdfast.web`, served on a port of this machine."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute

import holdfast
from holdfast.web import app, router

TOKEN = "token-of-the-tests"
#: Seconds that a test waits, at most.
WAIT = 20.0


@contextmanager
def served(made: FastAPI, **settings: Any) -> Iterator[httpx.Client]:
    """Serve an application in a thread; a client of it, which may write."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(made, log_config=None, access_log=False, **settings)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        headers = {"Origin": url, "X-Holdfast-Token": TOKEN}
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=WAIT, trust_env=False) as web:
                yield web
        finally:
            server.should_exit = True
            thread.join(WAIT)
            assert not thread.is_alive()


@contextmanager
def dashboard(db: holdfast.Database, **settings: Any) -> Iterator[httpx.Client]:
    """Serve the ready application of a database."""
    with served(app(db, **{"token": TOKEN, **settings})) as web:
        yield web


def below(prefix: str, db: holdfast.Database, **settings: Any) -> FastAPI:
    """An app of somebody's own that includes the router."""
    made = FastAPI()
    made.include_router(router(db, **{"token": TOKEN, **settings}), prefix=prefix)
    return made


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """Check that a response is a problem; its document."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert found["status"] == status
    assert found["title"]
    return found


def every_route() -> list[tuple[str, str]]:
    """Method and path of each route there is: a new one cannot be forgotten."""
    with holdfast.open(":memory:") as db:
        routes = router(db).routes
    found: list[tuple[str, str]] = []
    for route in routes:
        assert isinstance(route, APIRoute)
        path = re.sub(r"\{\w+\}", "1", route.path)
        found += [(method, path) for method in sorted(route.methods)]
    return found


ROUTES = every_route()
WRITES = [(method, path) for method, path in ROUTES if method not in ("GET", "HEAD")]


class Events:
    """A client that listens."""

    def __init__(self, web: httpx.Client, path: str = "/api/v1/events") -> None:
        self._stream = web.stream("GET", path)
        self.response = self._stream.__enter__()
        self._lines = self.response.iter_lines()

    def next(self, *events: str) -> tuple[str, Any]:
        """The next event of those that are named."""
        event = ""
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and (not events or event in events):
                return event, json.loads(value)
        raise EOFError

    def close(self) -> None:
        self._stream.__exit__(None, None, None)

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
