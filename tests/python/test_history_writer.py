"""The writer of a history: what it takes, what it drops, and what is written when."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from history_records import record
from holdfast.history import (
    HistoryWriter,
    HoldfastRepository,
    InMemoryRepository,
    PromptHistory,
)
from job_processes import eventually
from processes import look

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


def test_what_is_saved_is_written_in_order(make: Make, db: holdfast.Database) -> None:
    writer = make(db)
    assert all(writer.save(record(f"{n}")) for n in range(1000))
    assert writer.drain(WAIT)
    assert ideas(db) == [f"{n}" for n in range(1000)]
    found = writer.statistics()
    assert (found.queued, found.written, found.dropped) == (0, 1000, 0)
    assert found.last_success is not None


async def test_a_flush_waits_for_what_was_saved_before(make: Make, db: holdfast.Database) -> None:
    writer = make(db, flush_every=60)
    for n in range(5):
        writer.save(record(f"{n}"))
        assert await writer.flush(WAIT)
        assert ideas(db)[-1] == f"{n}"
    assert await writer.flush(0)


async def test_many_tasks_flush_at_once(make: Make, db: holdfast.Database) -> None:
    writer = make(db, flush_every=60)

    async def save(n: int) -> bool:
        writer.save(record(f"{n}"))
        return await writer.flush(WAIT)

    assert all(await asyncio.gather(*(save(n) for n in range(100))))
    assert len(ideas(db)) == 100


def test_a_record_is_written_without_a_flush(make: Make, db: holdfast.Database) -> None:
    writer = make(db, flush_every=0.01)
    for n in range(3):
        writer.save(record())
        eventually(lambda n=n: writer.statistics().written == n + 1)


def test_many_records_are_written_before_the_time_is_over(
    make: Make, db: holdfast.Database
) -> None:
    writer = make(db, flush_every=3600)
    writer.start(WAIT)
    for _ in range(499):
        writer.save(record())
    assert writer.statistics().written == 0
    writer.save(record())
    eventually(lambda: writer.statistics().written == 500)


def test_records_share_commits(make: Make, db: holdfast.Database) -> None:
    sizes: list[int] = []

    class Counting(HoldfastRepository):
        def save_many(self, records: Iterable[PromptHistory]) -> list[int]:
            batch = list(records)
            sizes.append(len(batch))
            return super().save_many(batch)

    writer = make(Counting(db), flush_every=60)
    writer.start(WAIT)
    for _ in range(400):
        writer.save(record())
    assert writer.drain(WAIT)
    assert sum(sizes) == 400
    # At least four records a commit, whatever the machine is busy with.
    assert len(sizes) <= 110


def test_every_thread_and_every_loop_may_save(make: Make, db: holdfast.Database) -> None:
    writer = make(db)

    async def in_a_loop() -> bool:
        for _ in range(100):
            writer.save(record())
            await asyncio.sleep(0)
        return await writer.flush(WAIT)

    flushed: list[bool] = []
    threads = [
        threading.Thread(target=lambda: flushed.append(asyncio.run(in_a_loop()))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flushed == [True] * 4
    assert len(ideas(db)) == 400


def test_a_record_that_cannot_be_kept_is_given_up_alone(
    make: Make, db: holdfast.Database, caplog: pytest.LogCaptureFixture
) -> None:
    writer = make(db, flush_every=60)
    for idea, number in (("a", 7), ("secret plan", 7), ("b", None), ("c", 9)):
        writer.save(record(idea, id=number))
    assert writer.drain(WAIT)
    assert sorted(ideas(db)) == ["a", "b", "c"]
    found = writer.statistics()
    assert (found.written, found.rejected, found.dropped, found.failures) == (3, 1, 1, 0)
    [said] = [each.getMessage() for each in caplog.records if each.name == "holdfast.history"]
    assert "cannot be kept" in said
    assert "secret" not in caplog.text


@pytest.mark.parametrize("kind", ["database", "repository", "memory", "opening"])
def test_it_writes_to_what_it_is_given(make: Make, db: holdfast.Database, kind: str) -> None:
    repository = InMemoryRepository() if kind == "memory" else HoldfastRepository(db)
    given = {"database": db, "opening": lambda: db}.get(kind, repository)
    writer = make(given)
    assert writer.save(record())
    assert writer.drain(WAIT)
    assert repository.find_recent().total == 1


def test_what_a_function_opened_is_closed_with_the_writer(path: Path) -> None:
    opened: list[holdfast.Database] = []

    def open_() -> holdfast.Database:
        opened.append(holdfast.open(path))
        return opened[-1]

    with HistoryWriter(open_) as writer:
        writer.save(record())
    assert [each.closed for each in opened] == [True]
    assert look(path, "select count(*) from prompt_history") == [[1]]
