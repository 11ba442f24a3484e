"""The history of prompts over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import holdfast
from holdfast.history import (
    HoldfastRepository,
    InMemoryRepository,
    PromptHistory,
    PromptRepository,
)
from web_apps import dashboard, problem

API = "/api/v1/history"
EXCERPTS = f"{API}/excerpts"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def record(number: int, **fields: Any) -> PromptHistory:
    given: dict[str, Any] = {
        "original_idea": f"idea {number}",
        "improved_prompt": f"Prompt {number}",
        "backend": "zero-shot",
        "model": "llama3",
        "provider": "ollama",
        "timestamp": NOON + timedelta(hours=number),
    }
    return PromptHistory(**{**given, **fields})


RECORDS = [
    record(0, provider="openai", model="gpt", confidence=0.5, latency_ms=100.0, input_tokens=10),
    record(1, backend="few-shot", role="a poet", guardrails=["no rhymes"], confidence=0.9),
    record(2, conversation_id="c/1 & 2", improved_prompt="The Crème of the sea"),
    record(30, conversation_id="c/1 & 2", improved_prompt="x" * 1000),
]


@pytest.fixture(params=["database", "memory"])
def history(request: pytest.FixtureRequest, db: holdfast.Database) -> PromptRepository:
    made = HoldfastRepository(db) if request.param == "database" else InMemoryRepository()
    made.save_many(RECORDS)
    return made


@pytest.fixture
def web(db: holdfast.Database, history: PromptRepository) -> Iterator[httpx.Client]:
    with dashboard(db, history=history) as client:
        yield client


def ids(web: httpx.Client, **params: Any) -> list[int]:
    found = web.get(EXCERPTS, params=params).raise_for_status().json()
    assert found["total"] >= len(found["items"])
    return [item["id"] for item in found["items"]]


def test_excerpts_of_records_are_listed_the_newest_first(web: httpx.Client) -> None:
    found = web.get(EXCERPTS).raise_for_status().json()
    assert ([item["id"] for item in found["items"]], found["total"]) == ([4, 3, 2, 1], 4)
    last = found["items"][-1]
    assert (last["provider"], last["model"], last["backend"]) == ("openai", "gpt", "zero-shot")
    assert (last["timestamp"], last["quality_score"]) == ("2026-11-20T12:00:00.000Z", 0.3)
    assert last["found"] == {}
    # The texts are those of a list.
    assert len(found["items"][0]["improved_prompt"]) == 400
    assert "role" not in last


def test_every_filter(web: httpx.Client) -> None:
    assert ids(web, provider="openai") == ids(web, model="gpt") == [1]
    assert ids(web, backend="few-shot") == [2]
    assert ids(web, conversation_id="c/1 & 2") == [4, 3]
    assert ids(web, start="2026-11-20T13:00:00Z", end="2026-11-20T16:00:00+02:00") == [2]
    assert ids(web, start="2026-11-21") == [4]
    assert ids(web, provider="", model="", q="") == [4, 3, 2, 1]
    assert ids(web, provider="nobody") == []
    assert ids(web, q="idea", backend="zero-shot", start="2026-11-20T14:00:00Z") == [4, 3]


def test_what_was_searched_for_is_marked(web: httpx.Client) -> None:
    (found,) = web.get(EXCERPTS, params={"q": '"creme of" -poet'}).json()["items"]
    assert found["found"]["improved_prompt"] == [
        {"text": "The ", "match": False},
        {"text": "Crème of", "match": True},
        {"text": " the sea", "match": False},
    ]
    (found,) = web.get(EXCERPTS, params={"q": "rhym*"}).json()["items"]
    assert found["found"] == {
        "guardrails": [{"text": "no ", "match": False}, {"text": "rhymes", "match": True}]
    }


@pytest.mark.parametrize("q", ['"', "*", "-", "a AND", "NEAR(", "col:x", "(", "\x00", "ä" * 900])
def test_no_text_is_an_error(web: httpx.Client, q: str) -> None:
    ids(web, q=q)


def test_pages_by_cursor_and_by_offset(web: httpx.Client, history: PromptRepository) -> None:
    first = web.get(EXCERPTS, params={"limit": 2}).json()
    history.save(record(99))
    second = web.get(EXCERPTS, params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [item["id"] for item in first["items"] + second["items"]] == [4, 3, 2, 1]
    assert second["cursor"] is None
    assert ids(web, limit=2, offset=3) == [2, 1]


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "nonsense"},
        {"cursor": "1-1", "offset": 1},
        {"limit": 0},
        {"limit": 201},
        {"offset": -1},
        {"backend": "magic"},
        {"start": "yesterday"},
        {"start": "2026-11-21", "end": "2026-11-20"},
        {"start": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_what_makes_no_sense_is_refused(web: httpx.Client, params: dict[str, Any]) -> None:
    problem(web.get(EXCERPTS, params=params), 422)


def overview(web: httpx.Client, **params: Any) -> dict[str, Any]:
    return web.get(f"{API}/overview", params=params).raise_for_status().json()


def test_statistics_are_of_what_is_searched_for(web: httpx.Client) -> None:
    found = overview(web)["statistics"]
    assert (found["total"], found["input_tokens"], found["average_latency_ms"]) == (4, 10, 100.0)
    assert found["average_confidence"] == pytest.approx(0.7)
    assert found["newest"] == "2026-11-21T18:00:00.000Z"
    found = overview(web, q="poet", model="llama3")["statistics"]
    assert (found["total"], found["average_latency_ms"]) == (1, None)


def test_values_to_filter_by_are_those_that_a_filter_could_have(web: httpx.Client) -> None:
    found = overview(web, provider="openai", q="idea")["facets"]
    assert found["provider"] == [{"value": "ollama", "count": 3}, {"value": "openai", "count": 1}]
    assert found["model"] == [{"value": "gpt", "count": 1}]
    assert found["backend"] == [{"value": "zero-shot", "count": 1}]


def test_periods_count_what_is_in_each(web: httpx.Client) -> None:
    days = [f"2026-11-{day}T00:00:00Z" for day in (19, 20, 21, 22)]

    def counts(**params: Any) -> list[int]:
        return [period["count"] for period in overview(web, at=days, **params)["periods"]]

    assert counts() == [0, 3, 1]
    assert counts(conversation_id="c/1 & 2") == [0, 1, 1]
    assert counts(q="creme") == [0, 1, 0]
    # They are there to choose a period from: the one that is chosen does not narrow them.
    assert counts(start="2026-11-21") == [0, 3, 1]
    assert overview(web)["periods"] == []
    for wrong in (days[::-1], ["2026"] * 200, ["x"]):
        problem(web.get(f"{API}/overview", params={"at": wrong}), 422)


def test_the_endpoints_of_a_history_are_here_too(web: httpx.Client) -> None:
    found = web.get(API, params={"provider": "ollama", "limit": 1}).raise_for_status().json()
    assert (found["total"], found["items"][0]["improved_prompt"]) == (3, "x" * 1000)
    found = web.get(f"{API}/search", params={"q": "creme"}).raise_for_status().json()
    assert [item["id"] for item in found["items"]] == [3]
    found = web.get(f"{API}/statistics").raise_for_status().json()
    assert found["by_backend"] == {"zero-shot": 3, "few-shot": 1}
    for url in ("?limit=0", "?cursor=x", "/search", "/statistics?start=2026-11-21&end=2026-11-20"):
        problem(web.get(API + url), 422)


def test_a_record_is_shown_whole_and_deleted(web: httpx.Client, history: PromptRepository) -> None:
    found = web.get(f"{API}/4").raise_for_status().json()
    assert (found["improved_prompt"], found["conversation_id"]) == ("x" * 1000, "c/1 & 2")
    assert web.get(f"{API}/2").json()["guardrails"] == ["no rhymes"]
    assert web.delete(f"{API}/4").status_code == 204
    for gone in (web.get(f"{API}/4"), web.delete(f"{API}/4"), web.get(f"{API}/{2**53 - 1}")):
        assert "it may have been deleted" in problem(gone, 404)["detail"]
    assert history.find_by_id(4) is None
    for wrong in ("0", "x", 2**53):
        problem(web.get(f"{API}/{wrong}"), 422)
