"""rapsqlite: Tokio and sqlx, with a pool of its own."""

from collections.abc import Awaitable
from typing import Any, Self

import rapsqlite

from ..data import POINT, WRITE
from . import SETTINGS


class AsyncPeer:
    def __init__(self, path: str) -> None:
        self.path = path

    async def __aenter__(self) -> Self:
        settings = SETTINGS | {"synchronous": "NORMAL", "mmap_size": str(1 << 30)}
        self.db = rapsqlite.connect(
            self.path, pragmas=settings, timeout=5.0, isolation_level=None, pool_size=10
        )
        await self.db.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.db.__aexit__(*raised)

    def point(self, key: int) -> Awaitable[Any]:
        return self.db.fetch_one(POINT, [key])

    async def write(self, key: int, body: str) -> None:
        await self.db.execute(WRITE, [key, body])

    async def fetch(self, sql: str) -> Any:
        return await self.db.fetch_all(sql)
