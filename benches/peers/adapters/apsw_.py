"""apsw, and its async face."""

from typing import Any, Self

import apsw
import apsw.ext

from ..data import ALL, COLUMNS, INSERT, POINT, UPSERT, WRITE, Row
from . import Closing, Point, Write, pragmas


class Peer(Closing):
    def __init__(self, path: str, durable: bool = False) -> None:
        super().__init__(path, durable)
        self.db = apsw.Connection(path)
        for statement in pragmas(durable):
            self.db.execute(statement)

    def close(self) -> None:
        self.db.close()

    def fetch(self, sql: str) -> list[Any]:
        return self.db.execute(sql).fetchall()

    def run(self, sql: str) -> None:
        self.db.execute(sql).fetchall()

    def point(self) -> Point:
        execute = self.db.execute
        return lambda key: execute(POINT, (key,)).fetchone()

    def tuples(self) -> list[Any]:
        return self.db.execute(ALL).fetchall()

    def dicts(self) -> list[Any]:
        return [dict(zip(COLUMNS, row)) for row in self.db.execute(ALL)]  # noqa: B905

    def objects(self) -> list[Any]:
        cursor = self.db.cursor()
        cursor.row_trace = apsw.ext.DataClassRowFactory()
        return cursor.execute(ALL).fetchall()

    def insert_many(self, table: str, rows: list[Row]) -> None:
        self._many(INSERT.format(table=table), rows)

    def upsert_sql(self, rows: list[Row]) -> None:
        self._many(UPSERT, rows)

    def _many(self, sql: str, rows: list[Row]) -> None:
        with self.db:
            self.db.executemany(sql, rows)

    def writer(self) -> Write:
        execute = self.db.execute

        def write(key: int, body: str) -> None:
            execute("begin immediate")
            try:
                execute(WRITE, (key, body))
            except BaseException:
                execute("rollback")
                raise
            execute("commit")

        return write


class AsyncPeer:
    def __init__(self, path: str) -> None:
        self.path = path
        # Its statements of 100 ms wait in the connection's own thread: each has one of its own.
        self.others: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self.db = await self._connect()
        return self

    async def _connect(self) -> Any:
        db = await apsw.Connection.as_async(self.path)
        for statement in pragmas(durable=False):
            await db.execute(statement)
        return db

    async def __aexit__(self, *raised: object) -> None:
        for db in [self.db, *self.others.values()]:
            await db.aclose()

    async def point(self, key: int) -> Any:
        return await (await self.db.execute(POINT, (key,))).fetchone()

    async def write(self, key: int, body: str) -> None:
        await self.db.execute(WRITE, (key, body))

    async def fetch(self, sql: str) -> Any:
        return await (await self.db.execute(sql)).fetchall()

    async def prepare_long(self, sql: str) -> None:
        self.others[sql] = await self._connect()

    async def long(self, sql: str) -> Any:
        return await (await self.others[sql].execute(sql)).fetchall()
