"""A process that has a file open, and in which another SQLite or a plain open() gets at it."""

from pathlib import Path

from processes import Child

PRELUDE = """
import logging, os, sqlite3, sys, threading, holdfast

logging.getLogger("holdfast").addHandler(logging.NullHandler())
path = sys.argv[1]
db = holdfast.open(path)
INSERT = "insert into note(body) values (?)"

def add(count):
    for number in range(count):
        db.execute(INSERT, [number])

def second():
    connection = sqlite3.connect(path, timeout=20, isolation_level=None)
    connection.execute("select count(*) from note").fetchall()
    return connection

def plain():
    for name in (path, path + "-wal", path + "-shm"):
        open(name, "rb").close()

def meet():
    print("ready", flush=True)
    sys.stdin.readline()

db.execute("create table note(id integer primary key, body)")
add(5)
"""


def intruded(path: Path, code: str) -> Child:
    """Run code in a process that holds `path` open as `db`, with 5 rows."""
    return Child(PRELUDE + code, path)
