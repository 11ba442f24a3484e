"""libsql, on a local file."""

from typing import Any

import libsql

from ..data import ALL, COLUMNS, INSERT, POINT, UPSERT, WRITE, Item, Row
from . import Closing, Point, Write, pragmas


class Peer(Closing):
    def __init__(self, path: str, durable: bool = False) -> None:
        super().__init__(path, durable)
        self.db = libsql.connect(path, isolation_level=None)
        for statement in pragmas(durable):
            self.db.execute(statement).fetchall()

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
        return [dict(zip(COLUMNS, row)) for row in self.tuples()]  # noqa: B905

    def objects(self) -> list[Any]:
        return [Item(*row) for row in self.tuples()]

    def insert_many(self, table: str, rows: list[Row]) -> None:
        self._many(INSERT.format(table=table), rows)

    def upsert_sql(self, rows: list[Row]) -> None:
        self._many(UPSERT, rows)

    def _many(self, sql: str, rows: list[Row]) -> None:
        self.db.execute("begin immediate")
        self.db.executemany(sql, rows)
        self.db.execute("commit")

    def writer(self) -> Write:
        execute = self.db.execute
        return lambda key, body: execute(WRITE, (key, body))
