"""Another process changes the schema, again and again: the statements that are kept go with it."""

from pathlib import Path

from processes import run

_CHANGE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
print("ready", flush=True)
for line in sys.stdin:
    connection.execute(line)
    print("done", flush=True)
"""

# In a process of its own: what goes wrong ends it.
_WRITE = """
import faulthandler, sqlite3, subprocess, sys
import holdfast

faulthandler.enable()
db = holdfast.open(sys.argv[1])
db.execute_script(
    "create table t(id integer primary key, a text); create table r(id integer primary key, x);"
    "create table seen(a)"
)
command = [sys.executable, "-c", sys.argv[2], sys.argv[1]]
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
with subprocess.Popen(command, **pipes) as other:
    assert other.stdout.readline() == "ready\\n"
    for number in range(150):
        with db.transaction() as tx:
            tx.execute("insert into t(a) values ('x')")
            tx.execute("insert into r(x) values (?)", [number])
        made = "create trigger added after insert on t begin insert into seen values (new.a); end"
        other.stdin.write(f"{made if number % 2 == 0 else 'drop trigger added'}\\n")
        other.stdin.flush()
        assert other.stdout.readline() == "done\\n"
    other.stdin.close()
assert db.fetch_value("select count(*) from r") == 150
assert db.fetch_value("select count(*) from seen") == 75
db.close()
"""


def test_writes_go_on_beside_triggers_that_come_and_go(path: Path) -> None:
    run(_WRITE, path, _CHANGE)
