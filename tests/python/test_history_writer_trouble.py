"""A writer whose database cannot be written: nobody waits, and it goes on by itself afterwards."""

import asyncio
import logging
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from history_records import record
from holdfast.history import BreakerState, CircuitBreaker, HistoryWriter
from job_processes import eventually
from processes import lock_held, look

WAIT = 20.0
#: Seconds that a breaker of the tests is open.
SHORT = 0.2
#: So few pages are cached that a damaged file shows.
PRAGMAS = {"mmap_size": 0, "busy_timeout": 50, "cache_size": 10}

Make = Callable[..., HistoryWriter]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def make() -> Iterator[Make]:
    """Make writers that open a file themselves; closed at the end."""
    writers: list[HistoryWriter] = []

    def make_(place: Path, **settings: Any) -> HistoryWriter:
        def open_() -> holdfast.Database:
            policy = holdfast.RetryPolicy(attempts=1)
            return holdfast.open(place, retry=policy, pragmas=PRAGMAS)

        settings = {"breaker": CircuitBreaker(3, SHORT), "flush_every": 0.01, **settings}
        writers.append(HistoryWriter(open_, **settings))
        return writers[-1]

    yield make_
    for writer in writers:
        writer.close(WAIT)


def opens(writer: HistoryWriter) -> None:
    """Wait until the breaker is open."""
    eventually(lambda: writer.statistics().breaker is not BreakerState.CLOSED)


def recovers(writer: HistoryWriter) -> None:
    """Wait until the breaker is closed again, without saving anything."""
    eventually(lambda: writer.statistics().breaker is BreakerState.CLOSED)
    assert writer.drain(WAIT)


def count(place: Path) -> int:
    return look(place, "select count(*) from prompt_history")[0][0]


def test_a_lock_opens_the_breaker_and_its_end_closes_it(make: Make, place: Path) -> None:
    writer = make(place, breaker=CircuitBreaker(3, 3600))
    writer.save(record("before"))
    assert writer.drain(WAIT)
    with lock_held(place):
        assert writer.save(record("kept"))
        opens(writer)
        # What is saved now is dropped; what was taken before is kept.
        assert not writer.save(record("dropped"))
        assert not writer.drain()
        found = writer.statistics()
        assert (found.breaker, found.failures) == (BreakerState.OPEN, 3)
        assert (found.open, found.queued, found.written) == (1, 1, 1)
        assert found.last_error == "BusyError (SQLITE_BUSY)"


def test_it_closes_by_itself_and_writes_what_it_had_taken(make: Make, place: Path) -> None:
    writer = make(place)
    writer.start(WAIT)
    with lock_held(place):
        for n in range(10):
            assert writer.save(record(f"{n}"))
        opens(writer)
    recovers(writer)
    assert count(place) == 10
    assert writer.statistics().failures == 0


async def test_a_flush_is_told_that_the_breaker_opens(make: Make, place: Path) -> None:
    writer = make(place, breaker=CircuitBreaker(3, 3600))
    writer.start(WAIT)
    with lock_held(place):
        writer.save(record())
        flushed = asyncio.gather(*(writer.flush() for _ in range(10)))
        assert await flushed == [False] * 10
        assert writer.statistics().breaker is BreakerState.OPEN


def test_a_file_that_cannot_be_opened_is_tried_until_it_can(make: Make, place: Path) -> None:
    folder = place.parent / "later"
    writer = make(folder / "history.db")
    assert not writer.start(WAIT)
    opens(writer)
    assert "PathError" in str(writer.statistics().last_error)
    folder.mkdir()
    # There is no record to try with.
    recovers(writer)
    assert writer.save(record())
    assert writer.drain(WAIT)
    assert count(folder / "history.db") == 1


def test_a_file_that_was_deleted_is_made_anew(make: Make, place: Path) -> None:
    writer = make(place)
    writer.save(record("gone"))
    assert writer.drain(WAIT)
    for file in place.parent.glob("history.db*"):
        file.unlink()
    writer.save(record("kept"))
    assert writer.drain(WAIT)
    assert look(place, "select original_idea from prompt_history") == [["kept"]]
    assert writer.statistics().dropped == 0


#: From outside, since closing a file in this process would drop its locks.
DAMAGES = {
    "garbage": "yes garbage | dd of=$0 conv=notrunc bs=4096 count=20",
    "truncated": "truncate -s 40960 $0",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_written_again_once_it_was_taken_away(
    make: Make, place: Path, damage: str
) -> None:
    writer = make(place)
    written = filled(writer)
    subprocess.run(["sh", "-c", DAMAGES[damage], place], capture_output=True, check=True)
    for _ in range(20):
        writer.save(record())
    opens(writer)
    assert "CorruptionError" in str(writer.statistics().last_error)
    subprocess.run(["rm", "-f", *place.parent.glob("history.db*")], check=True)
    eventually(lambda: writer.save(record()) and writer.drain(WAIT))
    assert writer.statistics().written > written
    assert look(place, "pragma integrity_check") == [["ok"]]


def test_an_emptied_file_is_filled_anew(make: Make, place: Path) -> None:
    writer = make(place)
    written = filled(writer)
    subprocess.run(["truncate", "-s", "0", place], check=True)
    eventually(lambda: writer.save(record()) and writer.drain(WAIT))
    assert count(place) == writer.statistics().written - written


def filled(writer: HistoryWriter) -> int:
    """Fill the file with records, all in the file itself; their number."""
    for n in range(200):
        writer.save(record(f"{n}" * 100))
    assert writer.drain(WAIT)
    assert writer.source.database is not None
    writer.source.database.checkpoint("truncate")
    return writer.statistics().written


@pytest.mark.parametrize("small_disk", [4], indirect=True)
def test_a_full_disk_is_written_again_once_there_is_room(
    small_disk: Path, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    place = small_disk / "history.db"
    writer = make(place)
    writer.save(record())
    assert writer.drain(WAIT)
    filler = small_disk / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}"], capture_output=True, check=False)
    for _ in range(50):
        writer.save(record("much text " * 1000))
    opens(writer)
    filler.unlink()
    recovers(writer)
    found = writer.statistics()
    assert count(place) == found.written == 51 - found.dropped
    assert found.lost == found.rejected == 0
    assert "much text" not in caplog.text


def test_trouble_is_told_once_and_without_content(
    make: Make, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "holdfast.history")
    writer = make(place)
    writer.start(WAIT)
    with lock_held(place):
        writer.save(record("secret plan"))
        opens(writer)
    recovers(writer)
    said = [(each.levelname, each.getMessage()) for each in caplog.records]
    levels = [level for level, _ in said]
    assert levels[0] == "WARNING"
    assert levels.count("WARNING") == 2
    assert "ERROR" in levels
    assert "again" in said[-1][1]
    assert "secret" not in caplog.text
