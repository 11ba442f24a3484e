"""Another process that locks the file in bursts: whole operations are run again and get through."""

from pathlib import Path

import holdfast
from holdfast import BusyError, RetryPolicy, Transaction
from processes import Child

WRITES = 60
# For each line that it reads, takes the lock, says so, and holds it for 30 ms.
BURSTS = """
import sqlite3, sys, threading
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for line in sys.stdin:
    connection.execute("begin immediate")
    print("locked", flush=True)
    threading.Event().wait(0.03)
    connection.execute("commit")
connection.close()
"""


def test_nine_in_ten_operations_get_through_bursts_of_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    policy = RetryPolicy(attempts=5, min_delay=0.01)
    # A wait shorter than a burst, so that it takes the retries to get through.
    pragmas = {"busy_timeout": 5}
    with holdfast.open(path, pragmas=pragmas, retry=policy) as db:
        db.execute("create table note(id integer primary key, body text)")
        kept = failed = 0

        def add(tx: Transaction, body: str) -> None:
            tx.insert("note", {"body": body})

        with Child(BURSTS, path) as child:
            for number in range(WRITES):
                child.send()
                assert child.line() == "locked"
                try:
                    if number % 2:
                        db.run(add, str(number))
                    else:
                        db.insert("note", {"body": str(number)})
                    kept += 1
                except BusyError:
                    failed += 1
        assert kept >= 0.9 * WRITES
        assert db.fetch_value("select count(*) from note") == kept
        retries = db.stats()["retries"]
        assert retries["recovered"] > 0
        assert retries["gave_up"] == failed
        assert retries["rate"] > 0.2
