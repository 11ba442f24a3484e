"""How a writer ends: closed, with the interpreter, by a signal, in a forked child."""

import os
import signal
import threading
from pathlib import Path

import pytest

import holdfast
from history_records import record
from holdfast.errors import ClosedError
from holdfast.history import CircuitBreaker, HistoryWriter
from processes import Child, fork, join, lock_held, look, run

WAIT = 20.0

_SAVING = """
import logging, os, sys, holdfast
from holdfast.history import HistoryWriter, PromptHistory

record = PromptHistory(
    original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot", model="llama3",
    provider="ollama",
)
def open_():
    policy = holdfast.RetryPolicy(attempts=1)
    return holdfast.open(sys.argv[1], retry=policy, pragmas={"busy_timeout": 100})

writer = HistoryWriter(open_, flush_every=60)
"""


def ideas(path: Path) -> list[str]:
    rows = look(path, "select original_idea from prompt_history order by original_idea")
    return [idea for (idea,) in rows]


def test_closing_writes_what_waits(db: holdfast.Database, path: Path) -> None:
    writer = HistoryWriter(db, flush_every=60)
    for n in range(100):
        writer.save(record(f"{n:02}"))
    assert writer.close(WAIT)
    assert ideas(path) == [f"{n:02}" for n in range(100)]
    with pytest.raises(ClosedError, match="the writer is closed"):
        writer.save(record())
    assert writer.close()
    assert writer.drain()


async def test_a_writer_closes_in_a_loop(db: holdfast.Database) -> None:
    async with HistoryWriter(db, flush_every=60) as writer:
        writer.save(record())
    assert writer.statistics().written == 1
    assert await writer.flush()


@pytest.mark.parametrize("timeout", [float("inf"), 1e18])
def test_there_may_be_any_time_to_end_in(db: holdfast.Database, timeout: float) -> None:
    writer = HistoryWriter(db)
    writer.save(record())
    assert writer.drain(timeout)
    assert writer.close(timeout)
    assert writer.statistics().written == 1


def test_closing_is_bounded_and_counts_what_is_lost(
    db: holdfast.Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = HistoryWriter(db)
    writer.start(WAIT)
    # Without a bound, this would wait for as long as the lock is held: until the test fails.
    with lock_held(path):
        for _ in range(7):
            writer.save(record())
        assert not writer.close(0.2)
        found = writer.statistics()
        assert (found.lost, found.queued, found.dropped) == (7, 0, 7)
        assert not writer.drain()
    assert "7 records were not written" in caplog.text


def test_a_flush_ends_when_the_writer_is_closed(db: holdfast.Database, path: Path) -> None:
    writer = HistoryWriter(db)
    writer.start(WAIT)
    drained: list[bool] = []
    with lock_held(path):
        writer.save(record())
        thread = threading.Thread(target=lambda: drained.append(writer.drain()))
        thread.start()
        writer.close(0.2)
        thread.join(WAIT)
    assert drained == [False]


def test_an_open_breaker_is_tried_once_more_at_the_end(path: Path) -> None:
    def open_() -> holdfast.Database:
        policy = holdfast.RetryPolicy(attempts=1)
        return holdfast.open(path, retry=policy, pragmas={"busy_timeout": 50})

    writer = HistoryWriter(open_, breaker=CircuitBreaker(1, 3600))
    writer.start(WAIT)
    with lock_held(path):
        writer.save(record("kept"))
        assert not writer.drain(WAIT)
        assert writer.statistics().failures == 1
    assert writer.close(WAIT)
    assert ideas(path) == ["kept"]


def test_closing_what_was_never_used_makes_no_file(path: Path) -> None:
    writer = HistoryWriter(lambda: holdfast.open(path))
    assert writer.close()
    assert not path.exists()
    assert not writer.start(WAIT)


def test_the_interpreter_writes_what_waits_at_its_end(path: Path) -> None:
    assert run(_SAVING + "for _ in range(100): writer.save(record)", path) == []
    assert len(ideas(path)) == 100


def test_a_writer_that_nobody_holds_writes_what_waits_at_the_end(path: Path) -> None:
    code = "import gc; HistoryWriter(open_, flush_every=60).save(record); gc.collect()"
    assert run(_SAVING + code, path) == []
    assert len(ideas(path)) == 1


def test_the_end_of_the_interpreter_is_bounded(path: Path) -> None:
    run(_SAVING, path)
    holdfast.open(path).close()
    with lock_held(path), Child(_SAVING + "writer.save(record)", path) as child:
        assert child.wait() == 0
        assert "1 records were not written before the end" in child.errors


def test_what_a_flush_has_told_survives_sigkill(path: Path) -> None:
    code = """
while True:
    writer.save(record)
    if writer.drain(20):
        os.write(1, b"written\\n")
"""
    with Child(_SAVING + code, path) as child:
        for _ in range(20):
            child.line()
        child.signal(signal.SIGKILL)
        child.wait()
        told = 20 + child.rest().count("written")
    assert len(ideas(path)) >= told
    assert look(path, "pragma integrity_check") == [["ok"]]


def test_a_forked_child_writes_what_it_saves_and_nothing_else(
    db: holdfast.Database, path: Path
) -> None:
    writer = HistoryWriter(db, flush_every=60)
    writer.start(WAIT)
    writer.save(record("parent"))

    def work() -> None:
        assert writer.statistics().queued == 0
        assert writer.save(record("child"))
        assert writer.drain(WAIT)
        assert writer.close()

    join(fork(work))
    assert ideas(path) == ["child"]
    assert writer.drain(WAIT)
    assert ideas(path) == ["child", "parent"]
    writer.close()


def test_a_child_that_is_forked_while_the_thread_writes_can_save(path: Path) -> None:
    writer = HistoryWriter(lambda: holdfast.open(path), flush_every=0)
    ending = threading.Event()

    def save() -> None:
        while not ending.is_set():
            writer.save(record("parent"))

    thread = threading.Thread(target=save)
    thread.start()
    try:
        for _ in range(10):
            join(fork(lambda: os._exit(not (writer.save(record("child")) and writer.close(WAIT)))))
    finally:
        ending.set()
        thread.join()
        assert writer.close(WAIT)
    assert ideas(path).count("child") == 10
    assert len(ideas(path)) == 10 + writer.statistics().written
