"""A file that is moved, replaced or deleted while it is open: nobody commits into the void."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import MovedError
from job_processes import eventually
from processes import Child, look, run

INSERT = "insert into note(body) values (?)"
COUNT = "select count(*) from note"


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def index_of(path: Path) -> Path:
    return path.with_name(path.name + "-shm")


def replace(path: Path) -> None:
    """Put another database in its place, as a deployment script would."""
    run(
        "import sys, holdfast; holdfast.open(sys.argv[1]).execute('create table note(x)')",
        path.with_name("new.db"),
    )
    path.with_name("new.db").rename(path)


def replace_log(path: Path) -> None:
    shutil.copy(log_of(path), path.with_name("copy"))
    path.with_name("copy").rename(log_of(path))


MISHAPS: dict[str, Callable[[Path], object]] = {
    "file was deleted": Path.unlink,
    "file was deleted or moved": lambda path: path.rename(path.with_name("elsewhere.db")),
    "taken the name of the file": replace,
    r"write-ahead log \(-wal\)": lambda path: log_of(path).unlink(),
    r"taken the name of its write-ahead log \(-wal\)": replace_log,
    "deleted or moved away": lambda path: shutil.move(path.parent, f"{path.parent}-moved"),
}
mishaps = pytest.mark.parametrize(("says", "mishap"), MISHAPS.items(), ids=list(MISHAPS))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "app.db"


@mishaps
def test_the_commit_says_so_and_nothing_more_is_written(
    db: holdfast.Database, path: Path, tmp_path: Path, says: str, mishap: Callable[[Path], object]
) -> None:
    db.execute(INSERT, ["before"])
    # A reader that is opened in the background would be the first to see it.
    eventually(lambda: db.stats()["pool"]["open"] == 2)
    mishap(path)
    with pytest.raises(MovedError, match=says) as caught:
        db.execute(INSERT, ["into the void"])
    assert caught.value.sqlite_errorname == "SQLITE_READONLY_DBMOVED"
    assert not caught.value.retryable
    for refused in (
        lambda: db.execute(INSERT, ["more"]),
        lambda: db.transaction().__enter__(),
        lambda: db.fetch_all(COUNT),
        lambda: db.snapshot().__enter__(),
        lambda: db.vacuum(),
        lambda: db.checkpoint(),
        lambda: db.check(),
    ):
        with pytest.raises(MovedError, match="db.backup"):
            refused()
    # What this process committed is not lost with it.
    db.backup(tmp_path / "saved.db")
    db.close()
    assert look(tmp_path / "saved.db", "select body from note") == [["before"], ["into the void"]]


def test_a_deleted_index_of_the_log_is_told_soon(db: holdfast.Database, path: Path) -> None:
    index_of(path).unlink()
    deadline = time.monotonic() + 30
    with pytest.raises(MovedError, match=r"index of its log \(-shm\)"):
        while time.monotonic() < deadline:
            db.execute(INSERT, ["again"])
    with pytest.raises(MovedError):
        db.fetch_all(COUNT)


@mishaps
def test_a_transaction_learns_it_at_its_commit(
    db: holdfast.Database, path: Path, says: str, mishap: Callable[[Path], object]
) -> None:
    with pytest.raises(MovedError, match=says), db.transaction() as tx:
        tx.execute(INSERT, ["one"])
        mishap(path)
        tx.execute(INSERT, ["two"])


def test_each_of_those_who_share_a_commit_learns_it(
    opened: Callable[..., holdfast.Database], path: Path, tmp_path: Path
) -> None:
    db = opened(profile="durable")
    db.execute("create table note(id integer primary key, body)")
    told: list[type[BaseException]] = []

    def write(number: int) -> None:
        try:
            db.execute(INSERT, [number])
        except MovedError as error:
            told.append(type(error))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    with db.transaction():
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 20
        while db.stats()["lane"]["waiting"] < len(threads):
            assert time.monotonic() < deadline
        log_of(path).unlink()
    for thread in threads:
        thread.join(20)
    assert told == [MovedError] * len(threads)
    db.backup(tmp_path / "saved.db")
    twice = "select body from note group by body having count(*) > 1"
    assert look(tmp_path / "saved.db", twice) == []


@mishaps
def test_readers_learn_it_without_a_commit(
    db: holdfast.Database, path: Path, says: str, mishap: Callable[[Path], object]
) -> None:
    mishap(path)
    deadline = time.monotonic() + 20
    with pytest.raises(MovedError, match=says):
        while time.monotonic() < deadline:
            db.fetch_value(COUNT)


def test_closing_touches_nothing_that_is_not_its_own(db: holdfast.Database, path: Path) -> None:
    db.execute_many(INSERT, [[number] for number in range(100)])
    log_of(path).unlink()
    # Another process makes a log of its own, and dies with its commits in it.
    code = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("create table theirs(x)")
connection.execute("insert into theirs values (1)")
connection.commit()
print("done", flush=True)
os.kill(os.getpid(), 9)
"""
    # With it, that process would take this one's index of the log for its own.
    index_of(path).unlink()
    with Child(code, path) as other:
        other.line()
        other.wait()
    theirs = log_of(path).read_bytes()
    db.close()
    assert log_of(path).read_bytes() == theirs
    assert look(path, "select x from theirs") == [[1]]


def test_it_works_again_once_it_is_opened_anew(
    opened: Callable[..., holdfast.Database], path: Path
) -> None:
    db = opened()
    db.execute("create table note(id integer primary key, body)")
    replace(path)
    with pytest.raises(MovedError):
        db.execute(INSERT, ["lost"])
    db.close()
    log_of(path).unlink()
    again = opened()
    assert again.fetch_all("select * from note") == []
    again.execute("insert into note values (1)")
    again.close()
    assert look(path, COUNT) == [[1]]


def test_a_second_handle_is_refused_until_the_first_is_closed(
    opened: Callable[..., holdfast.Database], path: Path
) -> None:
    db = opened()
    log_of(path).unlink()
    with pytest.raises(MovedError, match="close it"):
        opened()
    db.close()
    opened().execute("create table note(id integer primary key, body)")


def test_a_rollback_journal_refuses_a_moved_file_too(
    opened: Callable[..., holdfast.Database], path: Path
) -> None:
    db = opened(pragmas={"journal_mode": "delete"})
    db.execute("create table note(id integer primary key, body)")
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(MovedError, match="deleted or moved"):
        db.execute(INSERT, ["lost"])
    db.close()
    assert not path.exists()


def test_a_reader_alone_learns_that_a_new_file_is_there(
    opened: Callable[..., holdfast.Database], db: holdfast.Database, path: Path
) -> None:
    db.close()
    reader = opened(read_only=True)
    assert reader.fetch_value(COUNT) == 0
    connection = sqlite3.connect(path.with_name("new.db"))
    connection.close()
    path.with_name("new.db").rename(path)
    deadline = time.monotonic() + 20
    with pytest.raises(MovedError, match="another file"):
        while time.monotonic() < deadline:
            reader.fetch_value(COUNT)
