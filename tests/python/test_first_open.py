"""Many processes open one file at the same moment, and all succeed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import holdfast
from processes import Child, look

MANY = 32

_OPEN = """
import sys, holdfast
steps = [
    holdfast.Migration(1, "note", "create table note(id integer primary key, body)"),
    holdfast.Migration(2, "tag", "create table tag(name text primary key)"),
]
if sys.argv[2] == "plain":
    steps = None
print("ready", flush=True)
sys.stdin.readline()
with holdfast.open(sys.argv[1], migrations=steps) as db:
    db.execute("create table if not exists note(id integer primary key, body)")
    db.execute("insert into note(body) values (?)", [sys.argv[3]])
    assert db.pragmas()["journal_mode"] == "wal", db.pragmas()
    assert db.pragmas()["auto_vacuum"] == "incremental", db.pragmas()
    print(db.schema_version() if steps else 0, flush=True)
    sys.stdin.readline()
"""


@contextmanager
def many(path: Path, what: str) -> Iterator[list[Child]]:
    with ExitStack() as stack:
        children = [stack.enter_context(Child(_OPEN, path, what, n)) for n in range(MANY)]
        for child in children:
            assert child.line(timeout=60) == "ready"
        yield children


def open_all(path: Path, what: str) -> None:
    with many(path, what) as children:
        for child in children:
            child.send()
        versions = [child.line(timeout=60) for child in children]
        for child in children:
            child.send()
            assert child.finish(timeout=60) == []
    assert versions == ["0" if what == "plain" else "2"] * MANY
    rows = look(path, "select body from note where body is not null order by cast(body as integer)")
    assert rows == [[str(number)] for number in range(MANY)]
    assert look(path, "pragma integrity_check") == [["ok"]]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", ["plain", "migrations"])
def test_a_new_file(path: Path, what: str) -> None:
    open_all(path, what)


_LEAVE = """
import os, sys, holdfast
step = holdfast.Migration(1, "note", "create table note(id integer primary key, body)")
db = holdfast.open(sys.argv[1], migrations=[step])
db.execute_many("insert into note(body) values (?)", ([None] for _ in range(20_000)))
print("left", flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", ["plain", "migrations"])
def test_a_file_whose_log_was_left_by_a_kill(path: Path, what: str) -> None:
    with Child(_LEAVE, path) as child:
        assert child.line() == "left"
        child.wait()
    assert path.with_name("app.db-wal").stat().st_size > 0
    open_all(path, what)
    assert look(path, "select count(*) from note") == [[20_000 + MANY]]


@pytest.mark.timeout(120)
def test_a_file_that_its_last_user_is_just_closing(path: Path) -> None:
    with holdfast.open(path) as db, many(path, "plain") as children:
        db.execute("create table note(id integer primary key, body)")
        for child in children[: MANY // 2]:
            child.send()
        db.close()
        for child in children[MANY // 2 :]:
            child.send()
        for child in children:
            assert child.line(timeout=60) == "0"
        for child in children:
            child.send()
            assert child.finish(timeout=60) == []
    assert look(path, "select count(*) from note") == [[MANY]]
