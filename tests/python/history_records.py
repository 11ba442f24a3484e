"""Records to keep, and every kind of repository to keep them in."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

import holdfast
from holdfast.history import (
    AsyncHoldfastRepository,
    AsyncInMemoryRepository,
    HoldfastRepository,
    InMemoryRepository,
    PromptHistory,
    RepositoryError,
)

KINDS = ("memory", "holdfast", "async memory", "async holdfast")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def record(idea: str = "a poem", **fields: Any) -> PromptHistory:
    """A record; `at` is in milliseconds from noon."""
    at = fields.pop("at", None)
    if at is not None:
        fields["timestamp"] = NOON + at * MILLISECOND
    least = {
        "improved_prompt": "Write a sonnet.",
        "backend": "zero-shot",
        "model": "llama3",
        "provider": "ollama",
    }
    return PromptHistory(original_idea=idea, **{**least, **fields})


class Awaited:
    """An asynchronous repository whose verbs are waited for."""

    def __init__(self, repository: Any, loop: asyncio.Runner) -> None:
        self._repository = repository
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            return self._loop.run(getattr(self._repository, name)(*arguments, **keywords))

        return call


@contextmanager
def repository_of(
    kind: str, folder: Path, timeout: float | None = None, **settings: Any
) -> Iterator[Any]:
    """A repository of a kind, with the verbs of the synchronous face."""
    path = folder / "history.db"
    if kind == "memory":
        yield InMemoryRepository()
    elif kind == "holdfast":
        with holdfast.open(path, **settings) as db:
            yield HoldfastRepository(db, timeout=timeout)
    else:
        with asyncio.Runner() as loop:
            if kind == "async memory":
                yield Awaited(AsyncInMemoryRepository(), loop)
                return

            async def open_() -> holdfast.AsyncDatabase:
                return await holdfast.open_async(path, **settings)

            async def close(db: holdfast.AsyncDatabase) -> None:
                await db.close()

            db = loop.run(open_())
            try:
                yield Awaited(AsyncHoldfastRepository(db, timeout=timeout), loop)
            finally:
                loop.run(close(db))


def ideas(page: Any) -> list[str]:
    return [each.original_idea for each in page.items]


_characters = st.characters(exclude_categories=["Cs"])
texts = st.text(_characters, max_size=30)
filled = texts.filter(lambda text: bool(text.strip()))
moments = st.datetimes(
    min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.timezones()
)
counts = st.none() | st.integers(0, 2**53 - 1)
records = st.builds(
    PromptHistory,
    original_idea=filled,
    improved_prompt=filled,
    context=texts,
    role=texts,
    directive=texts,
    framework=texts,
    guardrails=st.lists(texts, max_size=3),
    reasoning=st.none() | texts,
    confidence=st.none() | st.floats(0, 1),
    backend=st.sampled_from(["zero-shot", "few-shot"]),
    model=filled,
    provider=filled,
    latency_ms=st.none() | st.floats(0, 2**53 - 1) | st.integers(0, 2**53 - 1),
    timestamp=moments,
    input_tokens=counts,
    output_tokens=counts,
    conversation_id=st.none() | texts,
)


SECRET = "hunter2"
FACES = ("holdfast", "async holdfast")

Verb = Callable[[Any], object]
VERBS: list[Verb] = [
    lambda it: it.save(record(SECRET)),
    lambda it: it.save_many([record(SECRET)] * 5),
    lambda it: it.delete(1),
    lambda it: it.delete_old(0),
    lambda it: it.trim(max_records=0),
]
QUESTIONS: list[Verb] = [
    lambda it: it.find_by_id(1),
    lambda it: it.find_recent(),
    lambda it: it.search(SECRET),
    lambda it: it.get_statistics(),
]


def refused(verb: Verb, repository: Any) -> RepositoryError:
    """The error that a verb raises: it has all that the database says, and no content."""
    with pytest.raises(RepositoryError) as raised:
        verb(repository)
    error, cause = raised.value, raised.value.__cause__
    assert isinstance(cause, holdfast.Error) and SECRET not in str(error)
    assert str(error) == str(cause) and error.retryable == cause.retryable
    assert error.sqlite_errorcode == cause.sqlite_errorcode
    assert error.sqlite_errorname == cause.sqlite_errorname
    return error
