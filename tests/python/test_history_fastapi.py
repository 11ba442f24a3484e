"""The endpoints of a history, over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from history_records import NOON, record
from holdfast.history import (
    History,
    HistorySettings,
    InMemoryRepository,
    get_history,
    get_repository,
    lifespan,
    router,
)
from processes import look
from web_apps import problem, served

API = "/api/v1/history"
HEALTH = "/health/repository"
RECORDS = [
    record("a poem", at=0, conversation_id="c", confidence=0.5),
    record("a song", at=1, backend="few-shot", guardrails=["no rhymes"]),
    record("the sea", at=2, provider="openai", model="gpt"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def app(place: Path) -> FastAPI:
    """An app with a history, which anybody may read and delete."""
    made = FastAPI(lifespan=lifespan(HistorySettings(db_path=place)))
    made.include_router(router(delete=lambda: None))

    @made.post("/save")
    async def save(history: Annotated[History, Depends(get_history)]) -> dict[str, bool]:
        for each in RECORDS:
            history.save(each)
        return {"written": await history.flush()}

    return made


@pytest.fixture
def web(app: FastAPI) -> Iterator[httpx.Client]:
    with served(app) as client:
        yield client


@pytest.fixture
def filled(web: httpx.Client) -> httpx.Client:
    assert web.post("/save").json() == {"written": True}
    return web


def ideas(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["original_idea"] for each in answer.json()["items"]]


def test_records_are_listed_by_pages(filled: httpx.Client) -> None:
    page = filled.get(API, params={"limit": 2})
    assert ideas(page) == ["the sea", "a song"]
    assert page.json()["total"] == 3
    assert ideas(filled.get(API, params={"cursor": page.json()["cursor"]})) == ["a poem"]
    assert ideas(filled.get(API, params={"offset": 2})) == ["a poem"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"provider": "openai"}, ["the sea"]),
        ({"backend": "few-shot"}, ["a song"]),
        ({"model": "llama3", "conversation_id": "c"}, ["a poem"]),
        ({"provider": ""}, ["the sea", "a song", "a poem"]),
        ({"start": "2026-11-20T12:00:00.001Z", "end": "2026-11-20T12:00:00.002"}, ["a song"]),
    ],
)
def test_filters_let_some_through(
    filled: httpx.Client, asked: dict[str, str], found: list[str]
) -> None:
    assert ideas(filled.get(API, params=asked)) == found
    assert filled.get(f"{API}/statistics", params=asked).json()["total"] == len(found)


def test_a_search_finds_words(filled: httpx.Client) -> None:
    assert ideas(filled.get(f"{API}/search", params={"q": "song* -poem"})) == ["a song"]
    assert ideas(filled.get(f"{API}/search", params={"q": "sea", "provider": "ollama"})) == []


def test_a_record_is_shown_whole_and_deleted(filled: httpx.Client, place: Path) -> None:
    found = filled.get(f"{API}/2").json()
    assert found == {
        **{name: getattr(RECORDS[1], name) for name in RECORDS[1].__slots__},
        "id": 2,
        "guardrails": ["no rhymes"],
        "quality_score": RECORDS[1].quality_score,
        "timestamp": "2026-11-20T12:00:00.001Z",
    }
    assert filled.delete(f"{API}/2").status_code == 204
    for answer in (filled.get(f"{API}/2"), filled.delete(f"{API}/2")):
        assert problem(answer, 404)["detail"] == "there is no record 2; it may have been deleted"
    assert look(place, "select count(*) from prompt_history") == [[2]]


def test_statistics_are_counted(filled: httpx.Client) -> None:
    found = filled.get(f"{API}/statistics").json()
    assert (found["total"], found["average_confidence"]) == (3, 0.5)
    assert found["by_provider"] == {"ollama": 2, "openai": 1}
    assert found["oldest"] == NOON.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    "asked",
    ["?limit=0", "?limit=201", "?offset=-1", "?cursor=x", "?offset=1&cursor=0-1", "?backend=other",
     "?start=now", "?start=0001-01-01T00:00:00%2B14:00", "/0", "/x", f"/{2**53}",
     "?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_makes_no_sense_is_a_problem(filled: httpx.Client, asked: str) -> None:
    assert problem(filled.get(API + asked), 422)["detail"]


def test_the_health_is_always_an_answer(filled: httpx.Client) -> None:
    found = filled.get(HEALTH)
    assert found.status_code == 200
    assert set(found.json()) == {
        "status", "breaker", "failures", "retry_in", "queued", "queue_size", "written", "dropped",
        "reasons", "last_success", "last_error", "file_size", "log_size", "schema_version",
        "retention_days", "max_records", "max_bytes", "last_cleanup", "deleted",
    }  # fmt: skip
    assert (found.json()["status"], found.json()["written"]) == ("healthy", 3)


def test_another_repository_takes_the_place_of_the_file(app: FastAPI) -> None:
    memory = InMemoryRepository()
    memory.save(record("from memory"))
    app.dependency_overrides[get_repository] = lambda: memory
    with served(app) as web:
        assert ideas(web.get(API)) == ["from memory"]


def test_an_app_may_begin_again(app: FastAPI) -> None:
    for total in (3, 6):
        with served(app) as web:
            web.post("/save")
            assert web.get(API).json()["total"] == total
