"""sqlite-utils: its own verbs where it has them."""

import sqlite3
from typing import Any

import sqlite_utils

from ..data import ALL, POINT, WRITE, Item
from . import Closing, Point, Write, pragmas


class Peer(Closing):
    wants_mappings = True

    def __init__(self, path: str, durable: bool = False) -> None:
        super().__init__(path, durable)
        connection = sqlite3.connect(path, timeout=5.0)
        self.db = sqlite_utils.Database(connection)
        for statement in pragmas(durable):
            connection.execute(statement)

    def close(self) -> None:
        self.db.close()

    def fetch(self, sql: str) -> list[Any]:
        return self.db.execute(sql).fetchall()

    def run(self, sql: str) -> None:
        self.db.execute(sql)

    def point(self) -> Point:
        execute = self.db.execute
        return lambda key: execute(POINT, (key,)).fetchone()

    def tuples(self) -> list[Any]:
        return self.db.execute(ALL).fetchall()

    def dicts(self) -> list[Any]:
        return list(self.db["item"].rows)

    def objects(self) -> list[Any]:
        return [Item(**row) for row in self.db["item"].rows]

    def insert_many(self, table: str, rows: list[dict[str, Any]]) -> None:
        self.db[table].insert_all(rows)

    def upsert_many(self, rows: list[dict[str, Any]]) -> None:
        self.db["item"].upsert_all(rows, pk="id")

    def writer(self) -> Write:
        connection = self.db.conn

        def write(key: int, body: str) -> None:
            with connection:
                connection.execute(WRITE, (key, body))

        return write
