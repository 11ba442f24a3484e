"""A history whose file cannot be opened, is another tool's, is gone, or is locked."""

from pathlib import Path

import pytest

from history_records import record
from holdfast.history import (
    CircuitBreaker,
    History,
    HistoryStatus,
    RepositoryConnectionError,
)
from job_processes import eventually
from processes import lock_held, look, run

WAIT = 20.0


def healthy(history: History) -> bool:
    return history.health().status is HistoryStatus.HEALTHY


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_a_file_that_cannot_be_opened_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "later" / "history.db"
    with History(place, breaker=CircuitBreaker(2, 0.1)) as history:
        with pytest.raises(RepositoryConnectionError, match="its file is not open") as raised:
            history.repository.find_recent()
        assert raised.value.retryable
        assert "later" not in str(raised.value)
        found = history.health()
        assert (found.status, found.file_size) == (HistoryStatus.DEGRADED, None)
        assert found.last_error == "PathError"
        place.parent.mkdir()
        eventually(lambda: healthy(history))
        assert history.save(record())
        assert history.drain(WAIT)
    assert "the service begins without it" in caplog.text
    assert look(place, "select count(*) from prompt_history") == [[1]]


def test_a_file_of_another_tool_is_left_as_it_is(place: Path) -> None:
    code = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
        "db.execute('create table t(x)'); db.commit(); db.close()"
    )
    run(code, place)
    with History(place, breaker=CircuitBreaker(1, 3600)) as history:
        assert not history.save(record())
        assert history.health().last_error == "PragmaError"
    assert look(place, "select name from sqlite_master") == [["t"]]


def test_a_file_that_is_gone_is_told_without_a_save(place: Path) -> None:
    with History(place) as history:
        eventually(lambda: healthy(history))
        for file in place.parent.glob("history.db*"):
            file.unlink()
        assert history.health().status is HistoryStatus.DEGRADED
        history.save(record())
        assert history.drain(WAIT)
        assert healthy(history)


def test_readers_go_on_while_another_process_has_the_lock(place: Path) -> None:
    with History(place) as history:
        history.save(record())
        assert history.drain(WAIT)
        with lock_held(place):
            history.save(record())
            assert history.repository.find_recent().total == 1
            assert history.repository.get_statistics().total == 1
            eventually(lambda: history.health().status is HistoryStatus.DEGRADED)
        eventually(lambda: healthy(history))
        assert history.repository.find_recent().total == 2
