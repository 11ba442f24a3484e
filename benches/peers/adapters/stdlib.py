"""The standard library's sqlite3: autocommit, the C row factory, a connection a thread."""

import sqlite3
from typing import Any

from ..data import ALL, INSERT, POINT, UPSERT, WRITE, Item, Row
from . import Closing, Point, Write, pragmas


class Peer(Closing):
    def __init__(self, path: str, durable: bool = False) -> None:
        super().__init__(path, durable)
        self.db = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        for statement in pragmas(durable):
            self.db.execute(statement)

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
        cursor = self.db.cursor()
        cursor.row_factory = sqlite3.Row
        return [dict(row) for row in cursor.execute(ALL)]

    def objects(self) -> list[Any]:
        return [Item(*row) for row in self.db.execute(ALL)]

    def insert_many(self, table: str, rows: list[Row]) -> None:
        self._many(INSERT.format(table=table), rows)

    def upsert_sql(self, rows: list[Row]) -> None:
        self._many(UPSERT, rows)

    def _many(self, sql: str, rows: list[Row]) -> None:
        with self.db:
            self.db.execute("begin immediate")
            self.db.executemany(sql, rows)

    def writer(self) -> Write:
        execute = self.db.execute
        return lambda key, body: execute(WRITE, (key, body))
