"""What somebody is told whose request about a history fails, and what the log is told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException

import holdfast
from history_records import record
from holdfast.history import (
    HoldfastRepository,
    InMemoryRepository,
    PromptRepository,
    RepositoryConnectionError,
    RepositoryConstraintError,
    RepositoryError,
    get_repository,
    router,
)
from processes import lock_held
from web_apps import problem

API = "/api/v1/history"
SECRET = "/srv/secret/history.db"


async def ask(
    repository: PromptRepository, method: str, path: str = f"{API}/1", **settings: Any
) -> httpx.Response:
    """Ask an app that has a repository."""
    app = FastAPI()
    app.include_router(router(**{"delete": lambda: None, **settings}))
    app.dependency_overrides[get_repository] = lambda: repository
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path)


def broken(error: RepositoryError) -> PromptRepository:
    """A repository whose records cannot be read."""

    class Broken(InMemoryRepository):
        def _find(self, record_id: int) -> Any:
            raise error

    return Broken()


def full() -> RepositoryError:
    """What a full disk is told as."""
    error = RepositoryConnectionError(f"{SECRET}: database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    return error


@pytest.mark.parametrize(
    ("error", "status", "level"),
    [
        (RepositoryError(f"{SECRET} is odd"), 500, logging.ERROR),
        (full(), 507, logging.ERROR),
        (RepositoryConnectionError(f"{SECRET} is closed"), 503, logging.WARNING),
        (RepositoryConstraintError(f"{SECRET} has it"), 409, logging.WARNING),
    ],
)
async def test_a_client_is_told_what_failed_and_the_log_why(
    error: RepositoryError, status: int, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    found = problem(await ask(broken(error), "GET"), status)
    assert "srv" not in str(found)
    assert found["error"].startswith(type(error).__name__)
    [entry] = caplog.records
    assert (entry.name, entry.levelno) == ("holdfast.history", level)
    assert str(error) in entry.getMessage()
    assert f"answered by {status}" in entry.getMessage()


async def test_the_log_of_an_error_has_no_prompt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # As another tool might, past all checks.
    unchecked = {"ignore_check_constraints": True}
    with holdfast.open(tmp_path / "history.db", pragmas=unchecked) as db:
        repository = HoldfastRepository(db)
        repository.save(record("a private idea"))
        db.execute("update prompt_history set guardrails = '[\"private\", 5]'")
        problem(await ask(repository, "GET"), 500)
    [entry] = caplog.records
    assert "guardrails[1]" in entry.getMessage()
    assert "private" not in caplog.text


async def test_a_history_that_may_only_be_read_is_not_deleted_from(tmp_path: Path) -> None:
    with holdfast.open(tmp_path / "history.db") as db:
        HoldfastRepository(db).save(record())
    with holdfast.open(tmp_path / "history.db", read_only=True) as db:
        repository = HoldfastRepository(db)
        assert (await ask(repository, "GET")).json()["original_idea"] == "a poem"
        found = problem(await ask(repository, "DELETE"), 403)
    assert found["detail"] == "the history can only be read"


async def test_a_history_that_is_locked_may_be_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with holdfast.open(path) as db:
        repository = HoldfastRepository(db, timeout=0.1)
        repository.save(record())
        with lock_held(path):
            answer = await ask(repository, "DELETE")
        assert problem(answer, 503)["retryable"]
        assert answer.headers["retry-after"] == "1"
        assert (await ask(repository, "DELETE")).status_code == 204


async def test_what_is_not_valid_is_told_with_its_place() -> None:
    repository = InMemoryRepository()
    found = problem(await ask(repository, "GET", f"{API}/search?limit=0"), 422)
    assert {(each["in"], each["field"]) for each in found["errors"]} == {
        ("query", "q"),
        ("query", "limit"),
    }
    assert all(name in found["detail"] for name in ("not valid: ", "q", "limit"))
    assert all(each["message"] for each in found["errors"])
    [error] = problem(await ask(repository, "GET", f"{API}/x"), 422)["errors"]
    assert (error["in"], error["field"]) == ("path", "record_id")


@pytest.mark.parametrize("status", [401, 419, 440, 499])
async def test_a_login_may_answer_by_a_status_of_its_own(status: int) -> None:
    def user() -> None:
        raise HTTPException(status, "expired", {"X-Login": "/login"})

    answer = await ask(InMemoryRepository(), "GET", read=user)
    assert problem(answer, status)["detail"] == "expired"
    assert answer.headers["x-login"] == "/login"
