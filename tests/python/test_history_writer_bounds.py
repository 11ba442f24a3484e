"""What a writer refuses, drops and waits for."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import holdfast
from history_records import record
from holdfast.history import (
    HistoryWriter,
    InMemoryRepository,
    InvalidRecordError,
    PromptHistory,
)
from processes import lock_held

WAIT = 20.0

Make = Callable[..., HistoryWriter]


@pytest.fixture
def make(db: holdfast.Database) -> Iterator[Make]:
    """Make writers; closed at the end, before the database is."""
    writers: list[HistoryWriter] = []

    def make_(*arguments: Any, **settings: Any) -> HistoryWriter:
        writers.append(HistoryWriter(*arguments, **settings))
        return writers[-1]

    yield make_
    for writer in writers:
        writer.close(WAIT)


def ideas(db: holdfast.Database) -> list[str]:
    """What was written, in order."""
    return [
        idea for (idea,) in db.fetch_all("select original_idea from prompt_history order by id")
    ]


def test_a_full_queue_drops_the_newest_and_counts_it(
    make: Make, db: holdfast.Database, path: Path
) -> None:
    writer = make(db, queue_size=5)
    writer.start(WAIT)
    with lock_held(path) as holder:
        assert [writer.save(record(f"{n}")) for n in range(8)] == [True] * 5 + [False] * 3
        found = writer.statistics()
        assert (found.queued, found.full, found.dropped) == (5, 3, 3)
        holder.send()
        assert writer.drain(WAIT)
    assert ideas(db) == ["0", "1", "2", "3", "4"]
    assert writer.save(record("5"))
    assert writer.drain(WAIT)
    assert writer.statistics().dropped == 3


def test_the_bound_holds_for_any_number_of_threads(
    make: Make, db: holdfast.Database, path: Path
) -> None:
    writer = make(db, queue_size=100)
    writer.start(WAIT)
    taken: list[bool] = []

    def save() -> None:
        taken.extend([writer.save(record()) for _ in range(200)])

    with lock_held(path):
        threads = [threading.Thread(target=save) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (taken.count(True), taken.count(False)) == (100, 1500)
        assert writer.statistics().full == 1500
    assert writer.drain(WAIT)
    assert len(ideas(db)) == 100


def test_a_long_record_takes_as_many_places_as_it_is_long(
    make: Make, db: holdfast.Database, path: Path
) -> None:
    writer = make(db, queue_size=10)
    writer.start(WAIT)
    with lock_held(path) as holder:
        # Eight of ten places, however the texts are spread.
        assert writer.save(record("a" * 60_000, context="b" * 60_000, guardrails=["c"]))
        assert not writer.save(record("d" * 40_000))
        assert writer.save(record("e" * 20_000))
        assert not writer.save(record("f"))
        found = writer.statistics()
        assert (found.queued, found.full) == (2, 2)
        holder.send()
        assert writer.drain(WAIT)
    assert [len(idea) for idea in ideas(db)] == [60_000, 20_000]
    # One that is longer than the whole queue is taken when there is nothing else.
    assert writer.save(record("g" * 1_000_000))
    assert not writer.save(record())
    assert writer.drain(WAIT)
    assert writer.save(record())


@pytest.mark.parametrize("name", [field.name for field in fields(PromptHistory)])
def test_no_field_is_too_long_for_the_bound_of_the_queue(make: Make, name: str) -> None:
    opened, may_open = threading.Event(), threading.Event()

    def open_later() -> InMemoryRepository:
        opened.set()
        may_open.wait(WAIT)
        return InMemoryRepository()

    long = "x" * 100_000
    given: Any = [long] if name == "guardrails" else long
    try:
        large = replace(record(), **{name: given})
    except InvalidRecordError:
        # A number, a time or one of two words, which are small.
        assert name in {
            "confidence", "backend", "latency_ms", "timestamp", "input_tokens", "output_tokens",
            "id",
        }  # fmt: skip
        return
    writer = make(open_later, queue_size=10)
    writer.start()
    assert opened.wait(WAIT)
    # It takes seven of ten places.
    assert [writer.save(large) for _ in range(3)] == [True, False, False]
    assert [writer.save(record()) for _ in range(4)] == [True, True, True, False]
    may_open.set()
    assert writer.drain(WAIT)


def test_a_save_may_wait_for_its_record(make: Make, db: holdfast.Database, path: Path) -> None:
    writer = make(db, wait=WAIT, flush_every=3600)
    assert writer.save(record("a"))
    assert ideas(db) == ["a"]
    hurried = make(db, wait=0.05)
    hurried.start(WAIT)
    with lock_held(path):
        assert not hurried.save(record("b"))
    assert hurried.drain(WAIT)
    assert ideas(db) == ["a", "b"]


@pytest.mark.parametrize("value", [None, "text", {}, PromptHistory])
def test_what_is_no_record_is_refused(make: Make, value: Any) -> None:
    writer = make(InMemoryRepository())
    with pytest.raises(TypeError, match="a history has PromptHistory, not "):
        writer.save(value)
    assert writer.statistics().dropped == 0


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"queue_size": 0}, "queue_size"),
        ({"queue_size": 10**9}, "queue_size"),
        ({"flush_every": -1}, "flush_every"),
        ({"wait": "1"}, "wait"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is a number"):
        HistoryWriter(InMemoryRepository(), **settings)


def test_what_is_no_database_is_refused(path: Path) -> None:
    with pytest.raises(TypeError, match="db is a Database, a PromptRepository or a function"):
        HistoryWriter(path)  # pyright: ignore[reportArgumentType]
