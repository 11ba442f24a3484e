"""A second SQLite that stays open in the process: both keep their locks."""

import sqlite3
from pathlib import Path

import pytest

from intruders import PRELUDE, intruded
from processes import look, run

COUNT = "select count(*) from note"
CHECK = "pragma integrity_check"


def test_a_second_sqlite_that_writes_loses_nothing_and_takes_nothing(path: Path) -> None:
    code = """
def write():
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    for number in range(200):
        connection.execute("insert into note(body) values ('second')")
    connection.close()

def churn():
    for _ in range(40):
        holdfast.open(path, read_only=True).close()
        second().close()

print("ready", flush=True)
threads = [threading.Thread(target=work) for work in (write, write, churn)]
for thread in threads:
    thread.start()
add(400)
for thread in threads:
    thread.join()
db.close()
"""
    with intruded(path, code) as child:
        child.line()
        for _ in range(10):
            look(path, "insert into note(body) values ('other') returning id")
        child.finish(timeout=60)
    assert look(path, COUNT) == [[5 + 2 * 200 + 400 + 10]]
    assert look(path, CHECK) == [["ok"]]


def test_closing_leaves_a_second_sqlite_its_locks(path: Path) -> None:
    code = """
connection = second()
connection.execute("begin immediate")
connection.execute("insert into note(body) values ('second')")
holdfast.open(path, read_only=True).close()
db.close()
meet()
connection.execute("commit")
connection.close()
with holdfast.open(path) as db:
    add(1)
for name in os.listdir("/proc/self/fd"):
    if os.path.lexists(link := f"/proc/self/fd/{name}") and path in os.readlink(link):
        print(name, os.readlink(link))
"""
    with intruded(path, code) as child:
        child.line()
        with sqlite3.connect(path, timeout=0) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("begin immediate")
        other.close()
        child.send()
        assert child.finish() == []
    assert look(path, COUNT) == [[7]]


def test_descriptors_that_are_kept_for_a_second_sqlite_are_used_again(path: Path) -> None:
    code = """
def count():
    return len(os.listdir("/proc/self/fd"))

connection = second()
counts = []
for _ in range(30):
    with holdfast.open(path, read_only=True) as reader:
        reader.fetch_value("select count(*) from note")
    counts.append(count())
assert max(counts[10:]) <= max(counts[:10]) + 4, counts
connection.execute("insert into note(body) values ('second')")
connection.close()
db.close()
"""
    run(PRELUDE + code, path)
    assert look(path, COUNT) == [[6]]


def test_a_second_sqlite_is_told_of_when_it_was_first(path: Path) -> None:
    code = """
records = []
logging.getLogger("holdfast.guard").addHandler(handler := logging.Handler())
handler.emit = lambda record: records.append(record.getMessage())
holdfast.open(path, read_only=True).close()
assert records == []
connection = second()
holdfast.open(path, read_only=True).close()
while not records:
    pass
assert "another SQLite of this process" in records[0], records
connection.close()
"""
    run(PRELUDE + code, path)
