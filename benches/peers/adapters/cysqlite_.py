"""cysqlite, and its async face."""

from collections.abc import Awaitable
from typing import Any, Self

import cysqlite
import cysqlite.aio

from ..data import ALL, COLUMNS, INSERT, POINT, UPSERT, WRITE, Item, Row
from . import Closing, Point, Write, pragmas


class Peer(Closing):
    def __init__(self, path: str, durable: bool = False) -> None:
        super().__init__(path, durable)
        self.db = cysqlite.connect(path, timeout=5)
        for statement in pragmas(durable):
            self.db.execute(statement)

    def close(self) -> None:
        self.db.close()

    def fetch(self, sql: str) -> list[Any]:
        return self.db.execute(sql).fetchall()

    def run(self, sql: str) -> None:
        self.db.execute(sql)

    def point(self) -> Point:
        execute_one = self.db.execute_one
        return lambda key: execute_one(POINT, (key,))

    def tuples(self) -> list[Any]:
        return self.db.execute(ALL).fetchall()

    def dicts(self) -> list[Any]:
        return [dict(zip(COLUMNS, row)) for row in self.db.execute(ALL)]  # noqa: B905

    def objects(self) -> list[Any]:
        return [Item(*row) for row in self.db.execute(ALL)]

    def insert_many(self, table: str, rows: list[Row]) -> None:
        self._many(INSERT.format(table=table), rows)

    def upsert_sql(self, rows: list[Row]) -> None:
        self._many(UPSERT, rows)

    def _many(self, sql: str, rows: list[Row]) -> None:
        with self.db.atomic():
            self.db.executemany(sql, rows)

    def writer(self) -> Write:
        execute = self.db.execute
        return lambda key, body: execute(WRITE, (key, body))


class AsyncPeer:
    def __init__(self, path: str) -> None:
        self.path = path
        # Its statements of 100 ms wait in the connection's own thread: each has one of its own.
        self.others: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self.db = await self._connect()
        return self

    async def _connect(self) -> Any:
        db = cysqlite.aio.connect(self.path)
        for statement in pragmas(durable=False):
            await db.execute(statement)
        return db

    async def __aexit__(self, *raised: object) -> None:
        for db in [self.db, *self.others.values()]:
            await db.close()

    def point(self, key: int) -> Awaitable[Any]:
        return self.db.execute_one(POINT, (key,))

    def write(self, key: int, body: str) -> Awaitable[Any]:
        return self.db.execute(WRITE, (key, body))

    async def fetch(self, sql: str) -> Any:
        return await (await self.db.execute(sql)).fetchall()

    async def prepare_long(self, sql: str) -> None:
        self.others[sql] = await self._connect()

    async def long(self, sql: str) -> Any:
        return await (await self.others[sql].execute(sql)).fetchall()
