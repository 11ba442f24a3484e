"""The engine's log, under Python's logger `holdfast`."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast import RetryPolicy
from holdfast.errors import BusyError
from processes import lock_held, run

SECRET = "Zx9SecretZx9"


class Records(logging.Handler):
    """Keeps what arrives, and wakes who waits for it: a thread of the engine delivers."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[logging.LogRecord] = []
        self.arrived = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self.arrived:
            self.seen.append(record)
            self.arrived.notify_all()

    def wait_for(self, wanted: Callable[[logging.LogRecord], bool]) -> logging.LogRecord:
        with self.arrived:
            assert self.arrived.wait_for(lambda: any(map(wanted, self.seen)), timeout=20)
            return next(filter(wanted, self.seen))


@pytest.fixture
def records() -> Iterator[Records]:
    logger, handler = logging.getLogger("holdfast"), Records()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_a_retry_is_logged_without_values(opened, path: Path, records: Records) -> None:
    db = opened(retry=RetryPolicy(attempts=2, min_delay=0.001), pragmas={"busy_timeout": 20})
    db.execute("create table note(body)")
    with lock_held(path), pytest.raises(BusyError):
        db.execute("insert into note values (?)", [SECRET])
    record = records.wait_for(lambda r: "gave up after attempt 2" in r.getMessage())
    assert record.name == "holdfast.retry"
    assert record.levelno == logging.DEBUG
    assert "database is locked" in record.getMessage()
    assert not any(SECRET in each.getMessage() for each in records.seen)


def test_a_handler_may_use_the_database(opened, path: Path) -> None:
    db = opened(retry=RetryPolicy(attempts=2, min_delay=0.001), pragmas={"busy_timeout": 20})
    db.execute("create table log(text)")
    written = threading.Event()

    class IntoDatabase(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "attempt" in record.getMessage() and not written.is_set():
                db.execute("insert into log values (?)", [record.getMessage()], timeout=20)
                written.set()

    logger, handler = logging.getLogger("holdfast"), IntoDatabase()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with lock_held(path), pytest.raises(BusyError):
            db.execute("insert into log values ('mine')", timeout=0.1)
        assert written.wait(20)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert "attempt" in db.fetch_value("select text from log")


def test_nothing_is_printed_unasked(path: Path) -> None:
    run(
        "import sys, holdfast\n"
        "db = holdfast.open(sys.argv[1])\n"
        "db.execute('create table t(x)')\n"
        "try: db.execute('insert into nope values (1)')\n"
        "except holdfast.errors.ProgrammingError: pass\n",
        path,
    )
