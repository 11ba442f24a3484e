"""A database whose whole content follows from how far each of its writers has come.

Each write is one transaction over several tables and pages. So a copy can be compared row by row
with what must be in it, and a write that is there in part, or twice, or before an earlier one of
its writer, is seen.
"""

from pathlib import Path
from typing import Any, NamedTuple

import holdfast
from processes import Child

WRITERS = (0, 1, 2)
ACCOUNTS = 10
BALANCE = 1000
#: Notes of each writer that are kept.
KEPT = 100
BALLAST = 1500
SCHEMA = """
create table writer(id integer primary key, number integer not null);
create table account(id integer primary key, balance integer not null);
create table note(
    writer integer not null references writer, number integer not null, body text not null,
    account integer not null references account, primary key (writer, number)
) without rowid;
create index note_by_body on note(body);
create table ballast(id integer primary key, body text not null);
"""
WRITER = """
import os, sys, threading
sys.path.insert(0, sys.argv[1])
import holdfast
from backup_drill import write
writer, stop = int(sys.argv[3]), threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
ledger = os.open(sys.argv[4], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
with holdfast.open(sys.argv[2], pragmas={"busy_timeout": 60_000}) as db:
    number = db.fetch_value("select number from writer where id = ?", [writer])
    print("ready", flush=True)
    while not stop.is_set():
        number += 1
        db.run(write, writer, number)
        os.write(ledger, b"%d\\n" % number)
"""


class Content(NamedTuple):
    """All rows of the database."""

    numbers: list[int]
    balances: list[int]
    notes: list[tuple[int, int, str, int]]
    ballast: list[tuple[int, str]]


def transfer(writer: int, number: int) -> tuple[int, int, int]:
    giver = (number * 7 + writer) % ACCOUNTS
    return giver, (giver + 1 + number % (ACCOUNTS - 1)) % ACCOUNTS, 1 + (number + writer) % 97


def body(writer: int, number: int) -> str:
    """A text of up to three pages."""
    return f"{writer}-{number} " * (1 + number * 37 % 1200)


def write(tx: Any, writer: int, number: int) -> None:
    giver, taker, amount = transfer(writer, number)
    tx.execute("update account set balance = balance - ? where id = ?", [amount, giver])
    text = body(writer, number)
    tx.insert("note", {"writer": writer, "number": number, "body": text, "account": taker})
    tx.execute("delete from note where writer = ? and number = ?", [writer, number - KEPT])
    tx.execute("update writer set number = ? where id = ?", [number, writer])
    tx.execute("update account set balance = balance + ? where id = ?", [amount, taker])


def prepare(path: Path) -> None:
    with holdfast.open(path) as db:
        db.execute_script(SCHEMA)
        db.insert_many("writer", ({"id": writer, "number": 0} for writer in WRITERS))
        db.insert_many("account", ({"id": n, "balance": BALANCE} for n in range(ACCOUNTS)))
        db.insert_many("ballast", ({"id": n, "body": body(9, n)[:3000]} for n in range(BALLAST)))


def content(path: Path) -> Content:
    """What is in a file that is sound and that nobody writes to."""
    with holdfast.open(path) as db, db.snapshot() as snapshot:
        assert db.check() == ((), ())
        return Content(
            [n for (n,) in snapshot.fetch_all("select number from writer order by id")],
            [n for (n,) in snapshot.fetch_all("select balance from account order by id")],
            snapshot.fetch_all(
                "select writer, number, body, account from note order by writer, number"
            ),
            snapshot.fetch_all("select id, body from ballast order by id"),
        )


def expected(numbers: list[int]) -> Content:
    """What is in the database when its writers have come that far."""
    balances = [BALANCE] * ACCOUNTS
    notes: list[tuple[int, int, str, int]] = []
    for writer, last in zip(WRITERS, numbers, strict=True):
        for number in range(1, last + 1):
            giver, taker, amount = transfer(writer, number)
            balances[giver] -= amount
            balances[taker] += amount
            if number > last - KEPT:
                notes.append((writer, number, body(writer, number), taker))
    return Content(numbers, balances, notes, [(n, body(9, n)[:3000]) for n in range(BALLAST)])


def ledger(directory: Path, writer: int) -> Path:
    return directory / f"{writer}.txt"


def acknowledged(directory: Path) -> list[int]:
    """How far each writer has come, by what it recorded after each commit."""
    # The last line may be half written.
    return [
        int((b"0\n" + ledger(directory, writer).read_bytes()).rpartition(b"\n")[0].split()[-1])
        for writer in WRITERS
    ]


def start(path: Path, ledgers: Path) -> list[Child]:
    """Writers that go on where the database says they are, until `send()` or the end."""
    here = Path(__file__).parent
    children = [Child(WRITER, here, path, writer, ledger(ledgers, writer)) for writer in WRITERS]
    for child in children:
        assert child.line() == "ready"
    return children
