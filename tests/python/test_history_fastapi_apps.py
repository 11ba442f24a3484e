"""Applications with a history: who may do what, settings, lifespans, and no file."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException

import holdfast
from history_records import record
from holdfast.history import (
    CircuitBreaker,
    History,
    HistorySettings,
    HoldfastRepository,
    PromptRepository,
    get_settings,
    lifespan,
    router,
)
from holdfast.history.routes import add
from job_processes import eventually
from processes import look
from web_apps import problem, served

API = "/api/v1/history"
HEALTH = "/health/repository"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_nobody_deletes_in_an_app_that_does_not_say_who_may(place: Path) -> None:
    app = FastAPI(lifespan=lifespan(HistorySettings(db_path=place)))
    app.include_router(router(), prefix="/state")
    with served(app) as web:
        assert web.delete(f"/state{API}/1").status_code == 405
        assert web.get(f"/state{API}").status_code == 200


def test_the_app_says_who_may_read_and_who_may_delete(place: Path) -> None:
    def user(x_user: Annotated[str | None, Header()] = None) -> str:
        if x_user is None:
            raise HTTPException(401, "log in first")
        return x_user

    def editor(name: Annotated[str, Depends(user)]) -> None:
        if name != "ann":
            raise HTTPException(403, f"{name} may only look")

    app = FastAPI(lifespan=lifespan(HistorySettings(db_path=place)))
    app.include_router(router(read=user, delete=editor))
    with served(app) as web:
        for path in (API, f"{API}/search?q=a", f"{API}/statistics", f"{API}/1"):
            assert problem(web.get(path), 401)["detail"] == "log in first"
        assert web.get(API, headers={"x-user": "bob"}).status_code == 200
        assert problem(web.delete(f"{API}/1"), 401)
        assert problem(web.delete(f"{API}/1", headers={"x-user": "bob"}), 403)
        assert problem(web.delete(f"{API}/1", headers={"x-user": "ann"}), 404)
        assert web.get(HEALTH).status_code == 200


def test_an_app_without_its_file_answers_and_has_it_later(tmp_path: Path) -> None:
    place = tmp_path / "later" / "history.db"
    history = History(place, breaker=CircuitBreaker(1, 0.1))
    app = FastAPI(lifespan=lifespan(history=history))
    app.include_router(router(delete=lambda: None))
    with served(app) as web:
        for answer in (web.get(API), web.get(f"{API}/1"), web.delete(f"{API}/1")):
            assert "later" not in problem(answer, 503)["detail"]
            assert answer.headers["retry-after"] == "5"
        found = web.get(HEALTH).json()
        assert (found["status"], found["last_error"]) == ("degraded", "PathError")
        place.parent.mkdir()
        eventually(lambda: web.get(HEALTH).json()["status"] == "healthy")
        assert web.get(API).json()["total"] == 0


def test_an_app_with_its_history_switched_off_has_no_file(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    app = FastAPI(lifespan=lifespan(HistorySettings(db_path=place, enabled=False)))
    app.include_router(router())
    with served(app) as web:
        assert web.get(HEALTH).json()["status"] == "disabled"
        assert web.get(API).json() == {"items": [], "total": 0, "cursor": None}
    assert not place.exists()


def test_settings_are_read_once_and_may_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    monkeypatch.setenv("SQLITE_DB_PATH", "one.db")
    assert get_settings() is get_settings()
    monkeypatch.setenv("SQLITE_DB_PATH", "two.db")
    assert get_settings().db_path == Path("one.db")
    get_settings.cache_clear()
    app = FastAPI(lifespan=lifespan())

    @app.get("/path")
    def path(settings: Annotated[HistorySettings, Depends(get_settings)]) -> str:
        return settings.db_path.name

    with served(app) as web:
        assert web.get("/path").json() == "two.db"
    assert (tmp_path / "two.db").exists()
    app.dependency_overrides[get_settings] = lambda: HistorySettings(db_path=Path("three.db"))
    with served(app) as web:
        assert web.get("/path").json() == "three.db"
    get_settings.cache_clear()
    assert {file.name for file in tmp_path.iterdir()} == {"two.db", "three.db"}


def test_a_lifespan_goes_into_another_one(place: Path) -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[None]:
        async with lifespan(HistorySettings(db_path=place))(app):
            seen.append("begun")
            yield
            app.state.holdfast_history.save(record())
        seen.append("ended")

    app = FastAPI(lifespan=own)
    app.include_router(router())
    with served(app) as web:
        assert web.get(API).json()["total"] == 0
        assert seen == ["begun"]
    assert seen == ["begun", "ended"]
    assert look(place, "select count(*) from prompt_history") == [[1]]


async def test_an_app_without_a_history_says_what_is_missing() -> None:
    app = FastAPI()
    app.include_router(router())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with pytest.raises(RuntimeError, match="the app has no history now"):
            await client.get(HEALTH)


def test_the_same_endpoints_go_into_a_router_of_somebodys_own(place: Path, tmp_path: Path) -> None:
    with holdfast.open(tmp_path / "own.db") as db:
        repository: PromptRepository = HoldfastRepository(db)
        repository.save(record("mine"))
        own = APIRouter(prefix="/own")
        add(own, lambda: repository)
        app = FastAPI()
        app.include_router(own)
        with served(app) as web:
            assert web.get(f"/own{API}").json()["items"][0]["original_idea"] == "mine"
            assert web.delete(f"/own{API}/1").status_code == 405
