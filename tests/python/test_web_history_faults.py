"""A history over HTTP that is not there, not to be changed, or cannot be used."""

import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import holdfast
from holdfast.history import (
    History,
    HoldfastRepository,
    PromptHistory,
    RepositoryConnectionError,
    RepositoryConstraintError,
    RepositoryError,
)
from holdfast.web.problems import problem_of
from processes import lock_held
from web_apps import TOKEN, below, dashboard, problem, served

API = "/api/v1/history"
RECORD = PromptHistory(
    original_idea="an idea", improved_prompt="A prompt", backend="zero-shot", model="llama3",
    provider="ollama",
)  # fmt: skip


@pytest.fixture
def history(db: holdfast.Database) -> HoldfastRepository:
    return filled(db)


def filled(db: holdfast.Database) -> HoldfastRepository:
    made = HoldfastRepository(db, timeout=0.05)
    made.save_many([RECORD] * 4)
    return made


def total(web: httpx.Client) -> int:
    return web.get(API).raise_for_status().json()["total"]


def test_who_may_not_write_deletes_nothing(
    db: holdfast.Database, history: HoldfastRepository
) -> None:
    with dashboard(db, history=history) as web:
        problem(web.delete(f"{API}/1", headers={"X-Holdfast-Token": TOKEN + "x"}), 403)
        problem(web.delete(f"{API}/1", headers={"Origin": "http://evil.example"}), 403)
    with dashboard(db, history=history, read_only=True) as other:
        problem(other.delete(f"{API}/1"), 403)
        assert total(other) == 4
    assert history.find_by_id(1) is not None


def test_a_database_without_a_history(db: holdfast.Database) -> None:
    with dashboard(db) as web:
        for url in ("", "/excerpts", "/overview", "/search?q=x", "/statistics", "/1"):
            told = problem(web.get(API + url), 404)["detail"]
            assert told == "there is no history of prompts here"


def test_who_only_looks_makes_no_table(db: holdfast.Database) -> None:
    history = HoldfastRepository(db)
    with dashboard(db, history=history, read_only=True) as web:
        for url in ("", "/excerpts", "/overview", "/1"):
            assert "no prompt was saved" in problem(web.get(API + url), 503)["detail"]
        stats = web.get("/api/v1/database/stats").json()
        assert (stats["schema"]["history"], "error" in stats["prompts"]) == (0, True)
        history.save(RECORD)
        assert total(web) == 1


@pytest.mark.parametrize("read_only", [True, False])
def test_who_looks_at_a_history_that_was_not_started_makes_no_file(
    db: holdfast.Database, tmp_path: Path, read_only: bool
) -> None:
    before = {*threading.enumerate()}
    file = tmp_path / "history.db"
    history = History(file)
    with dashboard(db, history=history, read_only=read_only) as web:
        for url in ("", "/excerpts", "/overview", "/1"):
            assert "is not open" in problem(web.get(API + url), 503)["detail"]
        assert web.get("/api/v1/database/stats").json()["history"]["status"] == "degraded"
        assert not file.exists()
        assert "holdfast-history" not in {each.name for each in {*threading.enumerate()} - before}
        history.save(RECORD)
        assert history.drain(10)
        assert total(web) == 1
    history.close()


def test_a_history_that_only_reads(opened: Callable[..., holdfast.Database]) -> None:
    db = opened()
    filled(db)
    db.close()
    db = opened(read_only=True)
    with dashboard(db, history=HoldfastRepository(db)) as web:
        assert total(web) == 4
        problem(web.delete(f"{API}/1"), 403)


def test_the_health_of_a_history_that_is_written_here_is_told(
    db: holdfast.Database, tmp_path: Path
) -> None:
    file = tmp_path / "history.db"
    file.write_bytes(b"no database" * 1000)
    with History(file) as history, dashboard(db, history=history) as web:
        health = web.get("/health").raise_for_status().json()
        assert health["status"] == "degraded"
        assert "the history of prompts is degraded" in health["reasons"][0]
        told = web.get("/api/v1/database/stats").raise_for_status().json()["history"]
        assert (told["status"], told["queued"], told["last_success"]) == ("degraded", 0, None)
        for url in ("", "/excerpts", "/overview", "/1"):
            found = problem(web.get(API + url), 503)
            assert found["error"] == "RepositoryConnectionError" and found["retryable"]
    with History(tmp_path / "other.db") as history, dashboard(db, history=history) as web:
        assert web.get("/health").json()["status"] == "ok"
        history.save(RECORD)
        assert history.drain(10)
        assert total(web) == 1
        assert web.get("/api/v1/database/stats").json()["history"]["written"] == 1
    with History(file, enabled=False) as history, dashboard(db, history=history) as web:
        assert web.get("/health").json()["status"] == "ok"
        assert total(web) == 0


def test_a_busy_history_says_when_to_try_again(
    opened: Callable[..., holdfast.Database], path: Path
) -> None:
    db = opened()
    history = filled(db)
    with dashboard(db, history=history) as web, lock_held(path):
        found = web.delete(f"{API}/1")
        assert problem(found, 503)["error"] == "RepositoryConnectionError"
        assert found.headers["retry-after"] == "1"
        assert total(web) == 4


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RepositoryError("x"), 503),
        (RepositoryConnectionError("x"), 503),
        (RepositoryConstraintError("x"), 409),
    ],
)
def test_errors_have_their_codes(error: Exception, status: int) -> None:
    assert problem_of(error, lambda value: value).status_code == status


def test_below_a_prefix_and_a_login(db: holdfast.Database, history: HoldfastRepository) -> None:
    with served(below("/state", db, history=history)) as web:
        assert len(web.get(f"/state{API}").json()["items"]) == 4
        assert 'name="holdfast-stores" content="history"' in web.get("/state/").text
