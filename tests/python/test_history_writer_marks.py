"""What a writer keeps of those who wait for it, and who interrupts it."""

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from history_records import record
from holdfast.history import BreakerState, CircuitBreaker, HistoryWriter, InMemoryRepository
from holdfast.history.waiting import Mark, Waiting
from job_processes import eventually

WAIT = 20.0


def marks() -> int:
    """How many marks there are in the process."""
    gc.collect()
    return sum(isinstance(each, Mark) for each in gc.get_objects())


@pytest.fixture
def broken() -> Iterator[HistoryWriter]:
    """A writer whose breaker is open, with a record that waits."""

    def fail() -> InMemoryRepository:
        raise OSError("no file")

    writer = HistoryWriter(fail, breaker=CircuitBreaker(1, 3600))
    writer.save(record())
    eventually(lambda: writer.statistics().breaker is BreakerState.OPEN)
    yield writer
    writer.close(0)


async def test_who_flushes_during_an_outage_leaves_nothing(broken: HistoryWriter) -> None:
    before = marks()
    for _ in range(1000):
        assert not await broken.flush()
        assert not broken.drain()
    # The writer goes on in its thread: another may be told this moment.
    assert marks() - before < 10
    assert broken.statistics().queued == 1


async def test_who_waited_when_the_breaker_opened_leaves_nothing() -> None:
    tried, may_fail = threading.Event(), threading.Event()

    def fail() -> InMemoryRepository:
        tried.set()
        may_fail.wait(WAIT)
        raise OSError("no file")

    writer = HistoryWriter(fail, breaker=CircuitBreaker(1, 3600))
    before = marks()
    writer.save(record())
    assert await asyncio.to_thread(tried.wait, WAIT)
    flushed = [asyncio.ensure_future(writer.flush()) for _ in range(100)]
    await asyncio.sleep(0)
    assert marks() - before == 100
    may_fail.set()
    assert await asyncio.gather(*flushed) == [False] * 100
    eventually(lambda: marks() == before)
    assert writer.statistics().queued == 1
    writer.close(0)


def test_only_marks_that_were_told_are_swept() -> None:
    waiting = Waiting(10, 5)
    told: list[str] = []
    first, second = (Mark(lambda written, n=n: told.append(f"{n} {written}")) for n in (1, 2))
    waiting.put(record("a"))
    waiting.mark(first)
    waiting.put(record("b"))
    waiting.mark(second)
    first.tell(False)
    waiting.sweep()
    assert len(waiting) == 2
    taken = waiting.take(10)
    assert [each.original_idea for each in taken] == ["a", "b"]
    waiting.reach()
    assert told == ["1 False", "2 True"]
    waiting.free(*taken)
    assert waiting.is_empty
    assert len(waiting) == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_save_may_interrupt_the_first_one(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As the handler of a signal does, at the worst moments there are.
    repository = InMemoryRepository()
    writer = HistoryWriter(repository)
    start = threading.Thread.start
    found: list[bool] = []

    def interrupted(thread: threading.Thread) -> None:
        if thread.name != "holdfast-history":
            return start(thread)
        if when == "after":
            start(thread)
        found.append(writer.save(record("of the handler")))
        if when == "before":
            start(thread)
        return None

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    saving = threading.Thread(target=lambda: found.append(writer.save(record())), daemon=True)
    saving.start()
    saving.join(WAIT)
    assert found == [True, True]
    assert writer.drain(WAIT)
    assert repository.find_recent().total == 2
    names = [each.name for each in threading.enumerate()]
    assert names.count("holdfast-history") <= 1
    assert writer.close(WAIT)


def test_a_close_may_interrupt_the_first_save(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = HistoryWriter(InMemoryRepository())
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if thread.name == "holdfast-history":
            writer.close(0.1)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    saving = threading.Thread(target=lambda: writer.save(record()), daemon=True)
    saving.start()
    saving.join(WAIT)
    assert not saving.is_alive()
    found = writer.statistics()
    assert found.written + found.lost == 1
