"""msqlite: opens, locks, commits and closes for each use."""

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from msqlite import MSQLite, msqlite

from ..data import WRITE
from . import Closing, Write, pragmas


def connect(durable: bool, path: str, **given: Any) -> sqlite3.Connection:
    connection = sqlite3.connect(path, **given)
    for statement in pragmas(durable):
        connection.execute(statement)
    return connection


class Module:
    """It has no setting for pragmas; it finds this where it looks for sqlite3."""

    OperationalError = sqlite3.OperationalError
    Connection = sqlite3.Connection
    Cursor = sqlite3.Cursor

    def __init__(self, durable: bool) -> None:
        self.connect = partial(connect, durable)


class Peer(Closing):
    def __init__(self, path: str, durable: bool = False) -> None:
        super().__init__(path, durable)
        msqlite.sqlite3 = Module(durable)
        # While one connection stays open, closing one of its own is no checkpoint.
        self.held = connect(durable, path)
        self.held.execute("select count(*) from tally").fetchone()

    def close(self) -> None:
        self.held.close()

    def session(self) -> "Peer":
        return self

    def fetch(self, sql: str) -> list[Any]:
        with MSQLite(Path(self.path), "tally") as db:
            return db.execute(sql).fetchall()

    def run(self, sql: str) -> None:
        with MSQLite(Path(self.path), "tally") as db:
            db.execute(sql)

    def writer(self) -> Write:
        path = Path(self.path)

        def write(key: int, body: str) -> None:
            with MSQLite(path, "tally") as db:
                db.execute(WRITE, (key, body))

        return write
