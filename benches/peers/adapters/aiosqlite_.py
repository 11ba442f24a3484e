"""aiosqlite: a thread behind each connection, one call into it for a query."""

from typing import Any, Self

import aiosqlite

from ..data import POINT, WRITE
from . import pragmas


class AsyncPeer:
    def __init__(self, path: str) -> None:
        self.path = path
        # Its statements of 100 ms wait in the connection's own thread: each has one of its own.
        self.others: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self.db = await self._connect()
        return self

    async def _connect(self) -> aiosqlite.Connection:
        db = await aiosqlite.connect(self.path, isolation_level=None)
        for statement in pragmas(durable=False):
            await db.execute_fetchall(statement)
        return db

    async def __aexit__(self, *raised: object) -> None:
        for db in [self.db, *self.others.values()]:
            await db.close()

    async def point(self, key: int) -> Any:
        (row,) = await self.db.execute_fetchall(POINT, (key,))
        return row

    async def write(self, key: int, body: str) -> None:
        await self.db.execute_fetchall(WRITE, (key, body))

    async def fetch(self, sql: str) -> Any:
        return await self.db.execute_fetchall(sql)

    async def prepare_long(self, sql: str) -> None:
        self.others[sql] = await self._connect()

    async def long(self, sql: str) -> Any:
        return await self.others[sql].execute_fetchall(sql)
