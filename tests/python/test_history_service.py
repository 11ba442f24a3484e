"""The history of a service: what it opens, what it tells, and what it does without a database."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import holdfast
from history_records import record
from holdfast.errors import ClosedError
from holdfast.history import (
    BreakerState,
    History,
    HistorySettings,
    HistoryStatus,
    HoldfastRepository,
    RepositoryConnectionError,
    Retention,
    service,
)
from job_processes import eventually
from processes import lock_held, look

WAIT = 20.0


def healthy(history: History) -> bool:
    return history.health().status is HistoryStatus.HEALTHY


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_a_history_keeps_what_is_saved(place: Path) -> None:
    with History(place) as history:
        assert history.save(record("a"))
        assert history.drain(WAIT)
        assert history.repository.find_recent().items[0].original_idea == "a"
    assert look(place, "select original_idea from prompt_history") == [["a"]]
    with pytest.raises(ClosedError):
        history.save(record())


async def test_a_history_lives_in_a_loop(place: Path) -> None:
    async with History(place) as history:
        history.save(record())
        assert await history.flush(WAIT)
        assert history.health().written == 1


def test_nothing_is_opened_before_it_is_needed(place: Path) -> None:
    before = {*threading.enumerate()}
    history = History(place)
    with pytest.raises(RepositoryConnectionError, match=r"start\(\) opens it") as raised:
        history.repository.find_recent()
    assert not raised.value.retryable
    assert not place.exists()
    assert "holdfast-history" not in {each.name for each in {*threading.enumerate()} - before}
    history.save(record())
    assert history.drain(WAIT)
    assert history.repository.find_recent().total == 1
    history.close()


def test_the_health_tells_everything(place: Path) -> None:
    with History(place, retention=Retention(days=7, max_records=9), queue_size=50) as history:
        for _ in range(3):
            history.save(record())
        assert history.drain(WAIT)
        eventually(lambda: history.health().last_cleanup is not None)
        found = history.health()
        assert found.status is HistoryStatus.HEALTHY
        assert found.last_success is not None
        assert datetime.now(UTC) - found.last_success < timedelta(minutes=5)
        size, log_size = place.stat().st_size, Path(f"{place}-wal").stat().st_size
        assert (found.file_size, found.log_size) == (size, log_size)
        assert found._replace(last_success=None, last_cleanup=None) == (
            HistoryStatus.HEALTHY, BreakerState.CLOSED, 0, 0.0, 0, 50, 3, 0,
            {"full": 0, "open": 0, "rejected": 0, "lost": 0}, None, None, size, log_size, 1,
            7, 9, None, None, 0,
        )  # fmt: skip


def test_without_a_history_there_is_no_file_and_no_thread(place: Path) -> None:
    with History(place, enabled=False) as history:
        assert not history.save(record())
        assert history.drain(WAIT)
        assert history.repository.find_recent().total == 0
        found = history.health()
        assert found.status is HistoryStatus.DISABLED
        assert (found.written, found.dropped, found.file_size) == (0, 0, None)
    assert list(place.parent.iterdir()) == []


@pytest.mark.parametrize("wal", [True, False])
def test_the_journal_is_as_it_was_asked_for(place: Path, wal: bool) -> None:
    with History(place, wal=wal) as history:
        history.save(record())
        assert history.drain(WAIT)
        assert look(place, "pragma journal_mode") == [["wal" if wal else "delete"]]
        assert Path(f"{place}-wal").exists() == wal
        assert history.repository.search("poem").total == 1
        # Another mode is no matter of the file: the next history may have it.
    with History(place, wal=not wal) as history:
        eventually(lambda: healthy(history))
        assert history.repository.find_recent().total == 1
        assert look(place, "pragma journal_mode") == [["delete" if wal else "wal"]]


def test_a_synchronous_history_has_written_when_save_returns(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "WAIT", WAIT)
    with History(place, background=False) as history:
        for n in range(10):
            assert history.save(record(f"{n}"))
            assert look(place, "select count(*) from prompt_history") == [[n + 1]]


def test_a_synchronous_save_of_a_locked_file_returns_without_its_record(place: Path) -> None:
    with History(place, background=False) as history:
        eventually(lambda: healthy(history))
        with lock_held(place):
            assert not history.save(record())
        assert history.drain(WAIT)
        assert history.repository.find_recent().total == 1


def test_settings_make_a_history(tmp_path: Path) -> None:
    settings = HistorySettings(
        db_path=tmp_path / "made.db",
        pool_size=3,
        retention_days=7,
        max_records=10,
        max_bytes=1000,
        async_enabled=False,
        wal_mode=False,
        breaker_failures=1,
        breaker_seconds=3600,
    )
    with History.of(settings) as history:
        history.save(record())
        assert history.drain(WAIT)
        assert look(settings.db_path, "select count(*) from prompt_history") == [[1]]
        assert look(settings.db_path, "pragma journal_mode") == [["delete"]]
        found = history.health()
        assert (found.retention_days, found.max_records, found.max_bytes) == (7, 10, 1000)
        with lock_held(settings.db_path):
            history.save(record())
            eventually(lambda: history.health().breaker is BreakerState.OPEN)
            assert 0 < history.health().retry_in <= 3600
    without = History.of(HistorySettings(enabled=False, auto_cleanup=False))
    assert without.health().retention_days is None
    assert not without.enabled


def test_a_database_in_memory_is_a_history_too() -> None:
    with History(":memory:") as history:
        history.save(record())
        assert history.drain(WAIT)
        assert history.repository.find_recent().total == 1
        assert healthy(history)


def test_a_repository_of_the_file_elsewhere_in_the_process_sees_the_records(place: Path) -> None:
    with History(place) as history:
        history.save(record())
        assert history.drain(WAIT)
        pragmas = {"mmap_size": 0, "busy_timeout": 1000}
        with holdfast.open(place, pragmas=pragmas) as db:
            assert HoldfastRepository(db).find_recent().total == 1
