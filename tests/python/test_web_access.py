"""What apps grant, and what every answer has."""

from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse

import holdfast
from holdfast.jobs import JobManager
from holdfast.web import app
from web_apps import ROUTES, WRITES, below, dashboard, problem, served

#: Events, which do not end, are looked at in tests of their own.
ENDING = [route for route in ROUTES if route != ("GET", "/api/v1/events")]


def only(name: str) -> Any:
    def dependency(request: Request) -> None:
        if request.headers.get("user", "") not in (name, "root"):
            raise HTTPException(401, "log in first", {"WWW-Authenticate": "Basic"})

    return dependency


@pytest.mark.parametrize(("method", "url"), ENDING)
def test_an_app_grants_reading_and_writing_apart(jobs: JobManager, method: str, url: str) -> None:
    made = below("/state", jobs._db, jobs=jobs, read=only("reader"), write=only("writer"))
    with served(made) as web:
        del web.headers["X-Holdfast-Token"]
        writes = (method, url) in WRITES
        for user in ("", "reader", "writer", "root"):
            found = web.request(method, f"/state{url}", headers={"user": user})
            may = url == "/health" or user == "root" or (user == "reader" and not writes)
            assert (found.status_code == 401) == (not may), (user, found.text)
            if not may:
                assert found.headers["www-authenticate"] == "Basic"


def test_events_need_the_right_to_read(db: holdfast.Database) -> None:
    with dashboard(db, read=only("reader")) as web:
        problem(web.get("/api/v1/events"), 401)


def test_the_login_of_an_app_takes_the_place_of_the_token(db: holdfast.Database) -> None:
    with dashboard(db, write=only("writer")) as web:
        assert '<meta name="holdfast-token" content="">' in web.get("/").text
        url = "/api/v1/database/vacuum"
        problem(web.post(url), 401)
        assert web.post(url, headers={"user": "writer"}).status_code == 200
        headers = {"user": "writer", "Origin": "http://evil.example"}
        problem(web.post(url, headers=headers), 403)


class LoginRequired(Exception):
    pass


def test_an_app_answers_what_its_login_raises(db: holdfast.Database) -> None:
    def login(request: Request) -> None:
        raise LoginRequired

    made = below("/state", db, read=login)
    made.add_exception_handler(LoginRequired, lambda *_: PlainTextResponse("log in", 418))
    with served(made) as web:
        found = web.get("/state/")
        assert (found.status_code, found.text) == (418, "log in")


@pytest.mark.parametrize(("method", "url"), ENDING)
def test_every_answer_has_the_headers(db: holdfast.Database, method: str, url: str) -> None:
    with dashboard(db) as web:
        for host in ("localhost", "evil.example"):
            found = web.request(method, url, headers={"Host": host}).headers
            policy = found["content-security-policy"].split("; ")
            assert policy[0] == "default-src 'none'"
            assert "script-src 'self'" in policy and "frame-ancestors 'none'" in policy
            assert "unsafe" not in found["content-security-policy"]
            assert found["x-content-type-options"] == "nosniff"
            assert found["referrer-policy"] == "no-referrer"
            assert found["cross-origin-opener-policy"] == "same-origin"
            assert found["cross-origin-resource-policy"] == "same-origin"
            assert found["cache-control"] == "no-store"


def test_the_rest_of_an_app_is_left_alone(db: holdfast.Database) -> None:
    made = below("/state", db)

    @made.get("/own")
    def own() -> str:
        return "own"

    with served(made) as web:
        found = web.get("/own", headers={"Host": "anything"})
        assert found.json() == "own"
        assert "content-security-policy" not in found.headers
        assert web.get("/state/nothing").json() == {"detail": "Not Found"}


def test_an_app_of_its_own_has_no_pages_from_other_hosts(db: holdfast.Database) -> None:
    made = app(db)
    assert isinstance(made, FastAPI)
    with served(made) as web:
        for path in ("/docs", "/redoc", "/openapi.json", "/api/v1/", "/x"):
            problem(web.get(path), 404)
